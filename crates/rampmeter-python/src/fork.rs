//! A process that was forked has a copy of every gate, and of every lock in the state it was in. None
//! of it may be used there: limits would be kept twice, and a lock that another thread held is held
//! for ever.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

/// How many forks lie between the process that loaded this and the one that runs.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The process in which something was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Birth(u64);

impl Birth {
    pub(crate) fn now() -> Birth {
        Birth(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether it was made in this process.
    #[inline]
    pub(crate) fn is_here(self) -> bool {
        self == Birth::now()
    }

    /// # Errors
    /// It was made in another process.
    #[inline]
    pub(crate) fn check(self, py: Python<'_>) -> PyResult<()> {
        if self.is_here() { Ok(()) } else { Err(errors::forked(py)) }
    }
}

/// Has the interpreter tell of each fork.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    // Windows forks nothing.
    let Ok(register) = os.getattr("register_at_fork") else { return Ok(()) };
    let hooks = PyDict::new(py);
    hooks.set_item("after_in_child", wrap_pyfunction!(forked, py)?)?;
    register.call((), Some(&hooks))?;
    Ok(())
}

#[pyfunction]
fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
