//! The one timer for all that waits.
//!
//! A task that sleeps until the engine's next moment and then lets it go on. It is started when
//! it is first needed, on whatever runtime polls a waiter then; if that runtime drops it while
//! the gate lives, every waiter is woken, and the next one polled starts another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rampmeter_core::Instant;

use super::{Gate, Home};
use crate::runtime::{BoxFuture, Runtime};

pub(super) struct Timer {
    home: &'static Home,
    /// Of the gate whose time it keeps; another one may live there later.
    serial: u64,
    runtime: Arc<dyn Runtime>,
    sleep: Option<(Instant, BoxFuture<()>)>,
}

/// What the gate knows of its timer.
#[derive(Default)]
pub(super) struct TimerState {
    pub(super) running: bool,
    pub(super) armed: Option<Instant>,
    pub(super) waker: Option<Waker>,
}

impl Gate {
    /// Keeps time from now on, whether or not a call waits: what time alone changes is then told to
    /// subscribers when it comes. Needs a runtime where [`Gate::admit`] does.
    pub fn keep_time(&self) {
        if self.home().input(|state, _| state.wants_timer()) {
            Timer::start(self);
        }
    }
}

impl Timer {
    /// Somebody waits at this gate: its timer is started unless it runs.
    pub(super) fn start(gate: &Gate) {
        let (home, serial) = (gate.home(), gate.tenancy.serial);
        let runtime = gate.runtime().clone();
        let timer = Timer { home, serial, runtime: runtime.clone(), sleep: None };
        runtime.spawn(Box::pin(timer));
    }

    /// Says until when to sleep; `None` once the gate is gone.
    fn arm(&self, waker: &Waker) -> Option<Option<Instant>> {
        let mut waker = Some(waker.clone());
        let armed = self.home.input_at(self.serial, |state, _| {
            std::mem::swap(&mut state.timer.waker, &mut waker);
            state.timer.armed = state.next_moment();
            state.timer.armed
        });
        drop(waker);
        armed
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(armed) = self.arm(context.waker()) else { return Poll::Ready(()) };
            let Some(at) = armed else {
                self.sleep = None;
                return Poll::Pending;
            };
            if self.sleep.as_ref().is_none_or(|(until, _)| *until != at) {
                self.sleep = Some((at, self.runtime.sleep_until(at)));
            }
            if let Some((_, sleep)) = &mut self.sleep {
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            self.home.input_at(self.serial, super::state::State::advance);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let gone = self.home.input_at(self.serial, |state, _| {
            state.wake_all();
            std::mem::take(&mut state.timer)
        });
        drop(gone);
    }
}
