//! Time as an argument: nanoseconds since the engine's epoch.
//!
//! `std::time::Instant` is opaque and bound to a host, so a history written with it cannot be
//! replayed. This one is a number that the caller supplies with every input.

use core::time::Duration;

/// A moment, in nanoseconds since the engine's epoch (whatever the caller chose that to be).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Instant(u64);

impl Instant {
    /// The engine's epoch.
    pub const EPOCH: Instant = Instant(0);
    /// A moment that never comes; 584 years after the epoch.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The moment `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The moment `millis` milliseconds after the epoch, saturating.
    pub const fn from_millis(millis: u64) -> Instant {
        Instant(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This moment moved later by `by`, saturating at [`Instant::NEVER`].
    pub fn saturating_add(self, by: Duration) -> Instant {
        Instant(self.0.saturating_add(nanos(by)))
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in whole nanoseconds, saturating at 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
