//! The calls of a turn that have been asked for and not been answered.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::gate::Admission;
use crate::permit::Permit;
use crate::refusal::Refusal;

/// Dropped as a whole, it starts nothing in vain: a permit that nobody fetched is given back when
/// no call of the turn waits for its slot any more. Dropped one by one, each call would start the
/// next with it, and use its rate.
#[derive(Default)]
pub(super) struct Asking<'a>(FuturesUnordered<One<'a>>);

/// One of them, by its place.
pub(super) struct One<'a> {
    pub(super) at: usize,
    pub(super) admission: Admission<'a>,
}

impl<'a> Asking<'a> {
    pub(super) fn push(&mut self, one: One<'a>) {
        self.0.push(one);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next answer.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<(usize, Result<Permit, Refusal>)> {
        match self.0.poll_next_unpin(context) {
            Poll::Ready(Some(answer)) => Poll::Ready(answer),
            _ => Poll::Pending,
        }
    }
}

impl Future for One<'_> {
    type Output = (usize, Result<Permit, Refusal>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let at = self.at;
        Pin::new(&mut self.admission).poll(context).map(|answer| (at, answer))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let unfetched: Vec<Permit> =
            self.0.iter_mut().filter_map(|one| one.admission.withdraw()).collect();
        drop(unfetched);
    }
}
