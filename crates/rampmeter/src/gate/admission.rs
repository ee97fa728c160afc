//! Waiting to be admitted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use rampmeter_core::CallId;

use super::state::Standing;
use super::{Ask, Gate};
use crate::permit::Permit;
use crate::refusal::Refusal;

/// The future of [`Gate::admit`].
///
/// # Cancel safety
/// The call takes its place in the queue when this is first polled. Dropping it gives the place
/// up; a call that was not admitted has consumed nothing, and one that was admitted but whose
/// permit nobody fetched is released.
#[must_use = "a call is asked for only when this is polled"]
pub struct Admission<'a> {
    gate: &'a Gate,
    progress: Progress<'a>,
}

enum Progress<'a> {
    New(Ask<'a>),
    Waiting(CallId),
    Answered,
}

impl<'a> Admission<'a> {
    pub(super) fn new(gate: &'a Gate, ask: Ask<'a>) -> Admission<'a> {
        Admission { gate, progress: Progress::New(ask) }
    }

    pub(super) fn gate(&self) -> &Gate {
        self.gate
    }

    /// The call, while it waits.
    pub(super) fn waiting(&self) -> Option<CallId> {
        match self.progress {
            Progress::Waiting(id) => Some(id),
            Progress::New(_) | Progress::Answered => None,
        }
    }

    /// Gives the call's place up, unless it has been admitted: then that is the permit.
    pub(crate) fn withdraw(&mut self) -> Option<Permit> {
        let Progress::Waiting(id) = std::mem::replace(&mut self.progress, Progress::Answered)
        else {
            return None;
        };
        let standing = self.gate.inner.input(|state, now| state.withdraw(now, id));
        standing.map(|waited| Permit::new(self.gate.clone(), id, waited))
    }
}

impl Future for Admission<'_> {
    type Output = Result<Permit, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = &self.gate.inner;
        let (standing, untimed) = match &self.progress {
            Progress::New(ask) => inner.input(|state, now| {
                let standing = match ask.put(self.gate, state, now, true) {
                    // It leaves word at once, under the same lock.
                    Standing::Waiting(id) => state.poll(id, context.waker()),
                    answered => answered,
                };
                state.with_timer(standing)
            }),
            Progress::Waiting(id) => inner.input(|state, _| {
                let standing = state.poll(*id, context.waker());
                state.with_timer(standing)
            }),
            Progress::Answered => return Poll::Pending,
        };
        if untimed {
            inner.start_timer();
        }
        match standing {
            Standing::Granted(id, waited) => {
                self.progress = Progress::Answered;
                Poll::Ready(Ok(Permit::new(self.gate.clone(), id, waited)))
            }
            Standing::Refused(refusal) => {
                self.progress = Progress::Answered;
                Poll::Ready(Err(*refusal))
            }
            Standing::Waiting(id) => {
                self.progress = Progress::Waiting(id);
                Poll::Pending
            }
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        drop(self.withdraw());
    }
}
