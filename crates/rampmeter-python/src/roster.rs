//! Who waits on loops at a gate: whom it is to wake, as a garbage collector is shown them.
//!
//! The gate holds it, and so does each timer of a loop: who waits for a time waits for that timer, and a
//! task that nobody else knows goes on with it, as one does that sleeps.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::waiter::Waits;

#[pyclass(frozen)]
#[derive(Default)]
pub(crate) struct Roster(Mutex<Places>);

#[derive(Default)]
struct Places {
    waiters: Vec<Option<Arc<dyn Waits>>>,
    free: Vec<usize>,
}

impl Roster {
    /// From now on collectors are shown this waiter. Returns its place.
    pub(crate) fn register(&self, waiter: Arc<dyn Waits>) -> usize {
        let mut places = self.0.lock();
        match places.free.pop() {
            Some(place) => {
                places.waiters[place] = Some(waiter);
                place
            }
            None => {
                places.waiters.push(Some(waiter));
                places.waiters.len() - 1
            }
        }
    }

    /// Takes the waiter at this place off.
    pub(crate) fn unregister(&self, place: usize) {
        let mut places = self.0.lock();
        let gone = places.waiters.get_mut(place).and_then(Option::take);
        if gone.is_some() {
            places.free.push(place);
        }
        drop(places);
        drop(gone);
    }
}

#[pymethods]
impl Roster {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has it locked is not garbage.
        let Some(places) = self.0.try_lock() else { return Ok(()) };
        places.waiters.iter().flatten().try_for_each(|waiter| waiter.visit(&visit))
    }

    /// Nobody will be woken.
    fn __clear__(&self) {
        let waiters: Vec<Arc<dyn Waits>> =
            self.0.lock().waiters.iter().flatten().cloned().collect();
        for waiter in waiters {
            drop(waiter.take_callback());
        }
    }
}
