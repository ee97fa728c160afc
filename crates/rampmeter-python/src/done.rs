//! How what is awaited ends.

use std::ffi::CString;

use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// An awaitable that has nothing to wait for.
#[pyclass(frozen)]
pub(crate) struct Done;

impl Done {
    pub(crate) fn one(py: Python<'_>) -> PyResult<Py<Done>> {
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

/// Has `__next__`, when it returns nothing, end with this value. Python takes the value without making an
/// exception of it where it can; `PyErr` would make one for each admission.
#[allow(unsafe_code, reason = "PyO3 has no other way to end an iterator with a value")]
pub(crate) fn stop_with(value: &Bound<'_, PyAny>) {
    // SAFETY: the thread is attached, as `value` shows, and both pointers are alive; Python takes references
    // of its own.
    unsafe { pyo3::ffi::PyErr_SetObject(pyo3::ffi::PyExc_StopIteration, value.as_ptr()) }
}

/// It ended before it began. As Python says it of a coroutine.
pub(crate) fn never_awaited(what: &str) {
    Python::try_attach(|py| {
        let category = py.get_type::<PyRuntimeWarning>();
        let message = CString::new(format!("{what} was never awaited")).unwrap_or_default();
        if let Err(error) = PyErr::warn(py, &category, &message, 1) {
            error.write_unraisable(py, None);
        }
    });
}
