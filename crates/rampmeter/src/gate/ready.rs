//! Waiting until the gate takes more work, in order and one after the other.
//!
//! When pressure has passed, the first in the line is woken and nobody else. As it goes through it
//! wakes the next one, who by then finds what the first has asked for. So a thousand producers do
//! not start as a herd, and the line stops when the gate is pressed again. Nobody polls.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::Gate;
use super::state::State;
use super::timer::Timer;

/// The future of [`Gate::ready`].
///
/// # Cancel safety
/// It takes its place in the line when it is first polled. Dropping it gives the place up, and
/// whoever is next goes on.
#[must_use = "it waits only while it is polled"]
#[derive(Debug)]
pub struct Ready<'a> {
    gate: &'a Gate,
    place: Option<u64>,
}

/// Who waits, by when they came. Who has been woken stays until it goes through or is dropped.
#[derive(Default)]
pub(super) struct Line {
    waiting: BTreeMap<u64, Option<Waker>>,
    places: u64,
}

impl Gate {
    /// Waits until the gate takes more work: no queue is filled, and calls are not stopped for want
    /// of memory. A producer that awaits this before each call is slowed down to what is admitted. It
    /// promises nothing: others may come before, and the call itself may still have to wait.
    ///
    /// # Cancel safety
    /// See [`Ready`]: dropping the future gives the place in the line up.
    pub fn ready(&self) -> Ready<'_> {
        Ready { gate: self, place: None }
    }
}

impl Future for Ready<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (gate, mut place) = (self.gate, self.place);
        gate.measure_if_due();
        // Cloned and dropped outside the lock: both run what is not ours.
        let mut waker = Some(context.waker().clone());
        let (goes, untimed) = gate.home().input(|state, _| {
            let goes = state.goes_through(&mut place, &mut waker);
            (goes, !goes && state.wants_timer())
        });
        drop(waker);
        self.place = place;
        if untimed {
            Timer::start(gate);
        }
        if goes { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let waker = self.gate.home().input(|state, _| state.leaves_line(place));
        drop(waker);
    }
}

impl Line {
    /// The waker of the first.
    pub(super) fn next(&mut self) -> Option<Waker> {
        self.waiting.first_entry()?.get_mut().take()
    }

    /// Everybody's waker: somebody must start the timer again.
    pub(super) fn all(&mut self) -> impl Iterator<Item = Waker> + '_ {
        self.waiting.values_mut().filter_map(Option::take)
    }
}

impl State {
    /// Lets the first in the line through if the gate takes more; others take or keep their place.
    fn goes_through(&mut self, place: &mut Option<u64>, waker: &mut Option<Waker>) -> bool {
        let takes_more = self.takes_more();
        let line = &mut self.pressing.line;
        let first = line.waiting.first_key_value().map(|(first, _)| *first);
        if takes_more && (first.is_none() || first == *place) {
            if let Some(own) = place.take() {
                line.waiting.remove(&own);
            }
            let next = line.next();
            self.wakes.other(next);
            return true;
        }
        let own = *place.get_or_insert_with(|| {
            line.places += 1;
            line.places
        });
        *waker = line.waiting.insert(own, waker.take()).flatten();
        false
    }

    fn leaves_line(&mut self, place: u64) -> Option<Waker> {
        let takes_more = self.takes_more();
        let line = &mut self.pressing.line;
        let was_first = line.waiting.first_key_value().is_some_and(|(first, _)| *first == place);
        let waker = line.waiting.remove(&place).flatten();
        if was_first && takes_more {
            let next = line.next();
            self.wakes.other(next);
        }
        waker
    }
}
