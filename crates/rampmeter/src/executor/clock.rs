//! Time for the loop of a turn.

use std::task::{Context, Poll};

use rampmeter_core::Instant;

use super::Executor;
use crate::runtime::BoxFuture;

/// Wakes the loop at the next moment at which time alone gives it something to do.
#[derive(Default)]
pub(super) struct Clock {
    sleep: Option<(Instant, BoxFuture<()>)>,
}

impl Clock {
    pub(super) fn set(&mut self, executor: &Executor, at: Instant) {
        if self.sleep.as_ref().is_some_and(|(until, _)| *until == at) {
            return;
        }
        let sleep = || (at, executor.gate.runtime().sleep_until(at));
        self.sleep = (at < Instant::NEVER).then(sleep);
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((_, sleep)) = &mut self.sleep else { return Poll::Pending };
        let ready = sleep.as_mut().poll(context);
        if ready.is_ready() {
            self.sleep = None;
        }
        ready
    }
}
