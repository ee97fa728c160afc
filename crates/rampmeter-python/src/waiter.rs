//! Who waits on a loop for an answer of Rust's: it is asked again whenever it wakes the loop's task.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::keeper::Keeper;
use crate::loop_waker::LoopWaker;

/// What is waited for, and the future that a task waits for.
pub(crate) struct Waiter<W> {
    /// `None` once it has its answer or is given up.
    waiting: Mutex<Option<W>>,
    waker: LoopWaker,
}

/// What is said now.
pub(crate) enum Answer<W, R> {
    Ready(R),
    /// Nothing yet: the waiter's future is to be waited for.
    Later(Arc<Waiter<W>>),
}

impl<W: Send + 'static> Waiter<W> {
    /// Looks for an answer, and has a new future of the running loop resolved if there is none.
    ///
    /// # Errors
    /// No loop runs here; what was waited for is given up.
    pub(crate) fn wait<R>(
        py: Python<'_>,
        keeper: &Arc<Keeper>,
        mut waiting: W,
        poll: impl FnOnce(&mut W, &mut Context<'_>) -> Poll<R>,
    ) -> PyResult<Answer<W, R>> {
        let waker = LoopWaker::new(py, keeper)?;
        let waiter = Arc::new(Waiter { waiting: Mutex::new(None), waker });
        let waker = Waker::from(waiter.clone());
        Ok(match poll(&mut waiting, &mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => Answer::Ready(answer),
            Poll::Pending => {
                *waiter.waiting.lock() = Some(waiting);
                Answer::Later(waiter)
            }
        })
    }

    pub(crate) fn future<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.waker.future(py)
    }

    /// What is waited for, to be looked at again or to be given up.
    pub(crate) fn take(&self) -> Option<W> {
        self.waiting.lock().take()
    }

    /// Asks something of what is waited for, if it still is.
    pub(crate) fn ask<R>(&self, ask: impl FnOnce(&W) -> R) -> Option<R> {
        self.waiting.lock().as_ref().map(ask)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waker.traverse(visit)
    }
}

impl<W: Send + 'static> Wake for Waiter<W> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.waker.wake() {
            // Its loop is closed: nobody will ever look, and what it was granted is others'.
            drop(self.take());
        }
    }
}
