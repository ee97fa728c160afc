//! One call, from its asking to its end.

mod asking;
mod methods;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use rampmeter::{Invocation, Lineage, Outcome, Report, Waiting};

use crate::ambient;
use crate::ask::{self, Wish};
use crate::done::never_awaited;
use crate::errors;
use crate::fork::Birth;
use crate::gate::Gate;
use crate::waiter::Waiter;

/// One call: asked for when it is first awaited or entered, running until it is finished or dropped.
///
/// Cancelling whoever awaits it gives its place in the queue up; a call that was not admitted has consumed
/// nothing. Inside of `with permit:` (or `async with gate.admit(…)`) calls are nested under it; it is around
/// one block. At its end the outcome is known by the exception: none is `succeeded`; a cancellation is
/// `cancelled`; a time-out, a response of 429 or 503, and whatever follows `throttled()` are `overloaded`;
/// anything else is `failed`.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Permit {
    wish: Wish,
    /// Its gate's.
    number: u64,
    birth: Birth,
    inside: Mutex<Inside>,
}

struct Inside {
    stage: Stage,
    /// Until it has ended: contexts keep the last permit that was entered in them, and shall not keep its
    /// gate.
    gate: Option<Py<Gate>>,
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
        let (number, birth) = (gate.get().number(), gate.get().birth());
        let gate = Some(gate);
        let (entering, entered, throttled) = (false, false, false);
        let inside = Inside { stage, gate, outer, waited, entering, entered, throttled };
        Permit { wish, number, birth, inside: Mutex::new(inside) }
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
        let mut inside = self.inside.lock();
        inside.stage = Stage::Ended;
        let gate = inside.gate.take();
        drop(inside);
        drop(gate);
    }

    fn is_lent(&self) -> bool {
        matches!(self.inside.lock().stage, Stage::Lent(_))
    }

    fn run(&self, held: rampmeter::Permit) {
        let mut inside = self.inside.lock();
        inside.waited = held.waited();
        inside.stage = Stage::Running(held);
    }

    /// The call as one that makes others at this gate, if it is one of its and runs.
    pub(crate) fn lineage(&self, gate: u64) -> Option<Lineage> {
        if self.number != gate {
            return None;
        }
        Some(self.report()?.lineage())
    }

    /// The call as one that tells its limits something, if it runs.
    fn report(&self) -> Option<Report> {
        if !self.birth.is_here() {
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
        if !slf.get().birth.is_here() {
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

    pub(crate) fn replace_outer(&self, outer: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        std::mem::replace(&mut self.inside.lock().outer, outer)
    }

    /// Gives the call up, if it waits.
    fn give_up(&self) {
        let mut inside = self.inside.lock();
        if !matches!(inside.stage, Stage::New | Stage::Waiting(_)) {
            return;
        }
        let stage = std::mem::replace(&mut inside.stage, Stage::Ended);
        let gate = inside.gate.take();
        drop(inside);
        if let Stage::Waiting(waiter) = stage {
            if self.birth.is_here() {
                drop(waiter.take());
            } else {
                // It is the parent's, and so are the locks that giving it up would take.
                std::mem::forget(waiter);
            }
        }
        drop(gate);
    }

    /// Ends it, if it runs.
    pub(crate) fn end(&self, outcome: Outcome) {
        let mut inside = self.inside.lock();
        if !matches!(inside.stage, Stage::Running(_)) {
            return;
        }
        let stage = std::mem::replace(&mut inside.stage, Stage::Ended);
        let gate = inside.gate.take();
        // Others are woken by it, and must not find it locked.
        drop(inside);
        if let Stage::Running(held) = stage {
            held.finish(outcome);
        }
        drop(gate);
    }

    /// The end of its block, with what was raised there.
    #[inline]
    fn leave(slf: &Bound<'_, Permit>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let permit = slf.get();
        ambient::shorten(slf);
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
        let outcome = match said.as_ref().copied().unwrap_or(Outcome::Failed) {
            Outcome::Failed if slf.get().inside.lock().throttled => Outcome::Overloaded,
            outcome => outcome,
        };
        slf.get().end(outcome);
        said.map(drop)
    }

    /// Whoever runs a call may tell of it; of one that has ended there is nothing to tell any more.
    fn telling(&self, py: Python<'_>) -> PyResult<Option<Report>> {
        self.birth.check(py)?;
        let inside = self.inside.lock();
        if matches!(inside.stage, Stage::New | Stage::Waiting(_)) {
            drop(inside);
            return Err(errors::not_admitted(py));
        }
        drop(inside);
        Ok(self.report())
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
        if !self.birth.is_here() {
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
