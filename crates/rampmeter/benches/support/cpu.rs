//! The processor time of this process, all its threads together.

use std::time::Duration;

/// Since the process began; nothing where it cannot be had.
#[cfg(unix)]
pub(crate) fn used() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let nanos = u32::try_from(used.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(used.tv_sec).unwrap_or_default(), nanos)
}

#[cfg(not(unix))]
pub(crate) fn used() -> Duration {
    Duration::ZERO
}
