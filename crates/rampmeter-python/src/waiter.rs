//! Who waits on a loop.
//!
//! A task waits for whatever it is handed that behaves like an asyncio future (`_asyncio_future_blocking`
//! and what goes with it; asyncio asks for no more). [`Wait`] does, and does less than a future has to:
//! it needs no callback of its own in the loop, because all that are woken between two rounds of a loop
//! are told in one ([`Batch`]). A loop's own future costs a method call to make, and another with an
//! object in the loop's queue to resolve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::asyncio::{CancelledError, InvalidStateError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::batch::Batch;
use crate::interpreter;
use crate::keeper::{Keeper, LoopStay};
use crate::py_loop::PyLoop;

/// What waits, and the task that waits for it. Whoever makes one ends it by [`Waiter::take`].
pub(crate) struct Waiter<W> {
    inside: Mutex<Inside<W>>,
    stay: LoopStay,
}

struct Inside<W> {
    /// `None` once there is an answer, or it is given up.
    waiting: Option<W>,
    /// The task's own, with its context.
    callback: Option<Callback>,
    end: End,
    /// Its place among the keeper's waiters.
    place: Option<usize>,
}

pub(crate) struct Callback {
    pub(crate) function: Py<PyAny>,
    pub(crate) context: Option<Py<PyAny>>,
}

enum End {
    /// There is nothing to see yet.
    Open,
    Woken,
    Cancelled(Option<Py<PyAny>>),
}

/// What comes of a look.
pub(crate) enum Answer<W, T> {
    Ready(T),
    /// Nothing yet: that is to be waited for.
    Later(Arc<Waiter<W>>, Py<Wait>),
}

/// A waiter, whatever it waits for.
pub(crate) trait Waits: Send + Sync {
    /// Whom to call, once.
    fn take_callback(&self) -> Option<Callback>;
    /// What the task is told.
    ///
    /// # Errors
    /// Python has no memory left.
    fn told<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
    /// Nobody will ever look: what waits is given up, and what it was granted is others'.
    fn give_up(&self);
    /// Has the loop tell the task in its next round.
    fn tell(self: Arc<Self>, py: Python<'_>);
    /// It has come to this end, if to none before. Says whether it has.
    fn cancel(self: Arc<Self>, py: Python<'_>, message: Option<Py<PyAny>>) -> bool;
    /// Leaves word whom to call.
    fn listen(self: Arc<Self>, py: Python<'_>, callback: Callback);
    /// How it ended, with the message of a cancellation; `None` if it has not.
    fn ended(&self, py: Python<'_>) -> Option<Result<(), Option<Py<PyAny>>>>;
    /// Shows a garbage collector what it holds.
    ///
    /// # Errors
    /// The collector's own.
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

impl<W: Send + 'static> Waiter<W> {
    /// Looks for an answer, and if there is none has a task of the running loop wait for it.
    ///
    /// # Errors
    /// No loop runs here; what waits is dropped.
    pub(crate) fn wait<T>(
        py: Python<'_>,
        keeper: &Arc<Keeper>,
        mut waiting: W,
        poll: impl FnOnce(&mut W, &mut Context<'_>) -> Poll<T>,
    ) -> PyResult<Answer<W, T>> {
        let on = PyLoop::running(py)?;
        let stay = keeper.enter(py, &on)?;
        let inside = Inside { waiting: None, callback: None, end: End::Open, place: None };
        let waiter = Arc::new(Waiter { inside: Mutex::new(inside), stay });
        let waker = Waker::from(waiter.clone());
        if let Poll::Ready(answer) = poll(&mut waiting, &mut Context::from_waker(&waker)) {
            return Ok(Answer::Ready(answer));
        }
        let place = keeper.roster().get().register(waiter.clone());
        let mut inside = waiter.inside.lock();
        (inside.waiting, inside.place) = (Some(waiting), Some(place));
        drop(inside);
        let blocking = AtomicBool::new(true);
        let wait = Wait { waiter: waiter.clone(), on: on.unbind(), blocking };
        Ok(Answer::Later(waiter, Py::new(py, wait)?))
    }

    /// What waits, to be looked at again or to be given up. Its task is told nothing any more.
    pub(crate) fn take(&self) -> Option<W> {
        let mut inside = self.inside.lock();
        let (waiting, callback) = (inside.waiting.take(), inside.callback.take());
        let place = inside.place.take();
        drop(inside);
        self.unregister(place);
        drop(callback);
        waiting
    }

    /// The gate's collector is shown it no more: its task is kept until it is told, also if the gate is
    /// garbage before. For what holds no gate, and is to hear of its end.
    pub(crate) fn keep(&self) {
        let place = self.inside.lock().place.take();
        self.unregister(place);
    }

    fn unregister(&self, place: Option<usize>) {
        if let Some(place) = place {
            self.stay.unregister(place);
        }
    }

    /// Asks something of what waits.
    pub(crate) fn with<R>(&self, ask: impl FnOnce(&W) -> R) -> Option<R> {
        self.inside.lock().waiting.as_ref().map(ask)
    }

    fn end(self: Arc<Self>, py: Python<'_>, end: End) -> bool {
        let mut inside = self.inside.lock();
        if !matches!(inside.end, End::Open) {
            return false;
        }
        inside.end = end;
        // A task that has not said yet whom to call is told when it does.
        let tell = inside.callback.is_some();
        drop(inside);
        if tell {
            self.tell(py);
        }
        true
    }
}

impl<W: Send + 'static> Waits for Waiter<W> {
    fn take_callback(&self) -> Option<Callback> {
        self.inside.lock().callback.take()
    }

    fn told<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.ended(py) {
            Some(Err(message)) => Ok(Bound::new(py, Told(Some(message)))?.into_any()),
            Some(Ok(())) | None => Told::awake(py),
        }
    }

    fn give_up(&self) {
        drop(self.take());
    }

    fn tell(self: Arc<Self>, py: Python<'_>) {
        // If its loop is closed it is given up there.
        Batch::add(py, self.stay.home(), self.clone());
    }

    fn cancel(self: Arc<Self>, py: Python<'_>, message: Option<Py<PyAny>>) -> bool {
        self.end(py, End::Cancelled(message))
    }

    fn listen(self: Arc<Self>, py: Python<'_>, callback: Callback) {
        let mut inside = self.inside.lock();
        let before = inside.callback.replace(callback);
        let ended = !matches!(inside.end, End::Open);
        drop(inside);
        drop(before);
        if ended {
            self.tell(py);
        }
    }

    fn ended(&self, py: Python<'_>) -> Option<Result<(), Option<Py<PyAny>>>> {
        match &self.inside.lock().end {
            End::Open => None,
            End::Woken => Some(Ok(())),
            End::Cancelled(message) => Some(Err(message.as_ref().map(|it| it.clone_ref(py)))),
        }
    }

    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever has it locked is not garbage.
        let Some(inside) = self.inside.try_lock() else { return Ok(()) };
        if let Some(callback) = &inside.callback {
            visit.call(&callback.function)?;
            visit.call(&callback.context)?;
        }
        Ok(())
    }
}

impl<W: Send + 'static> Wake for Waiter<W> {
    fn wake(self: Arc<Self>) {
        if interpreter::enter(|py| self.clone().end(py, End::Woken)).is_none() {
            // The interpreter is going, and so is everybody who waits.
            drop(self.take());
        }
    }
}

/// What a task waits for: the part of an asyncio future that tasks use.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Wait {
    waiter: Arc<dyn Waits>,
    on: Py<PyAny>,
    blocking: AtomicBool,
}

#[pymethods]
impl Wait {
    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.blocking.store(blocking, Ordering::Relaxed);
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.on.clone_ref(py)
    }

    #[pyo3(signature = (function, *, context = None))]
    fn add_done_callback(&self, py: Python<'_>, function: Py<PyAny>, context: Option<Py<PyAny>>) {
        self.waiter.clone().listen(py, Callback { function, context });
    }

    fn remove_done_callback(&self, _function: &Bound<'_, PyAny>) -> usize {
        usize::from(self.waiter.take_callback().is_some())
    }

    #[pyo3(signature = (msg = None))]
    fn cancel(&self, py: Python<'_>, msg: Option<Py<PyAny>>) -> bool {
        self.waiter.clone().cancel(py, msg)
    }

    fn done(&self, py: Python<'_>) -> bool {
        self.waiter.ended(py).is_some()
    }

    fn cancelled(&self, py: Python<'_>) -> bool {
        self.waiter.ended(py).is_some_and(|end| end.is_err())
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match self.waiter.ended(py) {
            None => Err(InvalidStateError::new_err("the call still waits")),
            Some(end) => end.map_err(cancelled),
        }
    }

    fn __repr__(&self) -> &'static str {
        "<rampmeter: a call that waits>"
    }

    // What the waiter holds is shown by the roster of the gate, which wakes it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on)
    }
}

fn cancelled(message: Option<Py<PyAny>>) -> PyErr {
    match message {
        Some(message) => CancelledError::new_err((message,)),
        None => CancelledError::new_err(()),
    }
}

/// What a task is handed when it is woken: it asks for the result, and is told that it was cancelled if
/// it was.
#[pyclass(frozen)]
struct Told(Option<Option<Py<PyAny>>>);

impl Told {
    fn awake(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static AWAKE: pyo3::sync::PyOnceLock<Py<Told>> = pyo3::sync::PyOnceLock::new();
        let awake = AWAKE.get_or_try_init(py, || Py::new(py, Told(None)))?;
        Ok(awake.bind(py).clone().into_any())
    }
}

#[pymethods]
impl Told {
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &self.0 {
            None => Ok(()),
            Some(message) => Err(cancelled(message.as_ref().map(|message| message.clone_ref(py)))),
        }
    }
}
