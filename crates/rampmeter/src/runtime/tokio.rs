//! The tokio plug.

use std::time::{Duration, SystemTime};

use rampmeter_core::Instant;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{BoxFuture, Counter, Runtime};

/// Runs a gate on tokio.
///
/// The clock is the processor's time-stamp counter where that is steady, since a decision takes
/// less time than asking the operating system for it. Made under `tokio::time::pause`, it is
/// tokio's own clock instead, so that tests may move the time.
///
/// The gate may be made outside a runtime and used from several of them; its timer runs on the
/// one that first needs it, or on a thread of its own if there is none that runs by itself.
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    epoch: tokio::time::Instant,
    /// A quicker clock of the same epoch.
    counter: Option<Counter>,
}

impl TokioRuntime {
    /// A plug whose epoch is now.
    pub fn new() -> TokioRuntime {
        let counter = (!tokio_is_paused()).then(Counter::new);
        TokioRuntime { epoch: tokio::time::Instant::now(), counter }
    }
}

/// Tokio does not say whether its clock is paused, but a clock that stands still shows.
fn tokio_is_paused() -> bool {
    const SHOWS_AFTER: Duration = Duration::from_micros(2);
    let (start, tokio_start) = (std::time::Instant::now(), tokio::time::Instant::now());
    while start.elapsed() < SHOWS_AFTER {
        std::hint::spin_loop();
    }
    tokio_start.elapsed().is_zero()
}

impl Default for TokioRuntime {
    fn default() -> Self {
        TokioRuntime::new()
    }
}

impl Runtime for TokioRuntime {
    #[inline]
    fn now(&self) -> Instant {
        match &self.counter {
            Some(counter) => counter.now(),
            None => Instant::EPOCH.saturating_add(self.epoch.elapsed()),
        }
    }

    fn counter(&self) -> Option<Counter> {
        self.counter.clone()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        // From now, not from the epoch: over days the two clocks may drift apart.
        let left = at.saturating_since(self.now());
        match tokio::time::Instant::now().checked_add(left) {
            Some(at) => Box::pin(tokio::time::sleep_until(at)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn spawn(&self, task: BoxFuture<()>) {
        let paused = self.counter.is_none();
        match Handle::try_current() {
            Ok(runtime) if paused || runs_by_itself(&runtime) => {
                runtime.spawn(task);
            }
            _ => on_a_thread(task),
        }
    }
}

/// A runtime of one thread stands still while nobody blocks on it, and those who wait elsewhere
/// would wait for it.
fn runs_by_itself(runtime: &Handle) -> bool {
    runtime.runtime_flavor() != RuntimeFlavor::CurrentThread
}

/// Callers that block on a future without any runtime still need somebody who keeps time. If not
/// even a thread can be had, the task is dropped, and the gate tries again when it is next polled.
fn on_a_thread(task: BoxFuture<()>) {
    let run = move || {
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() {
            runtime.block_on(task);
        }
    };
    drop(std::thread::Builder::new().name("rampmeter-timer".into()).spawn(run));
}
