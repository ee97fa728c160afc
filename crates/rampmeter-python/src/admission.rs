//! A call that asks to start: an awaitable, its own iterator, and an async context manager, so that one
//! object serves `async with gate.admit(…)`.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rampmeter::{Asking, Waiting};

use crate::ask::Wish;
use crate::errors;
use crate::gate::Gate;
use crate::permit::Permit;
use crate::waiter::{Answer, Waiter};

/// A call that asks to start.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Admission {
    gate: Py<Gate>,
    wish: Wish,
    state: Mutex<State>,
}

struct State {
    progress: Progress,
    /// It was asked for by `async with`.
    entering: bool,
    /// What `__aexit__` ends.
    permit: Option<Py<Permit>>,
}

enum Progress {
    New,
    Waiting(Arc<Waiter>),
    /// Answered or given up; or somebody looks at it right now.
    Over,
}

impl Admission {
    pub(crate) fn new(gate: Py<Gate>, wish: Wish) -> Admission {
        let state = State { progress: Progress::New, entering: false, permit: None };
        Admission { gate, wish, state: Mutex::new(state) }
    }

    fn take(&self) -> Progress {
        std::mem::replace(&mut self.state.lock().progress, Progress::Over)
    }

    /// Asks, or looks for the answer; returns the future to wait for, or raises `StopIteration` with
    /// the permit.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let gate = self.gate.get();
        gate.birth().check(py)?;
        let answer = match self.take() {
            Progress::New => {
                let asked =
                    self.wish.with_call(py, gate.number(), |call| gate.inner().ask(call))?;
                match asked {
                    Asking::Granted(permit) => Answer::Permit(permit),
                    Asking::Refused(refusal) => Answer::Refused(refusal),
                    Asking::Waiting(waiting) => self.wait(py, waiting)?,
                }
            }
            Progress::Waiting(waiter) => match waiter.take() {
                Some(waiting) => self.wait(py, waiting)?,
                // Its loop was closed when it was answered.
                None => return Err(spent(py)),
            },
            Progress::Over => return Err(spent(py)),
        };
        match answer {
            Answer::Later(waiter) => {
                let future = waiter.future(py);
                self.state.lock().progress = Progress::Waiting(waiter);
                Ok(future)
            }
            Answer::Refused(refusal) => Err(errors::refused(py, &refusal)),
            Answer::Permit(permit) => {
                let permit = Permit::new(permit, gate.number(), self.wish.tool.clone_ref(py));
                let permit = Bound::new(py, permit)?;
                if self.state.lock().entering {
                    Permit::enter(&permit)?;
                    self.state.lock().permit = Some(permit.clone().unbind());
                }
                Err(PyStopIteration::new_err((permit.unbind(),)))
            }
        }
    }

    fn wait(&self, py: Python<'_>, waiting: Waiting) -> PyResult<Answer> {
        Waiter::wait(py, self.gate.get().keeper(), waiting)
    }

    /// Gives the call up, if it waits.
    fn give_up(&self) {
        if let Progress::Waiting(waiter) = self.take() {
            drop(waiter.take());
        }
    }
}

#[pymethods]
impl Admission {
    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        match slf.get().state.lock().progress {
            Progress::New => Ok(slf.clone()),
            Progress::Waiting(_) | Progress::Over => Err(spent(slf.py())),
        }
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    fn send<'py>(&self, py: Python<'py>, _value: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    /// Whoever awaits it is cancelled, or has something else raised in it.
    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.give_up();
        let error = match value.filter(|value| value.is_instance_of::<PyBaseException>()) {
            Some(error) => PyErr::from_value(error.clone()),
            None if kind.is_instance_of::<PyBaseException>() => PyErr::from_value(kind.clone()),
            None => match value {
                Some(value) => PyErr::from_value(kind.call1((value,))?),
                None => PyErr::from_value(kind.call0()?),
            },
        };
        if let Some(Ok(traceback)) = traceback.map(Bound::cast) {
            error.set_traceback(kind.py(), Some(traceback.clone()));
        }
        Err(error)
    }

    fn close(&self) {
        self.give_up();
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.get().state.lock().entering = true;
        slf.clone()
    }

    fn __aexit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        let permit = slf.get().state.lock().permit.take();
        if let Some(permit) = permit {
            Permit::leave(permit.bind(slf.py()), error)?;
        }
        Done::one(slf.py())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let state = match self.state.lock().progress {
            Progress::New => "not awaited yet",
            Progress::Waiting(_) => "waiting",
            Progress::Over => "over",
        };
        Ok(format!("<rampmeter.Admission {} {state}>", self.wish.tool.bind(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has it locked is not garbage.
        if let Some(state) = self.state.try_lock() {
            visit.call(&state.permit)?;
            if let Progress::Waiting(waiter) = &state.progress {
                visit.call(waiter.visible())?;
            }
        }
        visit.call(&self.gate)
    }

    fn __clear__(&self) {
        self.give_up();
        let permit = self.state.lock().permit.take();
        drop(permit);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let Progress::Waiting(waiter) = std::mem::replace(&mut state.progress, Progress::Over)
        else {
            return;
        };
        if self.gate.get().birth().is_here() {
            errors::apart(|| drop(waiter.take()));
        } else {
            // The gate's lock may be held for ever in this process.
            std::mem::forget(waiter);
        }
    }
}

fn spent(py: Python<'_>) -> PyErr {
    errors::usage(py, "this admission has been awaited; ask again with gate.admit for each call")
}

/// An awaitable that has nothing to wait for.
#[pyclass(frozen)]
pub(crate) struct Done;

impl Done {
    fn one(py: Python<'_>) -> PyResult<Py<Done>> {
        static ONE: PyOnceLock<Py<Done>> = PyOnceLock::new();
        Ok(ONE.get_or_try_init(py, || Py::new(py, Done))?.clone_ref(py))
    }
}

#[pymethods]
impl Done {
    fn __await__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }
}
