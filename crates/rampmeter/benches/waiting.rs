//! What a decision costs when nearly every call waits: ten thousand tasks over 64 slots, a
//! thousand flows, four priorities, two threads. The pair serves in order of arrival; the gate by
//! shares. `FIFO` is the gate with one flow and one priority.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::{Quota, RateLimiter};
use rampmeter::{Call, Gate, Handle, Outcome, Policy};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const ROUNDS: usize = 5;
const TASKS: u32 = 10_000;
const ADMISSIONS: u32 = 50;

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

fn main() {
    // `cargo test --all-targets` runs this too, without the flag.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    let mut waited = [0.0; 3];
    for round in 0..=ROUNDS {
        let runs = [pair(&runtime), gate(&runtime, 1, 1), gate(&runtime, 1_000, 4)];
        for (place, (took, share)) in runs.into_iter().enumerate() {
            // The first round warms up.
            if round > 0 {
                rows[place].push(took.as_nanos() as f64 / f64::from(TASKS * ADMISSIONS));
                waited[place] = share;
            }
        }
    }
    let base = median(&rows[0]);
    let names = ["pair", "gate, FIFO", "gate, 1000 flows, 4 priorities"];
    for ((name, row), waited) in names.iter().zip(&rows).zip(waited) {
        let line = json!({
            "case": format!("{name}, 10000 tasks on 64 slots"),
            "unit": "ns per admission held across a yield, two threads",
            "median": median(row).round(),
            "ratio_to_pair": (median(row) / base * 100.0).round() / 100.0,
            "rounds": row.iter().map(|figure| figure.round()).collect::<Vec<_>>(),
            "share_that_waited": (waited * 1000.0f64).round() / 1000.0,
            "subscribers": u32::from(name.starts_with("gate")),
            "policy": name.starts_with("gate").then_some(POLICY),
        });
        println!("{line}");
    }
}

fn pair(runtime: &Runtime) -> (Duration, f64) {
    let most = NonZeroU32::new(1_000_000_000).unwrap();
    let rate = Arc::new(RateLimiter::direct(Quota::per_second(most).allow_burst(most)));
    let slots = Arc::new(Semaphore::new(64));
    let waited = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (rate, slots, waited) = (rate.clone(), slots.clone(), waited.clone());
                tokio::spawn(async move {
                    for _ in 0..ADMISSIONS {
                        let permit = match slots.clone().try_acquire_owned() {
                            Ok(permit) => permit,
                            Err(_) => {
                                waited.fetch_add(1, Ordering::Relaxed);
                                slots.clone().acquire_owned().await.unwrap()
                            }
                        };
                        rate.until_ready().await;
                        tokio::task::yield_now().await;
                        drop(permit);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    (start.elapsed(), share(&waited))
}

fn gate(runtime: &Runtime, flows: u32, priorities: usize) -> (Duration, f64) {
    let gate = Gate::new(&Policy::parse("bench.toml", POLICY).unwrap()).unwrap();
    let names = ["normal", "critical", "high", "low"];
    let waited = Arc::new(AtomicU64::new(0));
    let mut events = gate.subscribe(4096);
    let handles: Vec<Arc<Handle>> = (0..flows as usize)
        .map(|flow| {
            let name = format!("flow {flow}");
            let call = Call::new("plain").flow(&name).priority(names[flow % priorities]);
            Arc::new(gate.handle(&call).unwrap())
        })
        .collect();
    let start = Instant::now();
    runtime.block_on(async {
        let reader = tokio::spawn(async move { while events.next().await.is_some() {} });
        let tasks: Vec<_> = (0..TASKS as usize)
            .map(|task| {
                let (gate, waited) = (gate.clone(), waited.clone());
                let handle = handles[task % handles.len()].clone();
                tokio::spawn(async move {
                    for _ in 0..ADMISSIONS {
                        let permit = gate.admit(&*handle).await.unwrap();
                        if !permit.waited().is_zero() {
                            waited.fetch_add(1, Ordering::Relaxed);
                        }
                        tokio::task::yield_now().await;
                        permit.finish(Outcome::Succeeded);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        reader.abort();
    });
    (start.elapsed(), share(&waited))
}

fn share(waited: &AtomicU64) -> f64 {
    waited.load(Ordering::Relaxed) as f64 / f64::from(TASKS * ADMISSIONS)
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
