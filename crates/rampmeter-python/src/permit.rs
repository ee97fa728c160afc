//! One call, from its asking to its end.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyRuntimeWarning, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rampmeter::{Asking, Lineage, Outcome, Report, Unit, Waiting};

use crate::ambient::{self, Surroundings};
use crate::ask::{Wish, costs};
use crate::done::Done;
use crate::errors;
use crate::fork::Birth;
use crate::gate::Gate;
use crate::headers::header_pairs;
use crate::outcome;
use crate::seconds::duration;
use crate::waiter::{Answer, Waiter};

/// One call: asked for when it is first awaited or entered, then running, then ended.
///
/// It is an awaitable, its own iterator, and a context manager, so that `async with gate.admit(…)` takes
/// one object.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Permit {
    gate: Py<Gate>,
    wish: Wish,
    inside: Mutex<Inside>,
}

struct Inside {
    stage: Stage,
    /// What surrounds the caller's block.
    outer: Option<Py<PyAny>>,
    waited: Duration,
    /// It was asked for by `async with`.
    entering: bool,
    /// It is around a block, or has been.
    entered: bool,
    /// Its server had no room for it.
    throttled: bool,
}

enum Stage {
    New,
    Waiting(Arc<Waiter<Waiting>>),
    Running(rampmeter::Permit),
    Ended,
    /// Somebody is at it right now.
    Busy,
}

impl Permit {
    /// A call that is not asked for yet.
    #[inline]
    pub(crate) fn new(gate: Py<Gate>, wish: Wish) -> Permit {
        let (stage, outer, waited) = (Stage::New, None, Duration::ZERO);
        let (entering, entered, throttled) = (false, false, false);
        let inside = Inside { stage, outer, waited, entering, entered, throttled };
        Permit { gate, wish, inside: Mutex::new(inside) }
    }

    /// A call that runs.
    pub(crate) fn running(gate: Py<Gate>, wish: Wish, held: rampmeter::Permit) -> Permit {
        let permit = Permit::new(gate, wish);
        permit.run(held);
        permit
    }

    fn run(&self, held: rampmeter::Permit) {
        let mut inside = self.inside.lock();
        inside.waited = held.waited();
        inside.stage = Stage::Running(held);
    }

    fn birth(&self) -> Birth {
        self.gate.get().birth()
    }

    /// The call as one that makes others at this gate, if it is one of its and runs.
    pub(crate) fn lineage(&self, gate: u64) -> Option<Lineage> {
        if self.gate.get().number() != gate {
            return None;
        }
        Some(self.report()?.lineage())
    }

    /// The call as one that tells its limits something, if it runs.
    fn report(&self) -> Option<Report> {
        if !self.birth().is_here() {
            return None;
        }
        match &self.inside.lock().stage {
            Stage::Running(held) => Some(held.report()),
            Stage::New | Stage::Waiting(_) | Stage::Ended | Stage::Busy => None,
        }
    }

    /// What surrounds a caller that this surrounded: itself as long as it runs, then what surrounds it.
    #[inline]
    pub(crate) fn innermost<'py>(slf: &Bound<'py, Permit>) -> Option<Bound<'py, PyAny>> {
        if !slf.get().birth().is_here() {
            return None;
        }
        let inside = slf.get().inside.lock();
        match inside.stage {
            Stage::Running(_) => Some(slf.clone().into_any()),
            _ => inside.outer.as_ref().map(|outer| outer.bind(slf.py()).clone()),
        }
    }

    pub(crate) fn outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.inside.lock().outer.as_ref().map(|outer| outer.bind(py).clone())
    }

    pub(crate) fn replace_outer(&self, outer: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        std::mem::replace(&mut self.inside.lock().outer, outer)
    }

    /// Asks, or looks for the answer; returns what is to be waited for, or nothing once it runs.
    fn step<'py>(slf: &Bound<'py, Permit>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let permit = slf.get();
        let gate = permit.gate.get();
        gate.birth().check(py)?;
        let stage = std::mem::replace(&mut permit.inside.lock().stage, Stage::Busy);
        let mut outer = None;
        let answer = match stage {
            Stage::New => {
                let around = Surroundings::of(py, gate.number())?;
                let asked = permit.wish.with_call(py, &around, |call| gate.inner().ask(call));
                outer = around.innermost;
                match asked {
                    Ok(Asking::Granted(held)) => Ok(Answer::Ready(Ok(held))),
                    Ok(Asking::Refused(refusal)) => Ok(Answer::Ready(Err(refusal))),
                    Ok(Asking::Waiting(waiting)) => {
                        Waiter::wait(py, gate.keeper(), waiting, Waiting::poll)
                    }
                    Err(error) => Err(error),
                }
            }
            Stage::Waiting(waiter) => match waiter.take() {
                Some(waiting) => again(py, gate, waiting),
                // Its loop was closed when it was answered.
                None => Err(errors::spent(py)),
            },
            stage => {
                permit.inside.lock().stage = stage;
                return Err(errors::spent(py));
            }
        };
        let mut inside = permit.inside.lock();
        inside.outer = inside.outer.take().or(outer.map(Bound::unbind));
        match answer {
            Ok(Answer::Ready(Ok(held))) => {
                inside.waited = held.waited();
                inside.stage = Stage::Running(held);
                let entering = inside.entering;
                inside.entered = entering;
                drop(inside);
                if entering {
                    ambient::set(slf.as_any())?;
                }
                Ok(None)
            }
            Ok(Answer::Later(waiter, wait)) => {
                inside.stage = Stage::Waiting(waiter);
                Ok(Some(wait.into_bound(py).into_any()))
            }
            Ok(Answer::Ready(Err(refusal))) => {
                inside.stage = Stage::Ended;
                drop(inside);
                Err(errors::refused(py, &refusal))
            }
            Err(error) => {
                inside.stage = Stage::Ended;
                Err(error)
            }
        }
    }

    /// Gives the call up, if it waits.
    fn give_up(&self) {
        let mut inside = self.inside.lock();
        if !matches!(inside.stage, Stage::New | Stage::Waiting(_)) {
            return;
        }
        let stage = std::mem::replace(&mut inside.stage, Stage::Ended);
        drop(inside);
        if let Stage::Waiting(waiter) = stage {
            drop(waiter.take());
        }
    }

    /// Ends it, if it runs.
    pub(crate) fn end(&self, outcome: Outcome) {
        let mut inside = self.inside.lock();
        if !matches!(inside.stage, Stage::Running(_)) {
            return;
        }
        let stage = std::mem::replace(&mut inside.stage, Stage::Ended);
        // Others are woken by it, and must not find it locked.
        drop(inside);
        if let Stage::Running(held) = stage {
            held.finish(outcome);
        }
    }

    /// The end of its block, with what was raised there.
    #[inline]
    fn leave(slf: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let permit = slf.get();
        ambient::shorten(slf);
        if !error.is_none() {
            return Permit::fail(slf, error);
        }
        let overloaded = permit.inside.lock().throttled;
        permit.end(if overloaded { Outcome::Overloaded } else { Outcome::Succeeded });
        Ok(())
    }

    /// It has ended with what was raised.
    fn fail(slf: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        // However that goes, the call has ended.
        let said = outcome::of(slf, error);
        let ended = match said.as_ref().copied().unwrap_or(Outcome::Failed) {
            Outcome::Failed if slf.get().inside.lock().throttled => Outcome::Overloaded,
            ended => ended,
        };
        slf.get().end(ended);
        said.map(drop)
    }

    /// Whoever runs a call may tell of it; of one that has ended there is nothing to tell any more.
    fn telling(&self, py: Python<'_>) -> PyResult<Option<Report>> {
        self.birth().check(py)?;
        let inside = self.inside.lock();
        if matches!(inside.stage, Stage::New | Stage::Waiting(_)) {
            drop(inside);
            return Err(errors::not_admitted(py));
        }
        drop(inside);
        Ok(self.report())
    }
}

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
        // What is around it must not be itself.
        if std::mem::replace(&mut permit.inside.lock().entered, true) {
            let message = "this permit is around a block already; ask again for each block";
            return Err(errors::usage(py, message));
        }
        let outer = ambient::current(py)?.map(Bound::unbind);
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
        if !slf.get().birth().is_here() {
            // A child that was forked in the block leaves it as its program ends: the call is the parent's.
            return Ok(());
        }
        Permit::leave(slf, error)
    }

    #[getter]
    fn tool(&self, py: Python<'_>) -> Py<PyString> {
        self.wish.tool.clone_ref(py)
    }

    #[getter]
    fn waited(&self) -> f64 {
        self.inside.lock().waited.as_secs_f64()
    }

    /// How long the policy lets the tool's calls run; whoever runs the call keeps to it.
    #[getter]
    fn timeout(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.gate.get().timeout(self.wish.tool.bind(py).to_str()?).map(|it| it.as_secs_f64()))
    }

    #[getter(running)]
    pub(crate) fn is_running(&self) -> bool {
        self.report().is_some()
    }

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

    fn feedback(&self, headers: &Bound<'_, PyAny>) -> PyResult<bool> {
        let report = self.telling(headers.py())?;
        let headers = header_pairs(headers)?;
        Ok(report.map(|report| report.headers(headers)).is_some())
    }

    #[pyo3(signature = (outcome = None))]
    fn finish(slf: &Bound<'_, Self>, outcome: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let permit = slf.get();
        permit.telling(slf.py())?;
        match outcome {
            Some(error) if error.is_instance_of::<PyBaseException>() => Permit::fail(slf, error),
            Some(word) => {
                permit.end(outcome::named(word.extract()?)?);
                Ok(())
            }
            None => Permit::leave(slf, slf.py().None().bind(slf.py())),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let stage = match &self.inside.lock().stage {
            Stage::New => "not asked for yet",
            Stage::Waiting(_) | Stage::Busy => "waiting",
            Stage::Running(_) => "running",
            Stage::Ended => "ended",
        };
        Ok(format!("<rampmeter.Permit {} {stage}>", self.wish.tool.bind(py).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has it locked is not garbage.
        if let Some(inside) = self.inside.try_lock() {
            visit.call(&inside.outer)?;
        }
        visit.call(&self.gate)
    }

    fn __clear__(&self) {
        self.give_up();
        ambient::let_go(self.replace_outer(None));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let inside = self.inside.get_mut();
        ambient::let_go(inside.outer.take());
        let stage = std::mem::replace(&mut inside.stage, Stage::Ended);
        if let Stage::Ended = stage {
            return;
        }
        if !self.birth().is_here() {
            // It is the parent's, and so are the locks that giving it back would take.
            std::mem::forget(stage);
            return;
        }
        errors::apart(|| match stage {
            Stage::New => never_awaited(&self.wish),
            Stage::Waiting(waiter) => drop(waiter.take()),
            Stage::Running(held) => drop(held),
            Stage::Ended | Stage::Busy => {}
        });
    }
}

/// Has `__next__`, when it returns nothing, end with this value. Python takes the value without making an
/// exception of it where it can; the exception that `PyErr` makes takes a tenth of a whole admission.
#[allow(unsafe_code, reason = "PyO3 has no other way to end an iterator with a value")]
fn stop_with(value: &Bound<'_, PyAny>) {
    // SAFETY: the thread is attached, as `value` shows, and both pointers are alive; Python takes references
    // of its own.
    unsafe { pyo3::ffi::PyErr_SetObject(pyo3::ffi::PyExc_StopIteration, value.as_ptr()) }
}

/// Looks for the answer of a call that has waited.
fn again(
    py: Python<'_>,
    gate: &Gate,
    mut waiting: Waiting,
) -> PyResult<Answer<Waiting, Result<rampmeter::Permit, Box<rampmeter::Refusal>>>> {
    // It was woken because there is one, but for rare cases.
    match waiting.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Ok(Answer::Ready(answer)),
        Poll::Pending => Waiter::wait(py, gate.keeper(), waiting, Waiting::poll),
    }
}

/// As Python says it of a coroutine.
fn never_awaited(wish: &Wish) {
    Python::try_attach(|py| {
        let category = py.get_type::<PyRuntimeWarning>();
        let message = format!("gate.admit({}) was never awaited", wish.tool.bind(py));
        let message = std::ffi::CString::new(message.replace('\0', "\\0")).unwrap_or_default();
        if let Err(error) = PyErr::warn(py, &category, &message, 1) {
            error.write_unraisable(py, None);
        }
    });
}
