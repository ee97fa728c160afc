//! The event loops of Python, as far as waiting needs them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::batch::Batch;
use crate::errors;
use crate::keeper::{Keeper, Tick};

/// The loop that runs in this thread.
pub(crate) struct PyLoop<'py>(Bound<'py, PyAny>);

/// A loop that is known and not kept alive.
pub(crate) struct Home {
    /// Of the loop, as long as it lives: its host goes with it.
    address: usize,
    weak: Py<PyAny>,
    /// Who is told in the loop's next round, if anybody is yet.
    pub(crate) batch: Mutex<Weak<Batch>>,
}

impl<'py> PyLoop<'py> {
    /// # Errors
    /// No loop runs here.
    pub(crate) fn running(py: Python<'py>) -> PyResult<PyLoop<'py>> {
        let running = running(py)?;
        if running.is_none() {
            let message = "no asyncio loop runs here; await it within one, or use gate.admit_sync";
            return Err(errors::usage(py, message));
        }
        Ok(PyLoop(running))
    }

    pub(crate) fn unbind(self) -> Py<PyAny> {
        self.0.unbind()
    }

    fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

/// The loop that runs in this thread, or `None`.
fn running(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING.import(py, "asyncio", "_get_running_loop")?.call0()
}

/// What is called far from now keeps nothing alive of the call that asked for it.
fn in_no_context(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    static CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let options = PyDict::new(py);
    let context = CONTEXT.import(py, "contextvars", "Context")?.call0()?;
    options.set_item(intern!(py, "context"), context)?;
    Ok(options)
}

/// Tells the keeper that a loop is gone.
#[pyclass(frozen)]
struct Gone {
    keeper: Weak<Keeper>,
    host: u64,
}

#[pymethods]
impl Gone {
    fn __call__(&self, _reference: &Bound<'_, PyAny>) {
        if let Some(keeper) = self.keeper.upgrade() {
            keeper.forget(self.host);
        }
    }
}

impl Home {
    pub(crate) fn of(on: &PyLoop<'_>, keeper: Weak<Keeper>, host: u64) -> PyResult<Arc<Home>> {
        let py = on.0.py();
        let gone = Bound::new(py, Gone { keeper, host })?;
        static WEAK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let weak = WEAK.import(py, "weakref", "ref")?.call1((&on.0, gone))?.unbind();
        Ok(Arc::new(Home { address: on.address(), weak, batch: Mutex::default() }))
    }

    pub(crate) fn is(&self, on: &PyLoop<'_>) -> bool {
        self.address == on.address()
    }

    /// Whether it runs in this thread, where alone it may be spoken to without a lock. A loop may run in
    /// another thread each time.
    fn is_here(&self, py: Python<'_>) -> bool {
        running(py).is_ok_and(|running| running.as_ptr() as usize == self.address)
    }

    /// Has the loop call `tick` later, from whichever thread this is.
    ///
    /// # Errors
    /// The loop is closed, or gone.
    pub(crate) fn call_later(&self, py: Python<'_>, left: Duration, tick: Tick) -> PyResult<()> {
        let tick = Bound::new(py, tick)?.into_any();
        if self.is_here(py) {
            return self.call_later_here(py, left, &tick);
        }
        let options = in_no_context(py)?;
        self.insist(py, |on| {
            on.call_method(intern!(py, "call_soon_threadsafe"), (&tick,), Some(&options))
        })
    }

    /// [`Home::call_later`], in the loop's own thread.
    pub(crate) fn call_later_here(
        &self,
        py: Python<'_>,
        left: Duration,
        tick: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // Some loops take no longer delay; what is due then is looked for again.
        const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
        let seconds = left.min(LONGEST).as_secs_f64();
        let options = in_no_context(py)?;
        self.insist(py, |on| {
            on.call_method(intern!(py, "call_later"), (seconds, tick), Some(&options))
        })
    }

    /// Has the loop call it in its next round, from whichever thread this is.
    ///
    /// # Errors
    /// The loop is closed, or gone.
    pub(crate) fn call_soon(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<()> {
        let here = self.is_here(py);
        let name =
            if here { intern!(py, "call_soon") } else { intern!(py, "call_soon_threadsafe") };
        self.insist(py, |on| on.call_method1(name, (function,)))
    }

    /// Asks the loop for something, and once more if that raises though the loop is not closed. Then a
    /// signal's handler did, for whom this is merely the first Python that runs.
    fn insist<'py>(
        &self,
        py: Python<'py>,
        ask: impl Fn(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let on = self.get(py)?;
        let Err(error) = ask(&on) else { return Ok(()) };
        let is_closed = on.call_method0(intern!(py, "is_closed")).and_then(|it| it.is_truthy());
        if is_closed.unwrap_or(false) {
            return Err(error);
        }
        ask(&on)?;
        errors::raise_soon(py, error);
        Ok(())
    }

    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let on = self.weak.bind(py).call0()?;
        if on.is_none() {
            return Err(errors::usage(py, "the loop is gone"));
        }
        Ok(on)
    }
}
