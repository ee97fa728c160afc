//! The one hand-off between the gate's lock and a waiter, under every order in which their threads
//! can meet and every value that an atomic may then be seen to have (loom).
//!
//! The file under test is the gate's own, included here with the checker's locks and atomics.
//! Around it stands as much of the gate as it has to do with: a lock over what became of one call
//! and over how many slots are held (`Gate`), and a second thread that grants, refuses, or loses
//! its timer. What must hold in every order:
//!
//! - a waiter that is answered learns it, once, and is not left asleep: an execution in which it
//!   sleeps for ever is a deadlock, which the checker finds by itself;
//! - the waker of the last poll is the one that is woken, unless that poll saw the answer;
//! - a waiter that gives up while it is granted gives its slot back, exactly once;
//! - nobody's waker is kept when all is over.
//!
//! Two threads are tried in every order there is. Three have too many: there a thread is stopped
//! against its will at most three times in one execution, which is what nearly all errors need.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../../rampmeter/src/gate/handoff.rs"]
mod handoff;
mod sync;

use std::future::poll_fn;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use handoff::{Answer, Handoff};
use loom::sync::atomic::AtomicUsize;
use loom::sync::{Arc, Mutex};
use loom::thread;
use sync::Ordering;

/// What the gate keeps of one call, under its lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    Waits,
    Granted,
    Gone,
}

struct Gate {
    entry: Mutex<(Entry, i32)>,
    handoff: Arc<Handoff<&'static str>>,
}

impl Gate {
    /// With one call that waits, and nothing held.
    fn new() -> Arc<Gate> {
        let handoff = Arc::new(Handoff::new());
        Arc::new(Gate { entry: Mutex::new((Entry::Waits, 0)), handoff })
    }

    fn grants(&self) {
        let mut entry = self.entry.lock().unwrap();
        if entry.0 != Entry::Waits {
            return;
        }
        *entry = (Entry::Granted, entry.1 + 1);
        self.handoff.grant(7);
        drop(entry);
        self.handoff.wake();
    }

    fn refuses(&self) {
        let mut entry = self.entry.lock().unwrap();
        if entry.0 != Entry::Waits {
            return;
        }
        entry.0 = Entry::Gone;
        self.handoff.refuse("full");
        drop(entry);
        self.handoff.wake();
    }

    /// The waiter gives up, as a dropped `Admission` does.
    fn withdraws(&self) {
        self.handoff.forget();
        let mut entry = self.entry.lock().unwrap();
        if entry.0 == Entry::Granted {
            entry.1 -= 1;
        }
        entry.0 = Entry::Gone;
    }

    fn held(&self) -> i32 {
        self.entry.lock().unwrap().1
    }
}

/// A waker that counts. The checker's own counter, so that it takes part in the orders.
struct Wakes(AtomicUsize);

impl Wakes {
    fn new() -> std::sync::Arc<Wakes> {
        std::sync::Arc::new(Wakes(AtomicUsize::new(0)))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(gate: &Gate, wakes: &std::sync::Arc<Wakes>) -> Poll<Answer<&'static str>> {
    let waker = Waker::from(wakes.clone());
    gate.handoff.poll(Context::from_waker(&waker).waker())
}

fn spawned(gate: &Arc<Gate>, work: fn(&Gate)) -> thread::JoinHandle<()> {
    let gate = gate.clone();
    thread::spawn(move || work(&gate))
}

/// Tries a model of three threads.
fn model_of_three(model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn granted() -> Answer<&'static str> {
    Answer::Granted(Duration::from_nanos(7))
}

#[test]
fn a_waiter_that_is_granted_is_woken_whenever_it_looks() {
    loom::model(|| {
        let gate = Gate::new();
        let granter = spawned(&gate, Gate::grants);
        let waker = gate.clone();
        let answer = loom::future::block_on(poll_fn(move |it| waker.handoff.poll(it.waker())));
        assert_eq!(answer, granted());
        granter.join().unwrap();
        assert_eq!(gate.held(), 1);
    });
}

#[test]
fn a_waiter_that_is_refused_finds_its_refusal_whenever_it_looks() {
    loom::model(|| {
        let gate = Gate::new();
        let refuser = spawned(&gate, Gate::refuses);
        let waker = gate.clone();
        let answer = loom::future::block_on(poll_fn(move |it| waker.handoff.poll(it.waker())));
        assert_eq!(answer, Answer::Refused("full"));
        refuser.join().unwrap();
    });
}

#[test]
fn the_waker_of_the_last_poll_is_woken_unless_that_poll_saw_the_answer() {
    loom::model(|| {
        let gate = Gate::new();
        let (first, second) = (Wakes::new(), Wakes::new());
        let granter = spawned(&gate, Gate::grants);
        let answered = match poll(&gate, &first) {
            Poll::Pending => poll(&gate, &second).is_ready(),
            Poll::Ready(_) => true,
        };
        granter.join().unwrap();
        assert!(first.count() + second.count() <= 1, "one answer wakes once");
        if !answered {
            assert_eq!((first.count(), second.count()), (0, 1));
        }
        assert_eq!(poll(&gate, &second), Poll::Ready(granted()));
    });
}

#[test]
fn who_gives_up_while_it_is_granted_gives_its_slot_back_once() {
    loom::model(|| {
        let gate = Gate::new();
        let wakes = Wakes::new();
        let granter = spawned(&gate, Gate::grants);
        // Its answer is a permit, which is dropped; else it is dropped as it waits.
        let _ = poll(&gate, &wakes);
        gate.withdraws();
        granter.join().unwrap();
        assert_eq!(gate.held(), 0);
        assert_eq!(std::sync::Arc::strong_count(&wakes), 1, "its waker is not kept");
    });
}

#[test]
fn who_gives_up_while_it_is_refused_leaves_nothing_behind() {
    loom::model(|| {
        let gate = Gate::new();
        let wakes = Wakes::new();
        let refuser = spawned(&gate, Gate::refuses);
        let _ = poll(&gate, &wakes);
        gate.withdraws();
        refuser.join().unwrap();
        assert_eq!(gate.held(), 0);
        assert_eq!(std::sync::Arc::strong_count(&wakes), 1, "its waker is not kept");
    });
}

#[test]
fn a_wake_without_an_answer_takes_none_away() {
    model_of_three(|| {
        let gate = Gate::new();
        // The gate has lost its timer, and wakes all who wait; another thread grants meanwhile.
        let loser = spawned(&gate, |gate| gate.handoff.wake());
        let granter = spawned(&gate, Gate::grants);
        let waker = gate.clone();
        let answer = loom::future::block_on(poll_fn(move |it| waker.handoff.poll(it.waker())));
        assert_eq!(answer, granted());
        loser.join().unwrap();
        granter.join().unwrap();
    });
}

#[test]
fn an_answer_is_given_by_one_of_two_who_would() {
    model_of_three(|| {
        let gate = Gate::new();
        let granter = spawned(&gate, Gate::grants);
        let refuser = spawned(&gate, Gate::refuses);
        let waker = gate.clone();
        let answer = loom::future::block_on(poll_fn(move |it| waker.handoff.poll(it.waker())));
        granter.join().unwrap();
        refuser.join().unwrap();
        let held = gate.held();
        assert!(
            (answer == granted() && held == 1) || (answer == Answer::Refused("full") && held == 0)
        );
    });
}
