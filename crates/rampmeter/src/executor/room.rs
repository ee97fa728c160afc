//! How many calls may wait at the gate for the turns of one stream, and whose turn it is to ask.
//!
//! A turn takes a place for each call before it asks for it, and the place is free again when the
//! call has its answer. Results are handed on in the order of the turns, so a place goes to the
//! earliest turn that wants one; those after it must not take it in passing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

/// The places of one stream.
pub(super) struct Room(Arc<Mutex<Places>>);

/// One turn's right to take places.
pub(super) struct Seat {
    /// `None` where there is no bound.
    room: Option<Arc<Mutex<Places>>>,
    turn: u64,
}

/// A place that is taken until this is dropped.
pub(super) struct Place(Option<Arc<Mutex<Places>>>);

struct Places {
    free: usize,
    /// Whom to wake when there is a place, by turn.
    waiting: BTreeMap<u64, Waker>,
}

impl Room {
    /// So many places.
    pub(super) fn new(places: usize) -> Room {
        Room(Arc::new(Mutex::new(Places { free: places, waiting: BTreeMap::new() })))
    }

    /// The seat of a turn. Turns are numbered in their order.
    pub(super) fn seat(&self, turn: u64) -> Seat {
        Seat { room: Some(self.0.clone()), turn }
    }

    /// Whether there is a place that no turn waits for.
    pub(super) fn has_free(&self) -> bool {
        let places = self.0.lock();
        places.free > 0 && places.waiting.is_empty()
    }
}

impl Seat {
    /// The seat of a turn that may ask for all of its calls at once.
    pub(super) fn unbounded() -> Seat {
        Seat { room: None, turn: 0 }
    }

    /// A place, if one is free and no earlier turn waits for it.
    pub(super) fn take(&self) -> Option<Place> {
        let Some(room) = &self.room else { return Some(Place(None)) };
        let mut places = room.lock();
        if !places.are_for(self.turn) {
            return None;
        }
        places.free -= 1;
        let known = places.waiting.remove(&self.turn);
        let next = places.next();
        drop(places);
        drop(known);
        wake(next);
        Some(Place(Some(room.clone())))
    }

    /// Ready when [`Seat::take`] would give a place.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let Some(room) = &self.room else { return Poll::Ready(()) };
        // Cloned and dropped outside the lock: both run what is not ours.
        let waker = context.waker().clone();
        let mut places = room.lock();
        if places.are_for(self.turn) {
            return Poll::Ready(());
        }
        let before = places.waiting.insert(self.turn, waker);
        drop(places);
        drop(before);
        Poll::Pending
    }
}

impl Places {
    fn are_for(&self, turn: u64) -> bool {
        self.free > 0 && self.waiting.first_key_value().is_none_or(|(first, _)| *first >= turn)
    }

    /// Whom to wake; it stays in the line until it has taken its place or is gone.
    fn next(&self) -> Option<Waker> {
        let first = || self.waiting.first_key_value().map(|(_, waker)| waker.clone());
        if self.free > 0 { first() } else { None }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(room) = &self.0 else { return };
        let mut places = room.lock();
        places.free += 1;
        let next = places.next();
        drop(places);
        wake(next);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(room) = &self.room else { return };
        let mut places = room.lock();
        let Some(known) = places.waiting.remove(&self.turn) else { return };
        let next = places.next();
        drop(places);
        drop(known);
        wake(next);
    }
}

fn wake(waker: Option<Waker>) {
    waker.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_goes_to_the_earliest_turn_that_waits_for_one() {
        let room = Room::new(1);
        let (first, second) = (room.seat(1), room.seat(2));
        let mut context = Context::from_waker(Waker::noop());
        let place = second.take().expect("nobody else wants it");
        assert!(first.poll_room(&mut context).is_pending());
        assert!(!room.has_free());
        drop(place);
        assert!(second.take().is_none(), "it is the first turn's");
        assert!(second.poll_room(&mut context).is_pending());
        assert!(first.poll_room(&mut context).is_ready());
        let place = first.take().expect("it is its own");
        assert!(second.take().is_none(), "there is none");
        drop(place);
        assert!(second.take().is_some());
    }

    #[test]
    fn a_turn_that_is_gone_holds_nobody_back() {
        let room = Room::new(1);
        let (first, second) = (room.seat(1), room.seat(2));
        let mut context = Context::from_waker(Waker::noop());
        let place = second.take();
        assert!(first.poll_room(&mut context).is_pending());
        drop((first, place));
        assert!(second.take().is_some());
        assert!(room.has_free());
    }
}
