//! The tokio plug.

use std::time::{Duration, SystemTime};

use rampmeter_core::Instant;
use tokio::runtime::Handle;

use super::{BoxFuture, Runtime};

/// Runs a gate on tokio, with its clock: under `tokio::time::pause` the gate's time is paused too.
///
/// The gate may be made outside a runtime and used from several of them; its timer runs on the
/// one that first needs it, or on a thread of its own if there is none.
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    epoch: tokio::time::Instant,
}

impl TokioRuntime {
    /// A plug whose epoch is now.
    pub fn new() -> TokioRuntime {
        TokioRuntime { epoch: tokio::time::Instant::now() }
    }
}

impl Default for TokioRuntime {
    fn default() -> Self {
        TokioRuntime::new()
    }
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Instant {
        Instant::EPOCH.saturating_add(self.epoch.elapsed())
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        let since = Duration::from_nanos(at.as_nanos());
        match self.epoch.checked_add(since) {
            Some(at) => Box::pin(tokio::time::sleep_until(at)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn spawn(&self, task: BoxFuture<()>) {
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(task);
            }
            Err(_) => on_a_thread(task),
        }
    }
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
