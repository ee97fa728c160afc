//! The calls of a turn whose work goes on after its end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::gate::Still;

/// What conflicts with them waits for the true end of their work.
#[derive(Default)]
pub(super) struct Overtime(FuturesUnordered<One>);

struct One {
    at: usize,
    still: Still,
}

impl Overtime {
    pub(super) fn push(&mut self, at: usize, still: Still) {
        self.0.push(One { at, still });
    }

    /// The next one whose slots and keys are free.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        match self.0.poll_next_unpin(context) {
            Poll::Ready(Some(at)) => Poll::Ready(at),
            _ => Poll::Pending,
        }
    }
}

impl Future for One {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let at = self.at;
        Pin::new(&mut self.still).poll(context).map(|()| at)
    }
}
