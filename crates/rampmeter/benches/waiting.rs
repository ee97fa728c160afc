//! What a decision costs when nearly every call waits: ten thousand tasks over 64 slots, two
//! threads. The pair serves in order of arrival, `priority-semaphore` strictly by priority; the
//! gate by shares of a thousand flows and four priorities. `FIFO` is the gate with one flow and
//! one priority.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use priority_semaphore::PrioritySemaphore;
use rampmeter::{Call, Gate, Handle, Outcome, Policy};
use support::cpu;
use support::peers::Pair;
use support::rows::{self, Row, rounded};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const ROUNDS: usize = 5;
const TASKS: u32 = 10_000;
const ADMISSIONS: u32 = 50;
const ALL: f64 = (TASKS * ADMISSIONS) as f64;

const POLICY: &str = r#"
[limits.host]
concurrency = 64
queue = { size = 20000 }
[limits.api]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
queue = { size = 20000 }
[tools.plain]
limits = ["host", "api"]
queue_timeout = "1h"
"#;

/// How a round went.
struct Round {
    took: Duration,
    cpu: Duration,
    share_that_waited: f64,
    events_missed: u64,
}

fn main() {
    if !support::measures() {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = "10000 tasks on 64 slots";
    let mut rows = [
        Row::of(&format!("pair, {cases}")),
        Row::ours(&format!("gate, FIFO, {cases}"), POLICY),
        Row::ours(&format!("gate, 1000 flows, 4 priorities, {cases}"), POLICY),
        Row::of(&format!("priority-semaphore and governor, {cases}")),
    ];
    for round in 0..=ROUNDS {
        let rounds =
            [pair(&runtime), gate(&runtime, 1, 1), gate(&runtime, 1_000, 4), by_priority(&runtime)];
        for (row, it) in rows.iter_mut().zip(rounds) {
            // The first round warms up.
            if round > 0 {
                row.figures.push(it.took.as_nanos() as f64 / ALL);
                row.note("cpu_ns_an_admission", rounded(it.cpu.as_nanos() as f64 / ALL, 1));
                row.note("share_that_waited", rounded(it.share_that_waited, 3));
                row.note("events_missed", it.events_missed);
            }
        }
    }
    rows::print(&rows, "ns per admission held across a yield, two threads");
}

fn pair(runtime: &Runtime) -> Round {
    let pair = Arc::new(Pair::new());
    run(runtime, |_, waited| {
        let pair = pair.clone();
        tokio::spawn(async move {
            for _ in 0..ADMISSIONS {
                let permit = match pair.slots.clone().try_acquire_owned() {
                    Ok(permit) => permit,
                    Err(_) => {
                        waited.fetch_add(1, Ordering::Relaxed);
                        pair.slots.clone().acquire_owned().await.unwrap()
                    }
                };
                pair.rate.until_ready().await;
                tokio::task::yield_now().await;
                drop(permit);
            }
        })
    })
}

fn by_priority(runtime: &Runtime) -> Round {
    let (pair, slots) = (Arc::new(Pair::new()), Arc::new(PrioritySemaphore::new(64)));
    run(runtime, |task, waited| {
        let (pair, slots) = (pair.clone(), slots.clone());
        let priority = i32::try_from(task % 4).unwrap();
        tokio::spawn(async move {
            for _ in 0..ADMISSIONS {
                let permit = match slots.try_acquire(priority) {
                    Ok(permit) => permit,
                    Err(_) => {
                        waited.fetch_add(1, Ordering::Relaxed);
                        slots.acquire(priority).await.unwrap()
                    }
                };
                pair.rate.until_ready().await;
                tokio::task::yield_now().await;
                drop(permit);
            }
        })
    })
}

fn gate(runtime: &Runtime, flows: usize, priorities: usize) -> Round {
    let gate = Gate::new(&Policy::parse("bench.toml", POLICY).unwrap()).unwrap();
    let names = ["normal", "critical", "high", "low"];
    let handles: Vec<Arc<Handle>> = (0..flows)
        .map(|flow| {
            let name = format!("flow {flow}");
            let call = Call::new("plain").flow(&name).priority(names[flow % priorities]);
            Arc::new(gate.handle(&call).unwrap())
        })
        .collect();
    let mut events = gate.subscribe(1 << 16);
    let missed = Arc::new(AtomicU64::new(0));
    let reader = runtime.spawn({
        let missed = missed.clone();
        async move {
            // As one that writes a file would: woken for each event, it would be a task that
            // is scheduled as often as the others.
            while events.next().await.is_some() {
                events.read(|_| {});
                missed.store(events.missed(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let round = run(runtime, |task, waited| {
        let (gate, handle) = (gate.clone(), handles[task % handles.len()].clone());
        tokio::spawn(async move {
            for _ in 0..ADMISSIONS {
                let permit = gate.admit(&*handle).await.unwrap();
                waited.fetch_add(u64::from(!permit.waited().is_zero()), Ordering::Relaxed);
                tokio::task::yield_now().await;
                permit.finish(Outcome::Succeeded);
            }
        })
    });
    reader.abort();
    Round { events_missed: missed.load(Ordering::Relaxed), ..round }
}

/// Starts all tasks and waits for them; each counts how often it waited.
fn run(runtime: &Runtime, task: impl Fn(usize, Arc<AtomicU64>) -> JoinHandle<()>) -> Round {
    let waited = Arc::new(AtomicU64::new(0));
    let (start, cpu) = (Instant::now(), cpu::used());
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS as usize).map(|it| task(it, waited.clone())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    Round {
        took: start.elapsed(),
        cpu: cpu::used() - cpu,
        share_that_waited: waited.load(Ordering::Relaxed) as f64 / ALL,
        events_missed: 0,
    }
}
