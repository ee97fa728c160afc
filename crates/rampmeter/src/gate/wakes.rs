//! Whom to wake when the gate's lock is free again.

use std::sync::Arc;
use std::task::Waker;

use smallvec::SmallVec;

use super::state::Waits;
use crate::pressure::MemoryMeter;

#[derive(Default)]
pub(super) struct Wakes {
    /// Waiters that have been answered, or shall look.
    waiters: SmallVec<[Waits; 2]>,
    /// Readers of events, and the timer.
    others: SmallVec<[Waker; 2]>,
    /// Whom to ask how much memory is in use.
    meter: Option<Arc<dyn MemoryMeter>>,
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

    /// It is to be measured how much memory is in use.
    pub(super) fn measure(&mut self, meter: Arc<dyn MemoryMeter>) {
        self.meter = Some(meter);
        self.any = true;
    }

    /// Without the lock. Returns whom to ask, then, how much memory is in use.
    pub(super) fn wake(self) -> Option<Arc<dyn MemoryMeter>> {
        self.waiters.iter().for_each(|waiter| waiter.wake());
        self.others.into_iter().for_each(Waker::wake);
        self.meter
    }
}
