//! One call, from its asking to its end.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyStopIteration};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use rampmeter::{Asking, Invocation, Lineage, Outcome, Report, Unit, Waiting};

use crate::ambient::{self, Surroundings};
use crate::ask::{self, Wish, costs};
use crate::awaiting::thrown;
use crate::done::{Done, never_awaited, stop_with};
use crate::errors;
use crate::explanation;
use crate::fork::Birth;
use crate::gate::Gate;
use crate::headers::header_pairs;
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
    /// A turn runs it, and ends it.
    Lent(Report),
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

    /// A call that a turn runs, as its tool knows it.
    pub(crate) fn of_turn(py: Python<'_>, gate: Py<Gate>, call: &Invocation) -> Permit {
        let permit = Permit::new(gate, Wish::of(PyString::new(py, &call.name).unbind()));
        let mut inside = permit.inside.lock();
        (inside.waited, inside.stage) =
            (call.waited, call.report.map_or(Stage::Ended, Stage::Lent));
        drop(inside);
        permit
    }

    /// The turn has ended it.
    pub(crate) fn is_over(&self) {
        self.inside.lock().stage = Stage::Ended;
    }

    fn is_lent(&self) -> bool {
        matches!(self.inside.lock().stage, Stage::Lent(_))
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
            Stage::Lent(report) => Some(*report),
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
            Stage::Running(_) | Stage::Lent(_) => Some(slf.clone().into_any()),
            _ => inside.outer.as_ref().map(|outer| outer.bind(slf.py()).clone()),
        }
    }

    pub(crate) fn outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.inside.lock().outer.as_ref().map(|outer| outer.bind(py).clone())
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
                None => Err(spent(py)),
            },
            stage => {
                permit.inside.lock().stage = stage;
                return Err(spent(py));
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
            if self.birth().is_here() {
                drop(waiter.take());
            } else {
                // It is the parent's, and so are the locks that giving it up would take.
                std::mem::forget(waiter);
            }
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
        permit.birth().check(slf.py())?;
        if permit.is_lent() {
            return Ok(());
        }
        if !error.is_none() {
            return Permit::fail(slf, error);
        }
        let overloaded = permit.inside.lock().throttled;
        permit.end(if overloaded { Outcome::Overloaded } else { Outcome::Succeeded });
        Ok(())
    }

    /// It has ended with what was raised.
    fn fail(slf: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        static CLASSIFY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let classify = CLASSIFY.import(slf.py(), "rampmeter._outcome", "classify")?;
        // However that goes, the call has ended.
        let said = classify.call1((slf, error)).and_then(|it| ask::outcome(it.extract()?));
        slf.get().end(said.as_ref().copied().unwrap_or(Outcome::Failed));
        said.map(drop)
    }

    /// Whoever runs a call may tell of it; of one that has ended there is nothing to tell any more.
    fn telling(&self, py: Python<'_>) -> PyResult<Option<Report>> {
        self.birth().check(py)?;
        let inside = self.inside.lock();
        if matches!(inside.stage, Stage::New | Stage::Waiting(_)) {
            drop(inside);
            return Err(not_admitted(py));
        }
        drop(inside);
        Ok(self.report())
    }
}

#[pymethods]
impl Permit {
    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let is_new = matches!(slf.get().inside.lock().stage, Stage::New);
        if is_new { Ok(slf.clone()) } else { Err(spent(slf.py())) }
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
        _kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        Permit::leave(slf, error)?;
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
        let before = std::mem::replace(&mut permit.inside.lock().outer, outer);
        drop(before);
        ambient::set(slf.as_any())?;
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

    /// Why the call waits now; `None` if it does not.
    fn explain<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.birth().check(py)?;
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

    /// Seconds for which the policy lets the tool's calls run. Whoever runs the call keeps to it:
    /// `Gate.tool` and `Gate.run_turn` do.
    #[getter]
    fn timeout(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(self.gate.get().timeout(self.wish.tool.bind(py).to_str()?).map(|it| it.as_secs_f64()))
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
            visit.call(&inside.outer)?;
        }
        visit.call(&self.gate)
    }

    fn __clear__(&self) {
        self.give_up();
        let outer = self.inside.lock().outer.take();
        drop(outer);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.inside.get_mut().stage, Stage::Ended);
        if let Stage::Ended = stage {
            return;
        }
        if !self.birth().is_here() {
            // It is the parent's, and so are the locks that giving it back would take.
            std::mem::forget(stage);
            return;
        }
        errors::apart(|| match stage {
            Stage::New => never_awaited(&format!("gate.admit({})", self.wish.tool)),
            Stage::Waiting(waiter) => drop(waiter.take()),
            Stage::Running(held) => drop(held),
            Stage::Lent(_) | Stage::Ended | Stage::Busy => {}
        });
    }
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

fn spent(py: Python<'_>) -> PyErr {
    let message = "this call has been asked for already; ask again with gate.admit for each call";
    errors::usage(py, message)
}

fn not_admitted(py: Python<'_>) -> PyErr {
    let message = "this call is not admitted yet; use `async with gate.admit(…)`, await it, or gate.admit_sync";
    errors::usage(py, message)
}
