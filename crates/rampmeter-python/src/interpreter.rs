//! The interpreter, as whoever wakes somebody comes into it, until it ends.
//!
//! A thread that is in Python when the interpreter ends is ended by it, wherever it stands: in the middle
//! of Rust that is the end of the process (before Python 3.14). So the last thing that happens before is
//! that nobody comes in any more, and that those who are in have left.

use std::sync::OnceLock;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::RwLock;
use pyo3::intern;
use pyo3::prelude::*;

/// The thread that ends it, and goes on.
static ENDS_IN: OnceLock<ThreadId> = OnceLock::new();
/// Read by whoever is in.
static INSIDE: RwLock<()> = RwLock::new(());

/// Does something of Python's, from whichever thread; `None` if the interpreter ends, or there is none.
pub(crate) fn enter<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    // Whoever waits until all have left must not be waited for.
    let _inside = INSIDE.try_read()?;
    if ENDS_IN.get().is_some_and(|ends_in| *ends_in != thread::current().id()) {
        return None;
    }
    Python::try_attach(work)
}

/// Has the interpreter tell of its end.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    let end = wrap_pyfunction!(end, py)?;
    py.import("atexit")?.call_method1(intern!(py, "register"), (end,))?;
    Ok(())
}

#[pyfunction]
fn end(py: Python<'_>) {
    // In a process that was forked those who were in stay there for ever.
    const LONGEST: Duration = Duration::from_secs(1);
    ENDS_IN.get_or_init(|| thread::current().id());
    py.detach(|| drop(INSIDE.try_write_for(LONGEST)));
}
