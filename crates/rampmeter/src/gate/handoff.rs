//! The hand-off of an answer from the gate's lock to one waiter.
//!
//! The granter answers under the gate's lock and wakes when it is free again; the waiter fetches
//! its answer without that lock. Two things are shared:
//!
//! - `answer`, one number: `WAITS`, then once and for all either `REFUSED` or how many
//!   nanoseconds the call waited until it was granted. Only the gate writes it, under its lock.
//! - `word`, under a lock of its own that is held for a few instructions and never while anything
//!   of others' runs: the waiter's waker, and the refusal if that is the answer.
//!
//! The waiter (`poll`) leaves its waker first and looks at the answer afterwards; the gate answers
//! first and takes the waker afterwards (`wake`). Both go through the lock of `word`, so either the
//! gate finds the waker, or the waiter's later look comes after the answer: no wake is lost.
//! `answer` is stored with `Release` and read with `Acquire`, so that who sees a refusal announced
//! finds it in `word`.
//!
//! Who gives up (`forget`) takes its waker back and asks the gate, under its lock, what has become
//! of the call: the gate's entry, not this, says whether it was granted and must be released. A
//! wake on its way then finds no waker. A wake without an answer is allowed (the gate lost its
//! timer): the waiter looks, and leaves its waker again.
//!
//! `crates/rampmeter-model` tries this file under every order in which the threads can meet.

use std::task::{Poll, Waker};
use std::time::Duration;

use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};

const WAITS: u64 = u64::MAX;
const REFUSED: u64 = u64::MAX - 1;

pub(super) struct Handoff<R> {
    answer: AtomicU64,
    word: Mutex<Word<R>>,
}

struct Word<R> {
    waker: Option<Waker>,
    refusal: Option<R>,
}

/// What a waiter is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<R> {
    /// It was granted after so long.
    Granted(Duration),
    Refused(R),
}

impl<R> Handoff<R> {
    pub(super) fn new() -> Handoff<R> {
        let word = Mutex::new(Word { waker: None, refusal: None });
        Handoff { answer: AtomicU64::new(WAITS), word }
    }

    /// The gate, under its lock: the call was granted.
    pub(super) fn grant(&self, waited_nanos: u64) {
        self.answer.store(waited_nanos.min(REFUSED - 1), Ordering::Release);
    }

    /// The gate, under its lock: the call was refused.
    pub(super) fn refuse(&self, refusal: R) {
        self.word().refusal = Some(refusal);
        self.answer.store(REFUSED, Ordering::Release);
    }

    /// The gate, when its lock is free again.
    pub(super) fn wake(&self) {
        let waker = self.word().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waiter: fetches the answer, or leaves word whom to wake. A refusal is fetched once.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Answer<R>> {
        if let Some(answer) = self.fetch() {
            return Poll::Ready(answer);
        }
        let known = self.word().waker.as_ref().is_some_and(|known| known.will_wake(waker));
        if !known {
            // Cloned and dropped outside the lock: both run what is not ours.
            let waker = waker.clone();
            let before = self.word().waker.replace(waker);
            drop(before);
        }
        self.fetch().map_or(Poll::Pending, Poll::Ready)
    }

    /// The waiter gives up.
    pub(super) fn forget(&self) {
        let waker = self.word().waker.take();
        drop(waker);
    }

    fn fetch(&self) -> Option<Answer<R>> {
        match self.answer.load(Ordering::Acquire) {
            WAITS => None,
            REFUSED => self.word().refusal.take().map(Answer::Refused),
            nanos => Some(Answer::Granted(Duration::from_nanos(nanos))),
        }
    }

    fn word(&self) -> MutexGuard<'_, Word<R>> {
        // Nothing that could panic runs while it is held.
        self.word.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
