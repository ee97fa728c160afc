//! All tasks of a loop that are woken between two of its rounds, told in one.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors;
use crate::fork::Birth;
use crate::py_loop::Home;
use crate::waiter::Waits;

/// Whom to tell. Only the loop's queue holds it, through a [`Telling`]: when the loop is closed it goes
/// with the queue, and what waits there is given up.
pub(crate) struct Batch {
    /// `None` once they are being told.
    waiters: Mutex<Option<Vec<Arc<dyn Waits>>>>,
    birth: Birth,
}

impl Batch {
    /// Has a waiter of this loop told, or given up if the loop is closed.
    pub(crate) fn add(py: Python<'_>, home: &Home, waiter: Arc<dyn Waits>) {
        // Declared first, so that it is dropped without the lock.
        let known;
        let mut last = home.batch.lock();
        known = last.upgrade();
        if let Some(batch) = &known
            && let Some(waiters) = &mut *batch.waiters.lock()
        {
            waiters.push(waiter);
            return;
        }
        let waiters = Mutex::new(Some(vec![waiter]));
        let batch = Arc::new(Batch { waiters, birth: Birth::now() });
        *last = Arc::downgrade(&batch);
        drop(last);
        let telling = Bound::new(py, Telling(batch));
        // A loop that does not take it drops it, which gives those in it up.
        let _ = telling.and_then(|telling| home.call_soon(py, telling.as_any()));
    }
}

impl Drop for Batch {
    /// Its loop was closed before it came to that: nobody will ever look, and what they were granted is
    /// others'.
    fn drop(&mut self) {
        let Some(waiters) = self.waiters.get_mut().take() else { return };
        if self.birth.is_here() {
            errors::apart(|| waiters.iter().for_each(|waiter| waiter.give_up()));
        } else {
            // They are the parent's, as is what they were granted.
            std::mem::forget(waiters);
        }
    }
}

/// What the loop calls.
#[pyclass(frozen)]
struct Telling(Arc<Batch>);

#[pymethods]
impl Telling {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let waiters = slf.get().0.waiters.lock().take().unwrap_or_default();
        let mut waiters = waiters.into_iter();
        while let Some(waiter) = waiters.next() {
            let Some(callback) = waiter.take_callback() else { continue };
            let told = waiter.told(py)?;
            let called = match &callback.context {
                Some(context) => {
                    context.call_method1(py, intern!(py, "run"), (callback.function, told))
                }
                None => callback.function.call1(py, (told,)),
            };
            if let Err(error) = called {
                // A task lets nothing out but what ends the program. Those behind it are told all the same,
                // should it go on.
                for waiter in waiters {
                    waiter.tell(py);
                }
                return Err(error);
            }
        }
        Ok(())
    }
}
