//! Waiting to be admitted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rampmeter_core::CallId;

use super::handoff::Answer;
use super::state::{Standing, Waits};
use super::timer::Timer;
use super::{Ask, Gate};
use crate::call::Call;
use crate::permit::Permit;
use crate::refusal::Refusal;

/// The future of [`Gate::admit`].
///
/// # Cancel safety
/// The call takes its place in the queue when this is first polled. Dropping it gives the place
/// up; a call that was not admitted has consumed nothing, and one that was admitted but whose
/// permit nobody fetched is released.
#[must_use = "a call is asked for only when this is polled"]
pub struct Admission<'a, A: Ask = Call<'a>> {
    gate: &'a Gate,
    progress: Progress<A>,
}

enum Progress<A> {
    New(A),
    Waiting(Place),
    Answered,
}

/// A call's place in the queue. Whoever has it gives it up, or fetches the answer.
pub(super) struct Place {
    pub(super) id: CallId,
    answer: Waits,
}

impl Place {
    pub(super) fn new(id: CallId, answer: Waits) -> Place {
        Place { id, answer }
    }

    /// It has just been taken, or is looked at again. `untimed` says that it must start the timer.
    pub(super) fn poll(
        &self,
        gate: &Gate,
        waker: &Waker,
        untimed: Option<bool>,
    ) -> Poll<Result<Permit, Box<Refusal>>> {
        let home = gate.home();
        let answer = self.answer.poll(waker);
        // Its waker is there before the timer is: if the runtime has no place for the timer, every
        // waiter is woken.
        let ask = || answer.is_pending() && home.input(|state, _| state.wants_timer());
        if untimed.unwrap_or_else(ask) {
            Timer::start(gate);
        }
        answer.map(|answer| match answer {
            Answer::Granted(waited) => Ok(Permit::new(home, self.id, waited)),
            Answer::Refused(refusal) => Err(refusal),
        })
    }

    /// Gives it up, unless the call has been admitted: then that is the permit.
    pub(super) fn withdraw(self, gate: &Gate) -> Option<Permit> {
        self.answer.forget();
        let home = gate.home();
        let admitted = home.input(|state, now| state.withdraw(now, self.id));
        admitted.map(|waited| Permit::new(home, self.id, waited))
    }
}

impl<'a, A: Ask> Admission<'a, A> {
    #[inline]
    pub(super) fn new(gate: &'a Gate, ask: A) -> Admission<'a, A> {
        Admission { gate, progress: Progress::New(ask) }
    }

    pub(super) fn gate(&self) -> &Gate {
        self.gate
    }

    /// The call, while it waits.
    pub(super) fn waiting(&self) -> Option<CallId> {
        match &self.progress {
            Progress::Waiting(place) => Some(place.id),
            Progress::New(_) | Progress::Answered => None,
        }
    }

    /// Gives the call's place up, unless it has been admitted: then that is the permit.
    pub(crate) fn withdraw(&mut self) -> Option<Permit> {
        match std::mem::replace(&mut self.progress, Progress::Answered) {
            Progress::Waiting(place) => place.withdraw(self.gate),
            Progress::New(_) | Progress::Answered => None,
        }
    }

    /// It has just begun to wait, or was polled again. `untimed` says that it must start the timer.
    fn wait(&mut self, waker: &Waker, untimed: Option<bool>) -> Poll<Result<Permit, Box<Refusal>>> {
        let Progress::Waiting(place) = &self.progress else { return Poll::Pending };
        let answer = place.poll(self.gate, waker, untimed);
        if answer.is_ready() {
            self.progress = Progress::Answered;
        }
        answer
    }
}

impl<A: Ask> Future for Admission<'_, A> {
    type Output = Result<Permit, Box<Refusal>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Progress::New(ask) = &self.progress else { return self.wait(context.waker(), None) };
        let (gate, home) = (self.gate, self.gate.home());
        gate.measure_if_due();
        let (standing, untimed) = home.input(|state, now| {
            let standing = ask.asked().put(gate, state, now, true);
            let untimed = matches!(standing, Standing::Waiting(..)) && state.wants_timer();
            (standing, untimed)
        });
        self.progress = match standing {
            Standing::Granted(id) => {
                self.progress = Progress::Answered;
                return Poll::Ready(Ok(Permit::new(home, id, Duration::ZERO)));
            }
            Standing::Refused(refusal) => {
                self.progress = Progress::Answered;
                return Poll::Ready(Err(refusal));
            }
            Standing::Waiting(id, answer) => Progress::Waiting(Place::new(id, answer)),
        };
        self.wait(context.waker(), Some(untimed))
    }
}

impl<A: Ask> Drop for Admission<'_, A> {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.progress, Progress::Waiting(..)) {
            drop(self.withdraw());
        }
    }
}
