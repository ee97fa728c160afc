//! The proof that a call was admitted.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use rampmeter::{Lineage, Outcome, Report, Unit};

use crate::ambient;
use crate::ask::costs;
use crate::errors;
use crate::fork::Birth;
use crate::seconds::duration;

/// The proof that a call was admitted; holds its slots until it is finished or dropped.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Permit {
    /// `None` once it has ended.
    held: Mutex<Option<rampmeter::Permit>>,
    report: Report,
    /// At which gate.
    gate: u64,
    birth: Birth,
    tool: Py<PyString>,
    waited: f64,
    throttled: AtomicBool,
    /// In whose block this one's block is.
    outer: Mutex<Option<Py<PyAny>>>,
}

impl Permit {
    pub(crate) fn new(held: rampmeter::Permit, gate: u64, tool: Py<PyString>) -> Permit {
        Permit {
            report: held.report(),
            waited: held.waited().as_secs_f64(),
            held: Mutex::new(Some(held)),
            gate,
            birth: Birth::now(),
            tool,
            throttled: AtomicBool::new(false),
            outer: Mutex::new(None),
        }
    }

    /// The call as one that makes others at this gate, if it is one of its and runs.
    pub(crate) fn lineage(&self, gate: u64) -> Option<Lineage> {
        (self.gate == gate && self.runs()).then(|| self.report.lineage())
    }

    pub(crate) fn runs(&self) -> bool {
        self.birth.is_here() && self.held.lock().is_some()
    }

    pub(crate) fn outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.outer.lock().as_ref().map(|outer| outer.bind(py).clone())
    }

    pub(crate) fn enter(slf: &Bound<'_, Permit>) -> PyResult<()> {
        let outer = ambient::current(slf.py())?.map(Bound::unbind);
        let before = std::mem::replace(&mut *slf.get().outer.lock(), outer);
        drop(before);
        ambient::set(slf.as_any())
    }

    pub(crate) fn end(&self, outcome: Outcome) {
        // Others are woken by it, and must not find it locked.
        let held = self.held.lock().take();
        if let Some(held) = held {
            held.finish(outcome);
        }
    }

    /// The end of its block, with what was raised there.
    pub(crate) fn leave(slf: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let permit = slf.get();
        permit.birth.check(slf.py())?;
        if error.is_none() {
            let overloaded = permit.throttled.load(Ordering::Relaxed);
            permit.end(if overloaded { Outcome::Overloaded } else { Outcome::Succeeded });
            return Ok(());
        }
        Permit::fail(slf, error)
    }

    /// It has ended with what was raised.
    fn fail(slf: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        static CLASSIFY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let classify = CLASSIFY.import(slf.py(), "rampmeter._outcome", "classify")?;
        // However that goes, the call has ended.
        let said = classify.call1((slf, error)).and_then(|it| outcome(it.extract()?));
        slf.get().end(said.as_ref().copied().unwrap_or(Outcome::Failed));
        said.map(drop)
    }
}

#[pymethods]
impl Permit {
    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().birth.check(slf.py())?;
        if !slf.get().runs() {
            let message = "the permit has ended; ask again for each block";
            return Err(errors::usage(slf.py(), message));
        }
        Permit::enter(slf)?;
        Ok(slf.clone())
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        Permit::leave(slf, error)
    }

    #[getter]
    fn tool(&self, py: Python<'_>) -> Py<PyString> {
        self.tool.clone_ref(py)
    }

    #[getter]
    fn waited(&self) -> f64 {
        self.waited
    }

    #[getter]
    fn running(&self) -> bool {
        self.runs()
    }

    #[pyo3(signature = (**units))]
    fn settle(&self, py: Python<'_>, units: Option<&Bound<'_, PyDict>>) -> PyResult<bool> {
        self.birth.check(py)?;
        let Some(units) = units else {
            let message = "nothing to settle; say what the call took, as in settle(tokens=812)";
            return Err(errors::usage(py, message));
        };
        let units: Vec<(Unit, u64)> = costs(units.as_mapping())?;
        Ok(self.report.used(&units))
    }

    #[pyo3(signature = (retry_after = None, *, headers = None))]
    fn throttled(
        &self,
        py: Python<'_>,
        retry_after: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        self.birth.check(py)?;
        let named = retry_after.map(|it| duration(it, "retry_after")).transpose()?;
        let heard = headers.map(|it| Ok::<_, PyErr>(self.report.headers(header_pairs(it)?)));
        let delay = named.or(heard.transpose()?.and_then(|heard| heard.delay()));
        self.throttled.store(true, Ordering::Relaxed);
        Ok(self.report.throttled(delay))
    }

    fn feedback(&self, headers: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.birth.check(headers.py())?;
        let runs = self.runs();
        self.report.headers(header_pairs(headers)?);
        Ok(runs)
    }

    #[pyo3(signature = (outcome = None))]
    fn finish(slf: &Bound<'_, Self>, outcome: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let permit = slf.get();
        permit.birth.check(slf.py())?;
        match outcome {
            Some(error) if error.is_instance_of::<PyBaseException>() => Permit::fail(slf, error),
            Some(word) => {
                permit.end(self::outcome(word.extract()?)?);
                Ok(())
            }
            None => Permit::leave(slf, slf.py().None().bind(slf.py())),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let state = if self.runs() { "running" } else { "ended" };
        Ok(format!("<rampmeter.Permit {} {state}>", self.tool.bind(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has it locked is not garbage.
        if let Some(outer) = self.outer.try_lock() {
            visit.call(&*outer)?;
        }
        visit.call(&self.tool)
    }

    fn __clear__(&self) {
        let outer = self.outer.lock().take();
        drop(outer);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(held) = self.held.get_mut().take() else { return };
        if self.birth.is_here() {
            errors::apart(|| drop(held));
        } else {
            // It is the parent's, and so are the locks that giving it back would take.
            std::mem::forget(held);
        }
    }
}

fn outcome(word: &str) -> PyResult<Outcome> {
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

/// Headers as pairs, from a mapping or from pairs. A mapping that has several values for a name, as
/// that of httpx, gives them by `multi_items`.
fn header_pairs(headers: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Vec<u8>)>> {
    let py = headers.py();
    let pairs = if let Ok(items) = headers.getattr(intern!(py, "multi_items")) {
        items.call0()?
    } else if let Ok(items) = headers.getattr(intern!(py, "items")) {
        items.call0()?
    } else {
        headers.clone()
    };
    let wrong = || {
        let message =
            "headers are a mapping of names to values, or pairs of them, as texts or bytes";
        pyo3::exceptions::PyTypeError::new_err(message)
    };
    let mut all = Vec::new();
    for pair in pairs.try_iter().map_err(|_| wrong())? {
        let (name, value) =
            pair?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>().map_err(|_| wrong())?;
        let name = String::from_utf8_lossy(&bytes(&name).ok_or_else(wrong)?).into_owned();
        all.push((name, bytes(&value).ok_or_else(wrong)?));
    }
    Ok(all)
}

fn bytes(word: &Bound<'_, PyAny>) -> Option<Vec<u8>> {
    match word.cast::<PyString>() {
        Ok(text) => Some(text.to_str().ok()?.as_bytes().to_vec()),
        Err(_) => word.extract::<&[u8]>().ok().map(<[u8]>::to_vec),
    }
}
