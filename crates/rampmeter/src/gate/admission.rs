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
    Waiting(CallId, Waits),
    Answered,
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
        match self.progress {
            Progress::Waiting(id, _) => Some(id),
            Progress::New(_) | Progress::Answered => None,
        }
    }

    /// Gives the call's place up, unless it has been admitted: then that is the permit.
    pub(crate) fn withdraw(&mut self) -> Option<Permit> {
        let Progress::Waiting(id, answer) =
            std::mem::replace(&mut self.progress, Progress::Answered)
        else {
            return None;
        };
        answer.forget();
        let home = self.gate.home();
        let admitted = home.input(|state, now| state.withdraw(now, id));
        admitted.map(|waited| Permit::new(home, id, waited))
    }

    /// It has just begun to wait, or was polled again. `untimed` says that it must start the timer.
    fn wait(&mut self, waker: &Waker, untimed: Option<bool>) -> Poll<Result<Permit, Box<Refusal>>> {
        let Progress::Waiting(id, answer) = &self.progress else { return Poll::Pending };
        let (id, answer) = (*id, answer.poll(waker));
        let (gate, home) = (self.gate, self.gate.home());
        // Its waker is there before the timer is: if the runtime has no place for the timer, every
        // waiter is woken.
        let ask = || answer.is_pending() && home.input(|state, _| state.wants_timer());
        if untimed.unwrap_or_else(ask) {
            Timer::start(gate);
        }
        answer.map(|answer| {
            self.progress = Progress::Answered;
            match answer {
                Answer::Granted(waited) => Ok(Permit::new(home, id, waited)),
                Answer::Refused(refusal) => Err(refusal),
            }
        })
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
            Standing::Waiting(id, answer) => Progress::Waiting(id, answer),
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
