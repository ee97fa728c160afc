//! A gate's state in a file (`rampmeter/_state.py`).
//!
//! Rust's gate has a thread that writes. What that admits, since it is written now, reaches the loops
//! as any other answer does. Nobody waits for the disk with the interpreter's lock held.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rampmeter::{Durability, PersistError};

use crate::dataclass::dataclass;
use crate::errors;
use crate::gate::Gate;

/// How much may be forgotten, in Python's words.
///
/// # Errors
/// Another word, or an interval that means nothing.
pub(crate) fn durability(word: &str, interval: Option<Duration>) -> PyResult<Durability> {
    match (word, interval) {
        ("interval", None) => Ok(Durability::default()),
        ("interval", Some(Duration::ZERO)) => {
            Err(PyValueError::new_err("interval is 0; give seconds, or durability=\"strict\""))
        }
        ("interval", Some(interval)) => Ok(Durability::Interval(interval)),
        ("strict", None) => Ok(Durability::Strict),
        ("strict", Some(_)) => Err(PyValueError::new_err(
            "interval means nothing with durability=\"strict\"; leave it out",
        )),
        (other, _) => Err(PyValueError::new_err(format!(
            "durability is {other:?}; it is \"interval\" or \"strict\""
        ))),
    }
}

pub(crate) fn persist<'py>(
    gate: &Bound<'py, Gate>,
    path: PathBuf,
    durability: Durability,
) -> PyResult<Bound<'py, PyAny>> {
    let py = gate.py();
    let inner = gate.get().inner();
    let restored = py.detach(|| inner.persist(path, durability));
    let restored = restored.map_err(|error| wrong(py, &error))?;
    py.import(intern!(py, "rampmeter._state"))?
        .call_method1(intern!(py, "save_at_exit"), (gate,))?;
    let left_out = restored.left_out.iter().map(ToString::to_string);
    dataclass!(py, "rampmeter._state", "Restored", {
        age: restored.age.map(|age| age.as_secs_f64()),
        clean: restored.clean,
        rates: restored.rates,
        ahead: restored.ahead.map(|ahead| ahead.as_secs_f64()),
        left_out: PyTuple::new(py, left_out.collect::<Vec<_>>())?,
        set_aside: restored.set_aside.map(|it| it.to_string()),
    })
}

pub(crate) fn save(py: Python<'_>, gate: &rampmeter::Gate) -> PyResult<()> {
    py.detach(|| gate.save()).map_err(|error| wrong(py, &error))
}

pub(crate) fn persisted<'py>(
    py: Python<'py>,
    gate: &rampmeter::Gate,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(persisted) = gate.persisted() else { return Ok(None) };
    let made = dataclass!(py, "rampmeter._state", "Persisted", {
        path: persisted.path.to_string_lossy(),
        writes: persisted.writes,
        failures: persisted.failures,
        last_error: persisted.last_error,
    });
    made.map(Some)
}

fn wrong(py: Python<'_>, error: &PersistError) -> PyErr {
    match error {
        PersistError::Nowhere => {
            errors::usage(py, "this gate keeps no state; name a file with gate.persist(path)")
        }
        PersistError::Already { .. } => errors::usage(py, error.to_string()),
        _ => errors::state(py, error.to_string()),
    }
}
