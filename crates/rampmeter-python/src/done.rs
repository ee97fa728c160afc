//! The end of `async with`, which has nothing to wait for.

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
