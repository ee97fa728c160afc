//! Whom to wake when the gate's lock is free again.

use std::task::Waker;

use smallvec::SmallVec;

use super::state::Waits;

#[derive(Default)]
pub(super) struct Wakes {
    /// Waiters that have been answered, or shall look.
    waiters: SmallVec<[Waits; 2]>,
    /// Readers of events, and the timer.
    others: SmallVec<[Waker; 2]>,
    any: bool,
}

impl Wakes {
    /// Is there anybody? One look, since every input takes it.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.any
    }

    pub(super) fn waiter(&mut self, waiter: Waits) {
        self.waiters.push(waiter);
        self.any = true;
    }

    pub(super) fn other(&mut self, waker: Option<Waker>) {
        self.any |= waker.is_some();
        self.others.extend(waker);
    }

    /// Without the lock.
    pub(super) fn wake(self) {
        self.waiters.iter().for_each(|waiter| waiter.wake());
        self.others.into_iter().for_each(Waker::wake);
    }
}
