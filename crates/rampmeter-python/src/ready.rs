//! Waiting until the gate takes more work.

use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use rampmeter::runtime::BoxFuture;

use crate::awaiting::{Step, Steps};
use crate::errors;
use crate::gate::Gate;
use crate::waiter::{Answer, Waiter};

/// Awaits that the gate takes more work.
pub(crate) struct Ready {
    gate: Py<Gate>,
    progress: Mutex<Progress>,
}

enum Progress {
    New,
    Waiting(Arc<Waiter<BoxFuture<()>>>),
    /// Ready or given up; or somebody looks at it right now.
    Over,
}

impl Ready {
    pub(crate) fn new(gate: Py<Gate>) -> Ready {
        Ready { gate, progress: Mutex::new(Progress::New) }
    }

    fn take(&self) -> Progress {
        std::mem::replace(&mut *self.progress.lock(), Progress::Over)
    }
}

impl Steps for Ready {
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let gate = self.gate.get();
        gate.birth().check(py)?;
        let future = match self.take() {
            Progress::New => {
                let gate = gate.inner().clone();
                let mut future: BoxFuture<()> = Box::pin(async move { gate.ready().await });
                // Most of the time nobody has to wait.
                if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    return Ok(Step::Done(py.None()));
                }
                Some(future)
            }
            Progress::Waiting(waiter) => waiter.take(),
            Progress::Over => None,
        };
        let Some(future) = future else {
            return Err(errors::usage(py, "this was awaited before; call gate.ready() each time"));
        };
        let poll =
            |future: &mut BoxFuture<()>, context: &mut Context<'_>| future.as_mut().poll(context);
        match Waiter::wait(py, gate.keeper(), future, poll)? {
            Answer::Ready(()) => Ok(Step::Done(py.None())),
            Answer::Later(waiter, wait) => {
                *self.progress.lock() = Progress::Waiting(waiter);
                Ok(Step::Later(wait.into_bound(py).into_any()))
            }
        }
    }

    fn give_up(&self) {
        let Progress::Waiting(waiter) = self.take() else { return };
        if self.gate.get().birth().is_here() {
            drop(waiter.take());
        } else {
            // The gate's lock may be held for ever in this process.
            std::mem::forget(waiter);
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.gate)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        errors::apart(|| self.give_up());
    }
}
