//! A call asks to start, and looks for its answer.

use std::task::{Context, Poll, Waker};

use pyo3::prelude::*;
use rampmeter::{Asking, Waiting};

use super::{Permit, Stage};
use crate::ambient::{self, Surroundings};
use crate::errors;
use crate::gate::Gate;
use crate::waiter::{Answer, Waiter};

impl Permit {
    /// Asks, or looks for the answer; returns what is to be waited for, or nothing once it runs.
    pub(super) fn step<'py>(slf: &Bound<'py, Permit>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let permit = slf.get();
        permit.birth.check(py)?;
        let mut inside = permit.inside.lock();
        let Some(gate) = inside.gate.as_ref().map(|gate| gate.bind(py).clone()) else {
            drop(inside);
            return Err(errors::spent(py));
        };
        let gate = gate.get();
        let stage = std::mem::replace(&mut inside.stage, Stage::Busy);
        drop(inside);
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
                drop(inside);
                permit.is_over();
                Err(errors::refused(py, &refusal))
            }
            Err(error) => {
                drop(inside);
                permit.is_over();
                Err(error)
            }
        }
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
