//! A process that may die: what was spawned in it dies with it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use rampmeter::runtime::{BoxFuture, Counter, Runtime};
use rampmeter_core::Instant;

use super::super::tools::locked;

/// A part of a runtime that can be ended at one moment, with all that it holds, without a word to
/// anybody inside.
pub(super) struct Process {
    base: Arc<dyn Runtime>,
    seed: u64,
    dead: AtomicBool,
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    next: u64,
    /// In the order in which they were spawned.
    slots: BTreeMap<u64, Arc<Slot>>,
}

/// A task, until it has ended or its process has.
type Slot = Mutex<Option<BoxFuture<()>>>;

impl Process {
    pub(super) fn on(base: Arc<dyn Runtime>, seed: u64) -> Arc<Process> {
        Arc::new(Process { base, seed, dead: AtomicBool::new(false), tasks: Arc::default() })
    }

    /// Drops all tasks, the oldest first. Not to be called from within one of them.
    pub(super) fn dies(&self) {
        self.dead.store(true, Ordering::Relaxed);
        loop {
            // What is dropped may have spawned before it was.
            let slots = std::mem::take(&mut locked(&self.tasks).slots);
            if slots.is_empty() {
                return;
            }
            for slot in slots.into_values() {
                let task = locked(&slot).take();
                drop(task);
            }
        }
    }

    /// Whether it has died, or is about to.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Ready so many nanoseconds from now.
    pub(super) fn sleep(&self, nanos: u64) -> BoxFuture<()> {
        self.sleep_until(self.now().saturating_add(Duration::from_nanos(nanos)))
    }
}

impl Runtime for Process {
    fn now(&self) -> Instant {
        self.base.now()
    }

    fn counter(&self) -> Option<Counter> {
        self.base.counter()
    }

    fn wall_clock(&self) -> SystemTime {
        self.base.wall_clock()
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        self.base.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        if self.is_dead() {
            return;
        }
        let slot = Arc::new(Mutex::new(Some(task)));
        let mut tasks = locked(&self.tasks);
        tasks.next += 1;
        let number = tasks.next;
        tasks.slots.insert(number, slot.clone());
        drop(tasks);
        let tasks = Arc::downgrade(&self.tasks);
        self.base.spawn(Box::pin(Task { number, slot, tasks }));
    }
}

/// What the runtime below has of a task.
struct Task {
    number: u64,
    slot: Arc<Slot>,
    tasks: Weak<Mutex<Tasks>>,
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut slot = locked(&self.slot);
        let Some(task) = slot.as_mut() else { return Poll::Ready(()) };
        if task.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let ended = slot.take();
        drop(slot);
        drop(ended);
        if let Some(tasks) = self.tasks.upgrade() {
            let ended = locked(&tasks).slots.remove(&self.number);
            drop(ended);
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("dead", &self.is_dead()).finish_non_exhaustive()
    }
}
