//! Processor time that tools need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rampmeter::runtime::Runtime;
use tokio::sync::Semaphore;

/// So many cores there are in virtual time.
const CORES: usize = 2;

/// Who lets tools have a core.
#[derive(Debug)]
pub(super) enum Cores {
    /// First come, first served.
    Shared(Semaphore),
    /// The one that the loop runs on.
    OfTheLoop,
}

impl Cores {
    pub(super) fn new(real: bool) -> Cores {
        if real { Cores::OfTheLoop } else { Cores::Shared(Semaphore::new(CORES)) }
    }

    /// Works on a core for so many nanoseconds.
    pub(super) async fn work(&self, runtime: &Arc<dyn Runtime>, nanos: u64) {
        if nanos == 0 {
            return;
        }
        let takes = Duration::from_nanos(nanos);
        match self {
            Cores::Shared(cores) => {
                // Nobody closes it.
                let _core = cores.acquire().await;
                runtime.sleep_until(runtime.now().saturating_add(takes)).await;
            }
            Cores::OfTheLoop => burn(takes),
        }
    }
}

/// Keeps the loop from everything else, as an async tool does that computes.
fn burn(takes: Duration) {
    let since = Instant::now();
    let mut spun = 0u64;
    while since.elapsed() < takes {
        spun = std::hint::black_box(spun.wrapping_add(1));
    }
}
