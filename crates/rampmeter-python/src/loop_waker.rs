//! A future of a loop, which a waker of Rust's resolves from whichever thread it is called in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::interpreter;
use crate::keeper::{Keeper, LoopStay};
use crate::py_loop::PyLoop;

/// Wakes a task of a loop once. As long as it lives, that loop keeps time for the gate.
pub(crate) struct LoopWaker {
    future: Py<PyAny>,
    stay: LoopStay,
    woken: AtomicBool,
}

impl LoopWaker {
    /// One for the loop that runs here.
    ///
    /// # Errors
    /// No loop runs here.
    pub(crate) fn new(py: Python<'_>, keeper: &Arc<Keeper>) -> PyResult<LoopWaker> {
        let on = PyLoop::running(py)?;
        let future = on.future()?.unbind();
        let stay = keeper.enter(py, &on)?;
        Ok(LoopWaker { future, stay, woken: AtomicBool::new(false) })
    }

    /// What the task is to wait for.
    pub(crate) fn future<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.future.bind(py).clone()
    }

    /// Resolves the future. Says whether its loop will hear of it; one that is closed will not.
    pub(crate) fn wake(&self) -> bool {
        let told = interpreter::enter(|py| {
            self.woken.store(true, Ordering::Relaxed);
            self.stay.home().resolve(py, self.future.bind(py))
        });
        told == Some(true)
    }

    /// Shows a garbage collector the future. As long as somebody may wake it, it is no garbage and
    /// neither is the task that waits for it, though nobody else may have kept a reference to it.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if self.woken.load(Ordering::Relaxed) { visit.call(&self.future) } else { Ok(()) }
    }
}
