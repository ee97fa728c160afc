//! Waiting without a loop: a thread that blocks, with the interpreter's lock released.
//!
//! The main thread blocks on a lock of Python's, so that signals reach it and a `KeyboardInterrupt` gives
//! the call's place up. Others hear no signals and are parked: who is in Python when the interpreter
//! ends is ended there, and that must not happen above Rust.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::interpreter;
use crate::keeper::Keeper;

/// The longest that every platform waits.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a thread that waits listens to.
pub(crate) struct Bell {
    rung: AtomicBool,
    ringer: Ringer,
}

enum Ringer {
    /// A lock that is held while there is nothing to hear.
    Lock(Py<PyAny>),
    Thread(Thread),
}

impl Bell {
    /// One for this thread.
    fn new(py: Python<'_>) -> PyResult<Arc<Bell>> {
        let ringer = if is_main_thread(py)? {
            static ALLOCATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let lock = ALLOCATE.import(py, "_thread", "allocate_lock")?.call0()?;
            lock.call_method0(intern!(py, "acquire"))?;
            Ringer::Lock(lock.unbind())
        } else {
            Ringer::Thread(thread::current())
        };
        Ok(Arc::new(Bell { rung: AtomicBool::new(false), ringer }))
    }

    pub(crate) fn is_of_main_thread(&self) -> bool {
        matches!(self.ringer, Ringer::Lock(_))
    }

    /// Has the thread look, now or when it next listens.
    pub(crate) fn ring(&self) {
        if self.rung.swap(true, Ordering::SeqCst) {
            return;
        }
        match &self.ringer {
            Ringer::Lock(lock) => {
                // It is held unless it was rung, so this cannot fail.
                interpreter::enter(|py| lock.call_method0(py, intern!(py, "release")).map(drop));
            }
            Ringer::Thread(thread) => thread.unpark(),
        }
    }

    /// Waits until it is rung, or for so long. Signals are handled meanwhile, and may raise.
    fn listen(&self, py: Python<'_>, most: Option<Duration>) -> PyResult<()> {
        let most = most.unwrap_or(LONGEST).min(LONGEST);
        match &self.ringer {
            Ringer::Lock(lock) => {
                let arguments = (true, most.as_secs_f64());
                let acquired =
                    lock.bind(py).call_method1(intern!(py, "acquire"), arguments)?.extract()?;
                if acquired {
                    self.rung.store(false, Ordering::SeqCst);
                }
            }
            Ringer::Thread(_) => py.detach(|| {
                let until = Instant::now() + most;
                while !self.rung.swap(false, Ordering::SeqCst) {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    thread::park_timeout(left);
                }
            }),
        }
        Ok(())
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?;
    let this = threading.call_method0(intern!(py, "get_ident"))?;
    main.getattr(intern!(py, "ident"))?.eq(this)
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// Blocks until there is an answer.
///
/// # Errors
/// What a signal's handler raised.
pub(crate) fn wait<T>(
    py: Python<'_>,
    keeper: &Arc<Keeper>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> PyResult<T> {
    let bell = Bell::new(py)?;
    let _stay = keeper.enter_thread(bell.clone());
    let waker = Waker::from(bell.clone());
    loop {
        if let Poll::Ready(answer) = poll(&mut Context::from_waker(&waker)) {
            return Ok(answer);
        }
        bell.listen(py, keeper.left(&bell))?;
        keeper.run_due();
    }
}
