//! About real runtimes. What is waited for comes by itself within milliseconds; the long guards
//! only make a fault a failure instead of a test that hangs.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rampmeter::{Gate, Outcome, Reason};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Wakes, assert_idle, block_on_thread, policy, poll_once};

const POLICY: &str = r#"
    [limits.door]
    concurrency = 1
    [limits.rate]
    requests = { rate = "100/s", kind = "bucket", burst = 1 }
    [tools.brief]
    limits = ["door"]
    queue_timeout = "20ms"
    [tools.enter]
    limits = ["door"]
    [tools.paced]
    limits = ["rate"]
"#;

const GUARD: Duration = Duration::from_secs(20);

fn gate() -> Gate {
    Gate::new(&policy(POLICY)).unwrap()
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn several_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

/// Runs it on a thread of its own, and fails if that takes for ever.
fn guarded<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(run()));
    result.recv_timeout(GUARD).expect("it is answered in time")
}

/// Lets a runtime see a waiter once, so that the gate's timer is started there.
fn start_timer_on(runtime: &Runtime, gate: &Gate) {
    let mut waiter = pin!(gate.admit("enter"));
    runtime.block_on(async {
        assert!(poll_once(waiter.as_mut(), &Wakes::new()).is_pending());
        tokio::task::yield_now().await;
    });
}

#[test]
fn without_any_runtime_a_waiter_is_granted_and_refused_in_time() {
    let gate = guarded(|| {
        let gate = gate();
        for _ in 0..3 {
            drop(block_on_thread(gate.admit("paced")).unwrap());
        }
        let held = block_on_thread(gate.admit("enter")).unwrap();
        assert_eq!(block_on_thread(gate.admit("brief")).unwrap_err().reason, Reason::QueueTimeout);
        held.finish(Outcome::Succeeded);
        gate
    });
    assert_idle(&gate, "without a runtime");
}

#[test]
fn threads_without_a_runtime_hand_a_slot_to_each_other() {
    let gate = gate();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let gate = gate.clone();
            thread::spawn(move || {
                for _ in 0..200 {
                    block_on_thread(gate.admit("enter")).unwrap().finish(Outcome::Succeeded);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(gate.snapshot().limits[0].peaks, [1]);
    assert_idle(&gate, "handed on");
}

#[test]
fn when_the_timers_runtime_shuts_down_waiters_elsewhere_are_answered_in_time() {
    for first in [one_thread, several_threads] {
        for second in [one_thread, several_threads] {
            for tool in ["brief", "paced"] {
                let gate = gate();
                guarded(move || {
                    let held = (gate.try_admit("enter").unwrap(), gate.try_admit("paced").unwrap());
                    let (first, second) = (first(), second());
                    start_timer_on(&first, &gate);
                    let (polled, is_polled) = mpsc::channel();
                    let waiter = {
                        let gate = gate.clone();
                        thread::spawn(move || second.block_on(waited(&gate, tool, polled)))
                    };
                    is_polled.recv().unwrap();
                    drop(first);
                    assert_eq!(waiter.join().unwrap(), tool == "paced");
                    drop(held);
                });
            }
        }
    }
}

/// Regression: a runtime of one thread does nothing while nobody blocks on it, and the timer that
/// had been started there did nothing either.
#[test]
fn while_the_timers_runtime_stands_still_waiters_elsewhere_are_answered_in_time() {
    for first in [one_thread, several_threads] {
        for tool in ["brief", "paced"] {
            guarded(move || {
                let gate = gate();
                let held = (gate.try_admit("enter").unwrap(), gate.try_admit("paced").unwrap());
                let first = first();
                start_timer_on(&first, &gate);
                let answer = one_thread().block_on(gate.admit(tool)).map(drop);
                assert_eq!(answer.is_ok(), tool == "paced");
                drop((held, first));
            });
        }
    }
}

#[test]
fn a_runtime_of_one_thread_without_timers_is_enough_for_waiters() {
    guarded(|| {
        let (gate, runtime) = (gate(), Builder::new_current_thread().build().unwrap());
        let _held = gate.try_admit("enter").unwrap();
        let mut polls = 0;
        let mut admission = pin!(gate.admit("brief"));
        let answer = runtime.block_on(std::future::poll_fn(|context| {
            polls += 1;
            admission.as_mut().poll(context)
        }));
        assert_eq!(answer.unwrap_err().reason, Reason::QueueTimeout);
        assert!(polls <= 3, "polled {polls} times");
    });
}

#[test]
fn one_gate_serves_tasks_of_two_runtimes_at_once() {
    let gate = gate();
    let (one, other) = (several_threads(), several_threads());
    let tasks: Vec<_> = (0..200)
        .map(|task| {
            let gate = gate.clone();
            let runtime = if task % 2 == 0 { &one } else { &other };
            runtime.spawn(async move {
                let permit = gate.admit("enter").await.unwrap();
                tokio::task::yield_now().await;
                permit.finish(Outcome::Succeeded);
            })
        })
        .collect();
    one.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(gate.snapshot().limits[0].peaks, [1]);
    assert_idle(&gate, "two runtimes");
}

/// Whether the wait ends with a permit; says when it has begun.
async fn waited(gate: &Gate, tool: &str, polled: mpsc::Sender<()>) -> bool {
    let mut admission = pin!(gate.admit(tool));
    let mut polled = Some(polled);
    let answer = std::future::poll_fn(|context| {
        let answer = admission.as_mut().poll(context);
        polled.take().into_iter().for_each(|polled| polled.send(()).unwrap());
        answer
    });
    answer.await.is_ok()
}
