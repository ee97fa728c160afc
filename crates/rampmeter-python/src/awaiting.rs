//! An awaitable that is driven step by step, as a coroutine is: `asyncio` takes it for one, so it can be
//! awaited, be a task, and be cancelled.

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

/// What is done each time that its task goes on.
pub(crate) trait Steps: Send + Sync + 'static {
    /// # Errors
    /// What is to be raised where it is awaited.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>>;

    /// Nobody awaits it any more.
    fn give_up(&self);

    /// Shows a garbage collector what it holds.
    ///
    /// # Errors
    /// The collector's own.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

/// How far it is.
pub(crate) enum Step<'py> {
    /// This future of the loop is to be waited for.
    Later(Bound<'py, PyAny>),
    /// What it comes to.
    Done(Py<PyAny>),
}

/// An awaitable.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Awaiting(Box<dyn Steps>);

impl Awaiting {
    pub(crate) fn new(steps: impl Steps) -> Awaiting {
        Awaiting(Box::new(steps))
    }
}

#[pymethods]
impl Awaiting {
    fn __await__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.step(py)? {
            Step::Later(future) => Ok(future),
            Step::Done(value) => Err(PyStopIteration::new_err((value,))),
        }
    }

    fn send<'py>(&self, py: Python<'py>, _value: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.__next__(py)
    }

    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.0.give_up();
        Err(thrown(kind, value, traceback)?)
    }

    fn close(&self) {
        self.0.give_up();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.traverse(&visit)
    }

    fn __clear__(&self) {
        self.0.give_up();
    }
}

/// The exception that the arguments of a coroutine's `throw` mean.
///
/// # Errors
/// What the exception's class raised instead of making one.
pub(crate) fn thrown(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let error = match value.filter(|value| value.is_instance_of::<PyBaseException>()) {
        Some(error) => error.clone(),
        None if kind.is_instance_of::<PyBaseException>() => kind.clone(),
        None => match value {
            Some(value) => kind.call1((value,))?,
            None => kind.call0()?,
        },
    };
    let error = PyErr::from_value(error);
    if let Some(Ok(traceback)) = traceback.map(Bound::cast) {
        error.set_traceback(kind.py(), Some(traceback.clone()));
    }
    Ok(error)
}
