//! How a call ended, in Python's words.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rampmeter::Outcome;

use crate::permit::Permit;

/// That of a call in which this was raised; what a server says in it is told first.
///
/// # Errors
/// What a signal's handler raises meanwhile.
pub(crate) fn of(permit: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    static CLASSIFY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let classify = CLASSIFY.import(permit.py(), "rampmeter._outcome", "classify")?;
    named(classify.call1((permit, error))?.extract()?)
}

/// The one of this name.
///
/// # Errors
/// There is none.
pub(crate) fn named(word: &str) -> PyResult<Outcome> {
    Ok(match word {
        "succeeded" => Outcome::Succeeded,
        "failed" => Outcome::Failed,
        "overloaded" => Outcome::Overloaded,
        "cancelled" => Outcome::Cancelled,
        other => {
            let message = format!(
                "outcome is {other:?}; a call has succeeded, failed, been overloaded or cancelled"
            );
            return Err(PyValueError::new_err(message));
        }
    })
}
