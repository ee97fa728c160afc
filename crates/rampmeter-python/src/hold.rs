//! Work that may go on when its call is over: a task that does not listen when it is cancelled, or a
//! thread, which cannot be ended from outside. It keeps the call's slots until it has ended.

use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::errors;
use crate::fork::Birth;

/// A hold of this process, given back wherever it is dropped.
pub(crate) struct Kept {
    /// Present until it is given back.
    hold: Option<rampmeter::Hold>,
    birth: Birth,
}

impl Kept {
    pub(crate) fn new(work: &rampmeter::Work) -> Kept {
        Kept { hold: Some(work.hold()), birth: Birth::now() }
    }

    /// The work has come to its answer.
    pub(crate) fn finish(mut self) {
        if self.birth.is_here()
            && let Some(hold) = self.hold.take()
        {
            errors::apart(|| {
                hold.finish();
            });
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        if self.birth.is_here() {
            errors::apart(|| drop(hold));
        } else {
            // It is the parent's, and so are the locks that giving it back would take.
            std::mem::forget(hold);
        }
    }
}

const WAITS: u8 = 0;
const BEGUN: u8 = 1;
const OVER: u8 = 2;

/// The work of a function that runs in a thread, from when a thread is asked for.
#[pyclass(frozen)]
pub(crate) struct ThreadWork {
    stage: AtomicU8,
    kept: Mutex<Option<Kept>>,
}

impl ThreadWork {
    pub(crate) fn new(work: &rampmeter::Work) -> ThreadWork {
        ThreadWork { stage: AtomicU8::new(WAITS), kept: Mutex::new(Some(Kept::new(work))) }
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.stage.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn take(&self) -> Option<Kept> {
        self.kept.lock().take()
    }
}

#[pymethods]
impl ThreadWork {
    /// A thread has it now. False if it was given up before: then it must not begin.
    fn begin(&self) -> bool {
        self.turn(WAITS, BEGUN)
    }

    /// The thread is through with it.
    fn end(&self) {
        if let Some(kept) = self.take() {
            kept.finish();
        }
    }

    /// Nobody waits for it any more. What no thread has begun never begins.
    fn give_up(&self) {
        if self.turn(WAITS, OVER) {
            drop(self.take());
        }
    }
}
