//! What Python sees of a permit.

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rampmeter::Unit;

use super::{Permit, Stage};
use crate::ambient;
use crate::ask::{self, costs};
use crate::awaiting::thrown;
use crate::done::{Done, stop_with};
use crate::errors;
use crate::explanation;
use crate::headers::header_pairs;
use crate::seconds::duration;

#[pymethods]
impl Permit {
    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let is_new = matches!(slf.get().inside.lock().stage, Stage::New);
        if is_new { Ok(slf.clone()) } else { Err(errors::spent(slf.py())) }
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let wait = Permit::step(slf)?;
        if wait.is_none() {
            stop_with(slf.as_any());
        }
        Ok(wait)
    }

    fn send<'py>(slf: &Bound<'py, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Permit::step(slf)?.ok_or_else(|| PyStopIteration::new_err((slf.clone().unbind(),)))
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
        Err(thrown(kind, value, traceback)?)
    }

    fn close(&self) {
        self.give_up();
    }

    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        let mut inside = slf.get().inside.lock();
        // Whoever awaits one that is asked for already is told so.
        inside.entering |= matches!(inside.stage, Stage::New);
        drop(inside);
        slf.clone()
    }

    fn __aexit__(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        Permit::__exit__(slf, kind, error, traceback)?;
        Done::one(slf.py())
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let permit = slf.get();
        if permit.telling(py)?.is_none() {
            let message = "the permit has ended; ask again for each block";
            return Err(errors::usage(py, message));
        }
        let outer = ambient::current(py)?;
        // What is around it must not be itself. The tool of a turn is in its block already.
        let is_around = outer.as_ref().is_some_and(|outer| outer.is(slf));
        if is_around && permit.is_lent() {
            return Ok(slf.clone());
        }
        if std::mem::replace(&mut permit.inside.lock().entered, true) {
            let message = "this permit is around a block already; ask again for each block";
            return Err(errors::usage(py, message));
        }
        let outer = outer.map(Bound::unbind);
        drop(permit.replace_outer(outer));
        ambient::set(slf.as_any())?;
        Ok(slf.clone())
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if !slf.get().birth.is_here() {
            // A child that was forked in the block leaves it as its program ends: the call is the parent's.
            return Ok(());
        }
        Permit::leave(slf, error)
    }

    /// Why the call waits now; `None` if it does not.
    fn explain<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.birth.check(py)?;
        let waiter = match &self.inside.lock().stage {
            Stage::Waiting(waiter) => waiter.clone(),
            _ => return Ok(None),
        };
        explanation::of(py, &waiter)
    }

    #[getter]
    fn tool(&self, py: Python<'_>) -> Py<PyString> {
        self.wish.tool.clone_ref(py)
    }

    /// Seconds.
    #[getter]
    fn waited(&self) -> f64 {
        self.inside.lock().waited.as_secs_f64()
    }

    /// Seconds for which the policy lets the tool's calls run. `Gate.run_turn` keeps to it, and
    /// `Gate.tool` for what is async; in a block of your own, `asyncio.timeout(permit.timeout)` does. `None`
    /// once it has ended.
    #[getter]
    fn timeout(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.birth.check(py)?;
        let gate = self.inside.lock().gate.as_ref().map(|gate| gate.clone_ref(py));
        let Some(gate) = gate else { return Ok(None) };
        let timeout = gate.get().known().timeout(self.wish.tool.bind(py).to_str()?);
        Ok(timeout.map(|it| it.as_secs_f64()))
    }

    #[getter(running)]
    pub(crate) fn is_running(&self) -> bool {
        self.report().is_some()
    }

    /// The call took so much: `settle(tokens=812)`. Only the first time counts; says whether it did.
    #[pyo3(signature = (**units))]
    fn settle(&self, py: Python<'_>, units: Option<&Bound<'_, PyDict>>) -> PyResult<bool> {
        let report = self.telling(py)?;
        let Some(units) = units else {
            let message = "nothing to settle; say what the call took, as in settle(tokens=812)";
            return Err(errors::usage(py, message));
        };
        let units: Vec<(Unit, u64)> = costs(units.as_mapping())?;
        Ok(report.is_some_and(|report| report.used(&units)))
    }

    /// The server had no room for the call, and named this delay if it named one, itself or in the
    /// response's headers. Says whether the call still runs.
    #[pyo3(signature = (retry_after = None, *, headers = None))]
    fn throttled(
        &self,
        py: Python<'_>,
        retry_after: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let report = self.telling(py)?;
        let named = retry_after.map(|it| duration(it, "retry_after")).transpose()?;
        let headers = headers.map(header_pairs).transpose()?;
        let Some(report) = report else { return Ok(false) };
        self.inside.lock().throttled = true;
        let heard = headers.map(|headers| report.headers(headers));
        Ok(report.throttled(named.or(heard.and_then(|heard| heard.delay()))))
    }

    /// What the response's headers say of the server's quotas. Says whether the call still runs.
    fn feedback(&self, headers: &Bound<'_, PyAny>) -> PyResult<bool> {
        let report = self.telling(headers.py())?;
        let headers = header_pairs(headers)?;
        Ok(report.map(|report| report.headers(headers)).is_some())
    }

    /// The call has ended, in this way or by this error; without either as at the end of a block in
    /// which nothing was raised. A second time does nothing.
    #[pyo3(signature = (outcome = None))]
    fn finish(slf: &Bound<'_, Self>, outcome: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let permit = slf.get();
        permit.telling(slf.py())?;
        if permit.is_lent() {
            let message = "gate.run_turn ends this call when its tool returns; return, or raise";
            return Err(errors::usage(slf.py(), message));
        }
        match outcome {
            Some(error) if error.is_instance_of::<PyBaseException>() => Permit::fail(slf, error),
            Some(word) => {
                permit.end(ask::outcome(word.extract()?)?);
                Ok(())
            }
            None => Permit::leave(slf, slf.py().None().bind(slf.py())),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let stage = match &self.inside.lock().stage {
            Stage::New => "not asked for yet",
            Stage::Waiting(_) | Stage::Busy => "waiting",
            Stage::Running(_) | Stage::Lent(_) => "running",
            Stage::Ended => "ended",
        };
        Ok(format!("<rampmeter.Permit {} {stage}>", self.wish.tool.bind(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has it locked is not garbage.
        if let Some(inside) = self.inside.try_lock() {
            visit.call(&inside.gate)?;
            visit.call(&inside.outer)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.give_up();
        ambient::let_go(self.replace_outer(None));
    }
}
