//! Who waits on a loop: a future of that loop, which is resolved when there is something to see.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pyo3::prelude::*;
use rampmeter::{Permit, Refusal, Waiting};

use crate::keeper::{Keeper, LoopStay};
use crate::py_loop::PyLoop;

/// A call that waits, and the future that its task waits for.
pub(crate) struct Waiter {
    /// `None` once it has its answer or is given up.
    waiting: Mutex<Option<Waiting>>,
    future: Py<PyAny>,
    stay: LoopStay,
}

/// What the gate says now.
pub(crate) enum Answer {
    Permit(Permit),
    Refused(Box<Refusal>),
    /// Nothing yet: the waiter's future is to be waited for.
    Later(Arc<Waiter>),
}

impl Waiter {
    /// Looks for an answer, and has a new future of the running loop resolved if there is none.
    ///
    /// # Errors
    /// No loop runs here; the call's place is given up.
    pub(crate) fn wait(
        py: Python<'_>,
        keeper: &Arc<Keeper>,
        mut waiting: Waiting,
    ) -> PyResult<Answer> {
        let on = PyLoop::running(py)?;
        let future = on.future()?.unbind();
        let stay = keeper.enter(py, &on)?;
        let waiter = Arc::new(Waiter { waiting: Mutex::new(None), future, stay });
        let waker = Waker::from(waiter.clone());
        Ok(match waiting.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(permit)) => Answer::Permit(permit),
            Poll::Ready(Err(refusal)) => Answer::Refused(refusal),
            Poll::Pending => {
                *waiter.waiting.lock() = Some(waiting);
                Answer::Later(waiter)
            }
        })
    }

    pub(crate) fn future<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.future.bind(py).clone()
    }

    /// What a garbage collector may know of.
    pub(crate) fn visible(&self) -> &Py<PyAny> {
        &self.future
    }

    /// The call, to be looked at again or to be given up.
    pub(crate) fn take(&self) -> Option<Waiting> {
        self.waiting.lock().take()
    }

    /// What is asked of the call, if it still waits.
    pub(crate) fn explain(&self) -> Option<rampmeter::Explanation> {
        self.waiting.lock().as_ref()?.explain()
    }
}

impl Wake for Waiter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let told = Python::try_attach(|py| self.stay.home().resolve(py, self.future.bind(py)));
        if told != Some(true) {
            // Its loop is closed: nobody will ever look, and what it was granted is others'.
            drop(self.take());
        }
    }
}
