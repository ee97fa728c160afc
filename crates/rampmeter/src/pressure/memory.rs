//! How much memory is in use.

use std::fs;

/// Tells how much memory is in use; the gate asks it outside its lock, on the thread of a call that
/// is being admitted or of its timer, as often as the policy says.
pub trait MemoryMeter: Send + Sync + 'static {
    /// Bytes in use now; `None` if that cannot be told. A gate is not made then; later it counts as
    /// none in use, so that calls are not stopped for ever.
    fn bytes(&self) -> Option<u64>;
}

/// The resident memory of this process, as Linux tells it. An allocator may keep what was freed, and
/// that counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessMemory;

impl MemoryMeter for ProcessMemory {
    fn bytes(&self) -> Option<u64> {
        resident(&fs::read_to_string("/proc/self/status").ok()?)
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_is_found_among_what_the_kernel_tells() {
        let status = "Name:\tx\nVmHWM:\t    9000 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(resident(status), Some(1_234 * 1_024));
        assert_eq!(resident("Name:\tx\n"), None);
        assert_eq!(resident("VmRSS:\tmany kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn here_it_is_more_than_a_megabyte() {
        assert!(ProcessMemory.bytes() > Some(1 << 20));
    }
}
