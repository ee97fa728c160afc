//! Durations as Python has them: seconds, or a `timedelta`.

use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;

/// A duration that an argument named `place` gives.
///
/// # Errors
/// It is neither a number nor a `timedelta`, or negative, or no number.
pub(crate) fn duration(value: &Bound<'_, PyAny>, place: &str) -> PyResult<Duration> {
    let seconds: f64 = match value.extract() {
        Ok(seconds) => seconds,
        // A whole number that is more than a float can say.
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            if value.lt(0)? {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }
        }
        Err(_) => match value.getattr(intern!(value.py(), "total_seconds")) {
            Ok(total) => total.call0()?.extract()?,
            Err(_) => {
                let kind = value.get_type().name()?;
                let message = format!("{place} is {kind}; give seconds, or a timedelta");
                return Err(PyTypeError::new_err(message));
            }
        },
    };
    if seconds.is_nan() || seconds < 0.0 {
        let message = format!("{place} is {seconds} seconds; give 0 or more");
        return Err(PyValueError::new_err(message));
    }
    // Longer than anybody lives is for ever.
    Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}
