//! The plug between the gate and Python: a clock, and time that is kept by whoever waits.

use std::sync::Arc;
use std::time::SystemTime;

use pyo3::prelude::*;
use rampmeter::Instant;
use rampmeter::runtime::{BoxFuture, Counter, Runtime};

use crate::keeper::{Keeper, Sleep};
use crate::task::Task;

/// Runs a gate on the loops and threads of Python that wait at it.
pub(crate) struct PythonRuntime {
    clock: Counter,
    keeper: Arc<Keeper>,
}

impl PythonRuntime {
    /// # Errors
    /// Python has no memory left.
    pub(crate) fn new(py: Python<'_>) -> PyResult<PythonRuntime> {
        let clock = Counter::new();
        let keeper = Arc::new(Keeper::new(py, clock.clone())?);
        Ok(PythonRuntime { clock, keeper })
    }

    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }
}

impl Runtime for PythonRuntime {
    #[inline]
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn counter(&self) -> Option<Counter> {
        Some(self.clock.clone())
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        Box::pin(Sleep::new(self.keeper.clone(), at))
    }

    fn spawn(&self, task: BoxFuture<()>) {
        Task::start(task);
    }
}
