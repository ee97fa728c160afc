//! The gate's lock. Who finds it taken looks again for about as long as an input takes, and only
//! then lets the kernel in: a yield costs more than the wait, and spinning for longer would burn
//! what a holder that was preempted needs to go on.

use parking_lot::{Mutex, MutexGuard};

const LOOKS: usize = 100;

#[inline]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Some(guard) => guard,
        None => wait(mutex),
    }
}

#[cold]
fn wait<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..LOOKS {
        std::hint::spin_loop();
        if !mutex.is_locked()
            && let Some(guard) = mutex.try_lock()
        {
            return guard;
        }
    }
    mutex.lock()
}
