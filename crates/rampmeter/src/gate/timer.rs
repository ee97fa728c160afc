//! The one timer for all that waits.
//!
//! A task that sleeps until the engine's next moment and then lets it go on. It is started when
//! it is first needed, on whatever runtime polls a waiter then; if that runtime drops it while
//! the gate lives, every waiter is woken, and the next one polled starts another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};

use rampmeter_core::Instant;

use super::Inner;
use crate::runtime::BoxFuture;

pub(super) struct Timer {
    gate: Weak<Inner>,
    sleep: Option<(Instant, BoxFuture<()>)>,
}

impl Timer {
    pub(super) fn new(gate: Weak<Inner>) -> Timer {
        Timer { gate, sleep: None }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(gate) = self.gate.upgrade() else { return Poll::Ready(()) };
        loop {
            let armed = {
                let mut state = gate.state.lock();
                match &mut state.timer.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                state.timer.armed = state.engine.next_moment();
                state.timer.armed
            };
            let Some(at) = armed else {
                self.sleep = None;
                return Poll::Pending;
            };
            if self.sleep.as_ref().is_none_or(|(until, _)| *until != at) {
                self.sleep = Some((at, gate.runtime.sleep_until(at)));
            }
            if let Some((_, sleep)) = &mut self.sleep {
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            gate.input(super::state::State::advance);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.upgrade() {
            gate.input(|state, _| {
                state.timer.running = false;
                state.timer.armed = None;
                state.timer.waker = None;
                state.wake_all();
            });
        }
    }
}
