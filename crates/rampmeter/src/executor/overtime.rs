//! The calls of a turn that have their result while their work goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use rampmeter_core::Instant;

use crate::gate::Still;
use crate::runtime::{BoxFuture, Runtime};

/// Calls that conflict with them wait for the true end, but no longer than the turn may take.
pub(super) struct Overtime {
    calls: FuturesUnordered<One>,
    runtime: Arc<dyn Runtime>,
    turn_deadline: Instant,
    /// Until that deadline, while there are any.
    sleep: Option<BoxFuture<()>>,
    /// It has come, and that was said.
    said: bool,
}

struct One {
    at: usize,
    still: Still,
}

impl Overtime {
    pub(super) fn new(runtime: &Arc<dyn Runtime>, turn_deadline: Instant) -> Overtime {
        let (calls, runtime) = (FuturesUnordered::new(), runtime.clone());
        Overtime { calls, runtime, turn_deadline, sleep: None, said: false }
    }

    pub(super) fn push(&mut self, at: usize, still: Still) {
        self.calls.push(One { at, still });
    }

    /// The next call whose slots and keys are free, or, once, `None` when the turn's deadline has come.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<usize>> {
        match self.calls.poll_next_unpin(context) {
            Poll::Ready(Some(at)) => return Poll::Ready(Some(at)),
            Poll::Ready(None) => return Poll::Pending,
            Poll::Pending if self.said => return Poll::Pending,
            Poll::Pending => {}
        }
        // A sleep may end a little early by the gate's clock.
        while self.runtime.now() < self.turn_deadline {
            let sleep = || self.runtime.sleep_until(self.turn_deadline);
            if self.sleep.get_or_insert_with(sleep).as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
        self.said = true;
        Poll::Ready(None)
    }
}

impl Future for One {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let at = self.at;
        Pin::new(&mut self.still).poll(context).map(|()| at)
    }
}
