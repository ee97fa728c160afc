use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::SystemTime;

use rampmeter::runtime::{BoxFuture, Runtime, VirtualTime};
use rampmeter::{Call, Gate, Instant, Outcome};

use crate::support::{Wakes, World, assert_idle, policy, poll_once};

const POLICY: &str = r#"
    [limits.door]
    concurrency = 3
    [limits.rate]
    requests = { rate = "100/s", kind = "bucket", burst = 1 }
    [tools.enter]
    limits = ["door"]
    queue_timeout = "10s"
    [tools.paced]
    limits = ["rate"]
    queue_timeout = "1h"
"#;

/// Virtual time that counts what the gate asks of it.
#[derive(Clone, Default)]
struct Counted {
    time: VirtualTime,
    sleeps: Arc<AtomicUsize>,
    spawns: Arc<AtomicUsize>,
}

impl Runtime for Counted {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.time.wall_clock()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<()> {
        self.sleeps.fetch_add(1, Ordering::SeqCst);
        self.time.sleep_until(at)
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.spawns.fetch_add(1, Ordering::SeqCst);
        self.time.spawn(task);
    }
}

#[test]
fn a_slot_that_is_freed_wakes_one_waiter_once() {
    let World { gate, .. } = World::new(POLICY);
    let mut held: Vec<_> = (0..3).map(|_| gate.try_admit("enter").unwrap()).collect();
    let mut waiters: Vec<_> =
        (0..50).map(|_| (Box::pin(gate.admit("enter")), Wakes::new())).collect();
    for (waiter, wakes) in &mut waiters {
        // Polled twice, as an executor may: that is still one waiter.
        assert!(poll_once(waiter.as_mut(), wakes).is_pending());
        assert!(poll_once(waiter.as_mut(), wakes).is_pending());
    }
    let woken = |waiters: &[(_, Arc<Wakes>)]| -> Vec<usize> {
        waiters.iter().map(|(_, wakes)| wakes.count()).collect()
    };
    held.pop().unwrap().finish(Outcome::Succeeded);
    held.pop().unwrap().finish(Outcome::Succeeded);
    assert_eq!(woken(&waiters)[..3], [1, 1, 0]);
    assert_eq!(woken(&waiters).iter().sum::<usize>(), 2);
    let (answered, rest) = waiters.split_at_mut(2);
    for (waiter, wakes) in answered {
        let Poll::Ready(Ok(permit)) = poll_once(waiter.as_mut(), wakes) else { panic!() };
        permit.finish(Outcome::Succeeded);
    }
    assert_eq!(woken(rest)[..3], [1, 1, 0]);
    assert_eq!(woken(rest).iter().sum::<usize>(), 2);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let World { gate, .. } = World::new(POLICY);
    let mut held: Vec<_> = (0..3).map(|_| gate.try_admit("enter").unwrap()).collect();
    let (before, now) = (Wakes::new(), Wakes::new());
    let mut waiter = pin!(gate.admit("enter"));
    assert!(poll_once(waiter.as_mut(), &before).is_pending());
    assert!(poll_once(waiter.as_mut(), &now).is_pending());
    drop(held.pop());
    assert_eq!((before.count(), now.count()), (0, 1));
}

#[test]
fn one_timer_keeps_time_for_all_that_waits() {
    let runtime = Counted::default();
    let gate = Gate::with_runtime(&policy(POLICY), Arc::new(runtime.clone())).unwrap();
    let _held: Vec<_> = (0..3).map(|_| gate.try_admit("enter").unwrap()).collect();
    for flow in 0..1_000 {
        let gate = gate.clone();
        runtime.time.spawn(Box::pin(async move {
            let flow = format!("f{flow}");
            assert!(gate.admit(Call::new("enter").flow(&flow)).await.is_err());
        }));
    }
    runtime.time.block_on(runtime.time.sleep_until(Instant::from_millis(20_000))).unwrap();
    assert_idle_but_for(&gate, 3);
    assert_eq!(runtime.spawns.load(Ordering::SeqCst), 1);
    let sleeps = runtime.sleeps.load(Ordering::SeqCst);
    assert!(sleeps <= 3, "{sleeps} sleeps for a thousand waiters of one time-out");
}

#[test]
fn the_timer_sleeps_once_for_each_moment_at_which_a_rate_starts_a_call() {
    let runtime = Counted::default();
    let gate = Gate::with_runtime(&policy(POLICY), Arc::new(runtime.clone())).unwrap();
    for _ in 0..500 {
        let gate = gate.clone();
        runtime.time.spawn(Box::pin(async move { drop(gate.admit("paced").await.unwrap()) }));
    }
    runtime.time.block_on(runtime.time.sleep_until(Instant::from_millis(10_000))).unwrap();
    assert_idle(&gate, "all paced");
    assert_eq!(runtime.spawns.load(Ordering::SeqCst), 1);
    let sleeps = runtime.sleeps.load(Ordering::SeqCst);
    assert!(sleeps <= 510, "{sleeps} sleeps for 500 starts");
}

#[test]
fn the_timer_starts_only_when_somebody_waits_and_ends_with_the_gate() {
    let runtime = Counted::default();
    let gate = Gate::with_runtime(&policy(POLICY), Arc::new(runtime.clone())).unwrap();
    for _ in 0..100 {
        drop(gate.try_admit("enter").unwrap());
        runtime.time.block_on(gate.admit("enter")).unwrap().unwrap().finish(Outcome::Failed);
    }
    assert_eq!(runtime.spawns.load(Ordering::SeqCst), 0);
    drop(gate.try_admit("paced"));
    assert!(poll_once(pin!(gate.admit("paced")), &Wakes::new()).is_pending());
    assert_eq!(runtime.spawns.load(Ordering::SeqCst), 1);
    drop(gate);
    assert_eq!(runtime.time.block_on(std::future::pending::<()>()), None, "nothing is left to do");
}

/// Wakers run when the gate's lock is free: one may use the gate.
#[test]
fn a_waker_may_ask_the_gate_itself() {
    struct Asks(Gate, AtomicUsize);
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            self.0.snapshot();
            self.1.fetch_add(usize::from(self.0.try_admit("enter").is_err()), Ordering::SeqCst);
        }
    }
    let World { gate, .. } = World::new(POLICY);
    let mut held: Vec<_> = (0..3).map(|_| gate.try_admit("enter").unwrap()).collect();
    let asks = Arc::new(Asks(gate.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(asks.clone());
    let mut waiter = pin!(gate.admit("enter"));
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(held.pop());
    assert_eq!(asks.1.load(Ordering::SeqCst), 1, "the slot is the waiter's already");
}

fn assert_idle_but_for(gate: &Gate, running: u64) {
    let snapshot = gate.snapshot();
    assert_eq!((snapshot.running, snapshot.waiting), (running, 0));
}
