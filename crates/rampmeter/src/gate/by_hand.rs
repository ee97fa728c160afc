//! Admissions that are driven by hand: for event loops that are not Rust's, whose objects cannot
//! borrow.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use super::admission::Place;
use super::state::Standing;
use super::{Ask, Explanation, Gate};
use crate::permit::Permit;
use crate::refusal::Refusal;

/// How a call stands that was asked for by [`Gate::ask`].
#[derive(Debug)]
pub enum Asking {
    /// It may start now.
    Granted(Permit),
    /// It waits.
    Waiting(Waiting),
    /// It may not start.
    Refused(Box<Refusal>),
}

/// A call that waits, and borrows nothing.
///
/// # Cancel safety
/// Dropping it gives its place up, as dropping an [`Admission`](crate::Admission) does: a call that
/// was not admitted has consumed nothing, and one whose permit nobody fetched is released.
#[must_use = "dropping it gives the call's place up"]
pub struct Waiting {
    gate: Gate,
    /// Present until it is answered.
    place: Option<Place>,
}

impl Gate {
    /// Does what the first poll of [`Gate::admit`] does: the call is admitted or refused at once, or
    /// takes its place in the queue. Nobody keeps time for it before it is polled.
    // As `admit` takes it.
    #[allow(clippy::needless_pass_by_value)]
    pub fn ask(&self, ask: impl Ask) -> Asking {
        self.measure_if_due();
        let home = self.home();
        match home.input(|state, now| ask.asked().put(self, state, now, true)) {
            Standing::Granted(id) => Asking::Granted(Permit::new(home, id, Duration::ZERO)),
            Standing::Refused(refusal) => Asking::Refused(refusal),
            Standing::Waiting(id, answer) => {
                let place = Some(Place::new(id, answer));
                Asking::Waiting(Waiting { gate: self.clone(), place })
            }
        }
    }
}

impl Waiting {
    /// Fetches the answer, or leaves word whom to wake. Once it was answered it is ready no more.
    ///
    /// # Errors
    /// As [`Gate::admit`].
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Permit, Box<Refusal>>> {
        let Some(place) = &self.place else { return Poll::Pending };
        let answer = place.poll(&self.gate, context.waker(), None);
        if answer.is_ready() {
            self.place = None;
        }
        answer
    }

    /// Why the call waits now; `None` if it has its answer.
    pub fn explain(&self) -> Option<Explanation> {
        self.explainer()()
    }

    /// Says as [`Waiting::explain`] why the call waits, apart from whoever polls it.
    pub fn explainer(&self) -> impl FnOnce() -> Option<Explanation> + use<> {
        let asked = self.place.as_ref().map(|place| (self.gate.clone(), place.id));
        move || {
            let (gate, id) = asked?;
            gate.explain_call(id)
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            drop(place.withdraw(&self.gate));
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.as_ref().map(|place| place.id);
        f.debug_struct("Waiting").field("place", &place).finish_non_exhaustive()
    }
}
