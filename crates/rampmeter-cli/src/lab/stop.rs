//! The wish that a study should end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::exit::Exit;
use crate::interrupt::interrupted;
use crate::say::say;

/// Whether somebody has interrupted.
#[derive(Clone, Default, Debug)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Heard by a thread of its own. The first interrupt ends a study in order, the second at once:
    /// what is kept is whole at any moment.
    pub(super) fn on_interrupt() -> Result<Stop, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("cannot listen for interrupts: {error}"))?;
        let stop = Stop::default();
        let told = stop.clone();
        thread::spawn(move || {
            runtime.block_on(async {
                interrupted().await;
                say("interrupted: ending what is being played; interrupt again to leave at once");
                told.0.store(true, Ordering::Relaxed);
                interrupted().await;
                std::process::exit(Exit::Interrupted.code().into());
            });
        });
        Ok(stop)
    }

    /// Whether it is to end.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same as a flag.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0
    }
}
