//! A subscription to what happens at the gate, read by whichever loops and threads like to: a loop's
//! task waits, a thread blocks.
//!
//! Rust's subscription knows one reader. Here that is the whole of those who wait: when there is
//! something to read they all look, and who finds nothing waits again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::awaiting::{Awaiting, Step, Steps};
use crate::blocking;
use crate::event::Event;
use crate::fork::Birth;
use crate::keeper::Keeper;
use crate::waiter::{Answer, Waiter};

/// What happens at the gate from now on: `async for event in events` on a loop, `for event in events` in a
/// thread of its own, which blocks. Several may read; each event goes to one of them.
///
/// It ends when it is closed, or when the gate is gone and all has been read. It never slows the gate down:
/// what comes while `capacity` events are unread is missed, and counted. Cancelling who waits loses nothing.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Events {
    subscription: Mutex<Subscription>,
    readers: Arc<Readers>,
    keeper: Arc<Keeper>,
    birth: Birth,
}

/// Nothing of Python's is touched while it is locked.
enum Subscription {
    Open(rampmeter::Events),
    /// So many were missed by then.
    Closed(u64),
}

/// Those who wait for an event, by number.
#[derive(Default)]
struct Readers {
    wakers: Mutex<Vec<(u64, Waker)>>,
    next: AtomicU64,
}

/// One of them, as long as it lives.
struct Reader {
    readers: Arc<Readers>,
    number: u64,
}

impl Wake for Readers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = std::mem::take(&mut *self.wakers.lock());
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Reader {
    fn new(readers: &Arc<Readers>) -> Reader {
        let number = readers.next.fetch_add(1, Ordering::Relaxed);
        Reader { readers: readers.clone(), number }
    }

    /// Has this waker woken when there is something to read. Whoever listens looks once more.
    fn listen(&self, waker: &Waker) {
        let mut wakers = self.readers.wakers.lock();
        if wakers.iter().all(|(number, _)| *number != self.number) {
            wakers.push((self.number, waker.clone()));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut wakers = self.readers.wakers.lock();
        let own = wakers.iter().position(|(number, _)| *number == self.number);
        let own = own.map(|at| wakers.swap_remove(at));
        drop(wakers);
        drop(own);
    }
}

impl Events {
    pub(crate) fn new(events: rampmeter::Events, keeper: Arc<Keeper>) -> Events {
        let subscription = Mutex::new(Subscription::Open(events));
        Events { subscription, readers: Arc::default(), keeper, birth: Birth::now() }
    }

    /// The next event, or `None` if none will come; who has to wait is told by `readers`.
    fn poll(&self) -> Poll<Option<rampmeter::Event>> {
        match &mut *self.subscription.lock() {
            Subscription::Open(events) => {
                let waker = Waker::from(self.readers.clone());
                let next = std::pin::pin!(events.next());
                next.poll(&mut Context::from_waker(&waker))
            }
            Subscription::Closed(_) => Poll::Ready(None),
        }
    }
}

#[pymethods]
impl Events {
    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __anext__(slf: &Bound<'_, Self>) -> Awaiting {
        Awaiting::new(Next { events: slf.clone().unbind(), waiter: Mutex::new(None) })
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        self.birth.check(py)?;
        if let Poll::Ready(event) = self.poll() {
            return Ok(event.map(Event));
        }
        let reader = Reader::new(&self.readers);
        let next = blocking::wait(py, &self.keeper, |context| {
            reader.listen(context.waker());
            self.poll()
        });
        Ok(next?.map(Event))
    }

    /// All that is there now. Needs no loop.
    fn drain(&self, py: Python<'_>) -> PyResult<Vec<Event>> {
        self.birth.check(py)?;
        let events = match &mut *self.subscription.lock() {
            Subscription::Open(events) => events.drain(),
            Subscription::Closed(_) => Vec::new(),
        };
        Ok(events.into_iter().map(Event).collect())
    }

    #[getter]
    fn missed(&self, py: Python<'_>) -> PyResult<u64> {
        self.birth.check(py)?;
        Ok(match &*self.subscription.lock() {
            Subscription::Open(events) => events.missed(),
            Subscription::Closed(missed) => *missed,
        })
    }

    /// Ends it, also for who waits. What is unread is gone.
    fn close(&self) {
        if !self.birth.is_here() {
            return;
        }
        let mut subscription = self.subscription.lock();
        if let Subscription::Open(events) = &*subscription {
            let missed = events.missed();
            let before = std::mem::replace(&mut *subscription, Subscription::Closed(missed));
            drop(subscription);
            drop(before);
            // Whoever waits learns that nothing will come.
            self.readers.wake_by_ref();
        }
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.close();
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if !self.birth.is_here() {
            // The locks that ending it would take may be held for ever in this process.
            let foreign = std::mem::replace(self.subscription.get_mut(), Subscription::Closed(0));
            std::mem::forget(foreign);
        }
    }
}

/// Awaits the next event.
struct Next {
    events: Py<Events>,
    /// While it waits.
    waiter: Mutex<Option<Arc<Waiter<Reader>>>>,
}

impl Next {
    fn done<'py>(py: Python<'py>, event: Option<rampmeter::Event>) -> PyResult<Step<'py>> {
        let event = event.ok_or_else(|| PyStopAsyncIteration::new_err(()))?;
        Ok(Step::Done(Py::new(py, Event(event))?.into_any()))
    }
}

impl Steps for Next {
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Step<'py>> {
        let events = self.events.get();
        events.birth.check(py)?;
        self.give_up();
        if let Poll::Ready(event) = events.poll() {
            return Next::done(py, event);
        }
        let reader = Reader::new(&events.readers);
        // Something may have come before it was among the readers, so it looks again.
        let answer = Waiter::wait(py, &events.keeper, reader, |reader, context| {
            reader.listen(context.waker());
            events.poll()
        })?;
        match answer {
            Answer::Ready(event) => Next::done(py, event),
            Answer::Later(waiter, wait) => {
                waiter.keep();
                *self.waiter.lock() = Some(waiter);
                Ok(Step::Later(wait.into_bound(py).into_any()))
            }
        }
    }

    fn give_up(&self) {
        let Some(waiter) = self.waiter.lock().take() else { return };
        if self.events.get().birth.is_here() {
            drop(waiter.take());
        } else {
            // The locks that its end would take may be held for ever in this process.
            std::mem::forget(waiter);
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.events)
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        self.give_up();
    }
}
