//! Waiting without a loop: a thread that blocks on a lock of Python's, with the interpreter's lock
//! released. Signals reach it, and a `KeyboardInterrupt` gives the call's place up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rampmeter::{Permit, Waiting};

use crate::errors;
use crate::keeper::Keeper;

/// A lock that is held while there is nothing to hear.
pub(crate) struct Bell {
    lock: Py<PyAny>,
    rung: AtomicBool,
}

impl Bell {
    fn new(py: Python<'_>) -> PyResult<Arc<Bell>> {
        static ALLOCATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let lock = ALLOCATE.import(py, "_thread", "allocate_lock")?.call0()?;
        lock.call_method0(intern!(py, "acquire"))?;
        Ok(Arc::new(Bell { lock: lock.unbind(), rung: AtomicBool::new(false) }))
    }

    /// Has the thread look, now or when it next listens.
    pub(crate) fn ring(&self, py: Python<'_>) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // It is held unless it was rung, so this cannot fail.
            let _ = self.lock.call_method0(py, intern!(py, "release"));
        }
    }

    /// Waits until it is rung, or for so long. Signals are handled meanwhile, and may raise.
    fn listen(&self, py: Python<'_>, most: Option<Duration>) -> PyResult<()> {
        // The longest that every platform takes.
        const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
        let seconds = most.unwrap_or(LONGEST).min(LONGEST).as_secs_f64();
        let acquire = self.lock.bind(py).call_method1(intern!(py, "acquire"), (true, seconds))?;
        if acquire.extract()? {
            self.rung.store(false, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        Python::try_attach(|py| self.ring(py));
    }
}

/// Blocks until the call has its answer.
///
/// # Errors
/// The refusal, or what a signal's handler raised.
pub(crate) fn wait(py: Python<'_>, keeper: &Arc<Keeper>, mut waiting: Waiting) -> PyResult<Permit> {
    let bell = Bell::new(py)?;
    let _stay = keeper.enter_thread(bell.clone());
    let waker = Waker::from(bell.clone());
    loop {
        match waiting.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Ok(permit)) => return Ok(permit),
            Poll::Ready(Err(refusal)) => return Err(errors::refused(py, &refusal)),
            Poll::Pending => bell.listen(py, keeper.left())?,
        }
        keeper.run_due();
    }
}
