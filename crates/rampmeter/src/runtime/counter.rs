//! The processor's time-stamp counter, as a clock.

use rampmeter_core::Instant;

/// Time since an epoch by the processor's counter, where that is steady; the operating system's
/// clock elsewhere.
#[derive(Clone, Debug)]
pub struct Counter {
    clock: quanta::Clock,
    epoch: u64,
}

impl Default for Counter {
    fn default() -> Counter {
        Counter::new()
    }
}

impl Counter {
    /// A counter whose epoch is now.
    pub fn new() -> Counter {
        let clock = quanta::Clock::new();
        let epoch = clock.raw();
        Counter { clock, epoch }
    }

    /// The time since its epoch.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.clock.delta_as_nanos(self.epoch, self.clock.raw()))
    }
}
