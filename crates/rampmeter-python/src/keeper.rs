//! Who keeps the time: every loop and every blocked thread that waits at the gate.
//!
//! Futures that sleep are kept by the moment at which they end. Each loop that waits has a timer of its
//! own (`call_later`) for the first of these moments, each blocked thread a time-out; whoever comes
//! first wakes what is due. So no thread is needed, no loop waits for another, and when one is closed
//! the others go on.
//!
//! A timer of a loop is never taken back: it holds nothing but who waits, finds nothing to do, and goes. A
//! loop is held weakly, so that a gate keeps none alive.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use rampmeter::Instant;
use rampmeter::runtime::Counter;
use smallvec::SmallVec;

use crate::blocking::Bell;
use crate::interpreter;
use crate::py_loop::{Home, PyLoop};
use crate::roster::Roster;

pub(crate) struct Keeper {
    clock: Counter,
    roster: Py<Roster>,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// By when they end, and a number that tells them apart.
    sleeps: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    hosts: Vec<Host>,
    threads: Vec<Arc<Bell>>,
}

/// A loop that keeps time.
struct Host {
    number: u64,
    home: Arc<Home>,
    /// How many wait on it.
    waiting: usize,
    /// The moments of its timers, the nearest last.
    timers: SmallVec<[Instant; 4]>,
}

/// As long as it lives, its loop keeps time.
pub(crate) struct LoopStay {
    keeper: Weak<Keeper>,
    host: u64,
    home: Arc<Home>,
}

/// As long as it lives, its thread keeps time.
pub(crate) struct ThreadStay {
    keeper: Arc<Keeper>,
    bell: Arc<Bell>,
}

impl Keeper {
    /// # Errors
    /// Python has no memory left.
    pub(crate) fn new(py: Python<'_>, clock: Counter) -> PyResult<Keeper> {
        let roster = Py::new(py, Roster::default())?;
        Ok(Keeper { clock, roster, book: Mutex::default() })
    }

    /// Somebody waits on this loop, which is the running one.
    ///
    /// # Errors
    /// The loop cannot be referred to weakly.
    pub(crate) fn enter(self: &Arc<Self>, py: Python<'_>, on: &PyLoop<'_>) -> PyResult<LoopStay> {
        let mut book = self.book.lock();
        let known = book.hosts.iter_mut().find(|host| host.home.is(on));
        let (home, host) = match known {
            Some(host) => {
                host.waiting += 1;
                (host.home.clone(), host.number)
            }
            None => {
                book.next += 1;
                let number = book.next;
                drop(book);
                // Made without the lock: it calls Python.
                let home = Home::of(on, Arc::downgrade(self), number)?;
                book = self.book.lock();
                let timers = SmallVec::new();
                book.hosts.push(Host { number, home: home.clone(), waiting: 1, timers });
                (home, number)
            }
        };
        let late = book.is_late();
        drop(book);
        if late {
            self.hurry(py);
        }
        Ok(LoopStay { keeper: Arc::downgrade(self), host, home })
    }

    /// Who waits on loops.
    pub(crate) fn roster(&self) -> &Py<Roster> {
        &self.roster
    }

    /// A loop is gone.
    pub(crate) fn forget(&self, host: u64) {
        let mut book = self.book.lock();
        let place = book.hosts.iter().position(|it| it.number == host);
        let gone = place.map(|at| book.hosts.swap_remove(at));
        drop(book);
        drop(gone);
    }

    /// A thread is about to wait, and listens to this.
    pub(crate) fn enter_thread(self: &Arc<Self>, bell: Arc<Bell>) -> ThreadStay {
        let mut book = self.book.lock();
        // The main thread may be held up by a signal's handler, so others go before it.
        let main = book.threads.iter().position(|it| it.is_of_main_thread());
        let at = main.filter(|_| !bell.is_of_main_thread()).unwrap_or(book.threads.len());
        book.threads.insert(at, bell.clone());
        drop(book);
        ThreadStay { keeper: self.clone(), bell }
    }

    /// How long until something is due, for a thread's time-out. Of several that wait the first keeps the
    /// time: if all did, all would wake for each call that starts.
    pub(crate) fn left(&self, bell: &Arc<Bell>) -> Option<Duration> {
        /// Others look so much later, should the first be held up.
        const FALLBACK: Duration = Duration::from_secs(1);
        let book = self.book.lock();
        let left = book.first()?.saturating_since(self.clock.now());
        let leads = book.threads.first().is_some_and(|it| Arc::ptr_eq(it, bell));
        Some(if leads { left } else { left.saturating_add(FALLBACK) })
    }

    /// Wakes what is due.
    pub(crate) fn run_due(&self) {
        let now = self.clock.now();
        let mut due: SmallVec<[Waker; 4]> = SmallVec::new();
        let mut book = self.book.lock();
        while let Some(entry) = book.sleeps.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        drop(book);
        due.into_iter().for_each(Waker::wake);
    }

    /// A loop has no timer for this moment.
    fn unset(&self, host: u64, moment: Instant) {
        let mut book = self.book.lock();
        if let Some(host) = book.hosts.iter_mut().find(|it| it.number == host) {
            host.timers.retain(|it| *it != moment);
        }
    }

    /// A timer of a loop has rung that was set for this moment.
    fn rang(self: &Arc<Self>, py: Python<'_>, host: u64, moment: Instant) {
        self.unset(host, moment);
        self.run_due();
        self.leave_idle();
        self.hurry(py);
    }

    /// Sees to it that all who keep time know of the first moment.
    fn hurry(self: &Arc<Self>, py: Python<'_>) {
        let mut wanted: SmallVec<[(Arc<Home>, u64); 2]> = SmallVec::new();
        let mut book = self.book.lock();
        let Some(first) = book.first() else { return };
        for host in book.hosts.iter_mut().filter(|host| host.is_late(first)) {
            host.timers.push(first);
            wanted.push((host.home.clone(), host.number));
        }
        let bell = book.threads.first().cloned();
        drop(book);
        for (home, host) in wanted {
            let left = first.saturating_since(self.clock.now());
            let (keeper, roster) = (Arc::downgrade(self), self.roster.clone_ref(py));
            let tick = Tick { keeper, host, moment: first, home: home.clone(), roster };
            let Err(error) = home.call_later(py, left, tick) else { continue };
            if error.is_instance_of::<PyRuntimeError>(py) {
                // Its loop is closed: nobody waits there any more.
                self.forget(host);
            } else {
                // A signal's handler raised; whoever waits next on that loop sets the timer.
                self.unset(host, first);
                error.write_unraisable(py, None);
            }
        }
        // Who is up looks at the time itself.
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// One less waits on a loop. Its host stays as long as a timer of it does, for the next.
    fn leave(&self, host: u64) {
        let mut book = self.book.lock();
        let Some(host) = book.hosts.iter_mut().find(|it| it.number == host) else { return };
        host.waiting -= 1;
        if host.waiting == 0 && host.timers.is_empty() {
            drop(book);
            self.leave_idle();
        }
    }

    /// Forgets loops on which nobody waits.
    fn leave_idle(&self) {
        let mut book = self.book.lock();
        let (idle, hosts) = std::mem::take(&mut book.hosts)
            .into_iter()
            .partition(|host| host.waiting == 0 && host.timers.is_empty());
        book.hosts = hosts;
        drop(book);
        let idle: Vec<Host> = idle;
        drop(idle);
    }
}

impl Book {
    fn first(&self) -> Option<Instant> {
        self.sleeps.first_key_value().map(|((at, _), _)| *at)
    }

    fn is_late(&self) -> bool {
        self.first().is_some_and(|first| self.hosts.iter().any(|host| host.is_late(first)))
    }
}

impl Host {
    /// Somebody waits, and no timer rings by then.
    fn is_late(&self, first: Instant) -> bool {
        self.waiting > 0 && self.timers.last().is_none_or(|nearest| *nearest > first)
    }
}

impl LoopStay {
    /// Takes a waiter off the roster.
    pub(crate) fn unregister(&self, place: usize) {
        if let Some(keeper) = self.keeper.upgrade() {
            keeper.roster.get().unregister(place);
        }
    }

    /// The loop.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }
}

impl Drop for LoopStay {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.upgrade() {
            keeper.leave(self.host);
        }
    }
}

impl Drop for ThreadStay {
    fn drop(&mut self) {
        let mut book = self.keeper.book.lock();
        let place = book.threads.iter().position(|bell| Arc::ptr_eq(bell, &self.bell));
        place.map(|at| book.threads.remove(at));
        // Whoever is the first now keeps the time.
        let next = book.threads.first().filter(|_| place == Some(0)).cloned();
        drop(book);
        if let Some(next) = next {
            next.ring();
        }
    }
}

/// What a loop's timer calls. Called from elsewhere by `call_soon_threadsafe`, it sets the timer.
#[pyclass(frozen)]
pub(crate) struct Tick {
    keeper: Weak<Keeper>,
    host: u64,
    moment: Instant,
    home: Arc<Home>,
    roster: Py<Roster>,
}

#[pymethods]
impl Tick {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let tick = slf.get();
        let Some(keeper) = tick.keeper.upgrade() else { return Ok(()) };
        let left = tick.moment.saturating_since(keeper.clock.now());
        if left > Duration::from_millis(2) {
            // Sent over by another thread.
            return tick.home.call_later_here(slf.py(), left, slf.as_any());
        }
        keeper.rang(slf.py(), tick.host, tick.moment);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.roster)
    }
}

/// A future that is ready at a moment.
pub(crate) struct Sleep {
    keeper: Arc<Keeper>,
    at: Instant,
    /// Its number, while it is in the book.
    number: Option<u64>,
}

impl Sleep {
    pub(crate) fn new(keeper: Arc<Keeper>, at: Instant) -> Sleep {
        Sleep { keeper, at, number: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.keeper.clock.now() >= self.at {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let keeper = self.keeper.clone();
        let mut book = keeper.book.lock();
        let number = self.number.unwrap_or_else(|| {
            book.next += 1;
            book.next
        });
        self.number = Some(number);
        let before = book.sleeps.insert((self.at, number), waker);
        let late = book.is_late() || (!book.threads.is_empty() && book.first() == Some(self.at));
        drop(book);
        drop(before);
        if late {
            // Without an interpreter nobody is there to wait.
            interpreter::enter(|py| keeper.hurry(py));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let waker = self.keeper.book.lock().sleeps.remove(&(self.at, number));
            drop(waker);
        }
    }
}
