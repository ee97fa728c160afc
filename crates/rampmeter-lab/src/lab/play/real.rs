//! What is measured of a playing in real time, of the process and thread that it is played on.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rampmeter::runtime::Runtime;
use rampmeter::{MemoryMeter, ProcessMemory};

use super::super::record::Facts;
use super::super::tools::locked;
use super::process::Process;

/// How often the heart beats.
const BEAT: Duration = Duration::from_millis(5);

/// What is measured from its making on. To be made and read on the thread of the loop.
pub(super) struct Gauge {
    lags: Arc<Mutex<Vec<u64>>>,
    resident: Option<u64>,
    cpu: Option<u64>,
}

impl Gauge {
    /// Begins to measure; the heart beats on `outside`, on the loop of the calls.
    pub(super) fn new(outside: &Arc<Process>) -> Gauge {
        let lags = Arc::<Mutex<Vec<u64>>>::default();
        outside.spawn(Box::pin(beats(outside.clone(), lags.clone())));
        // The peak counts from now on, where the kernel lets it be set back.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Gauge { lags, resident: ProcessMemory.bytes(), cpu: cpu() }
    }

    /// What it was.
    pub(super) fn read(self) -> Facts {
        let peak = fs::read_to_string("/proc/self/status").ok();
        let peak = peak.as_deref().and_then(peak_of);
        Facts {
            lags: std::mem::take(&mut *locked(&self.lags)),
            resident: self.resident.zip(peak).map(|(before, peak)| (before, peak.max(before))),
            cpu: self.cpu.zip(cpu()).map(|(before, now)| now.saturating_sub(before)),
            ..Facts::default()
        }
    }
}

/// Notes how late each beat is. After a late one the next is due a whole beat later.
async fn beats(outside: Arc<Process>, lags: Arc<Mutex<Vec<u64>>>) {
    loop {
        let due = outside.now().saturating_add(BEAT);
        outside.sleep_until(due).await;
        let late = outside.now().saturating_since(due);
        locked(&lags).push(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Processor time that this thread has had, in nanoseconds, as Linux tells it.
fn cpu() -> Option<u64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok()
}

/// The greatest resident memory.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
