//! Rates that callers wait for, in real time. First two thousand waiters at 200 a second, one at a
//! time: what that costs the processor, in which order they are served, and how much of the rate
//! is used. Then one call of weight 50 among streams of weight 1 that take whatever the rate
//! gives: when it is served.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rampmeter::{Call, Gate, Outcome, Policy};
use support::rows::{self, Row, rounded};
use support::{cpu, peers};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

const WAITERS: u32 = 2_000;
const A_SECOND: u32 = 200;

const PACED: &str = r#"
[limits.api]
requests = { rate = "200/s", kind = "bucket", burst = 1 }
[tools.plain]
limits = ["api"]
queue_timeout = "1h"
"#;

const HEAVY: &str = r#"
[limits.api]
tokens = { rate = "100/s", kind = "bucket", burst = 100 }
[tools.plain]
limits = { api = { tokens = 1 } }
queue_timeout = "1h"
"#;

/// Waits for so many units of a rate.
type Take = Arc<dyn Fn(u32, usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

fn main() {
    if !support::measures() {
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    two_thousand_waiters(&runtime);
    weight_fifty(&runtime);
}

fn two_thousand_waiters(runtime: &Runtime) {
    let one = NonZeroU32::MIN;
    let cases = "2000 waiters at 200/s, burst 1";
    let mut rows = [
        Row::of(&format!("governor, {cases}")),
        Row::ours(&format!("gate, {cases}"), PACED),
        Row::of(&format!("leaky-bucket, {cases}")),
    ];
    let takes =
        [governor(A_SECOND, one), gate(PACED), leaky_bucket(Duration::from_secs(1) / A_SECOND, 1)];
    for (row, take) in rows.iter_mut().zip(takes) {
        let order = Arc::new(Mutex::new(Vec::new()));
        let (start, cpu) = (Instant::now(), cpu::used());
        let all = Arc::new(Notify::new());
        runtime.block_on(async {
            for number in 0..WAITERS as usize {
                let (mut wait, order, all) = (take(1, number), order.clone(), all.clone());
                // Each waits before the next one comes, so that there is one order to keep.
                let early = std::future::poll_fn(|it| {
                    std::task::Poll::Ready(wait.as_mut().poll(it).is_ready())
                });
                if early.await {
                    order.lock().push(number);
                    continue;
                }
                tokio::spawn(async move {
                    wait.await;
                    let mut order = order.lock();
                    order.push(number);
                    // Only the last wakes who waits for all: to wake a thread costs more than
                    // all that is measured here.
                    if order.len() == WAITERS as usize {
                        all.notify_one();
                    }
                });
            }
            all.notified().await;
        });
        let took = start.elapsed();
        row.figures.push((cpu::used() - cpu).as_secs_f64() * 1_000.0);
        let rate = f64::from(WAITERS - 1) / took.as_secs_f64() / f64::from(A_SECOND);
        let order = order.lock();
        let in_order = order.windows(2).filter(|pair| pair[0] < pair[1]).count();
        row.note("share_of_the_rate", rounded(rate, 4));
        row.note("served_after_the_one_before", in_order);
        row.note("exact_order", in_order == order.len() - 1);
        row.note("seconds", rounded(took.as_secs_f64(), 2));
        row.note("share_that_waited", rounded(f64::from(WAITERS - 1) / f64::from(WAITERS), 4));
    }
    rows::print(&rows, "ms of processor time");
}

fn weight_fifty(runtime: &Runtime) {
    const STREAMS: usize = 50;
    const PATIENCE: Duration = Duration::from_secs(5);
    let burst = NonZeroU32::new(100).unwrap();
    let cases = "weight 50 among 50 streams of weight 1, 100/s, burst 100";
    let mut rows = [
        Row::of(&format!("governor, {cases}")),
        Row::ours(&format!("gate, {cases}"), HEAVY),
        Row::of(&format!("leaky-bucket, {cases}")),
    ];
    let takes = [governor(100, burst), gate(HEAVY), leaky_bucket(Duration::from_millis(10), 100)];
    for (row, take) in rows.iter_mut().zip(takes) {
        let (over, light) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        runtime.block_on(async {
            for stream in 0..STREAMS {
                let (take, over, light) = (take.clone(), over.clone(), light.clone());
                tokio::spawn(async move {
                    while !over.load(Ordering::Relaxed) {
                        take(1, stream).await;
                        light.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            // What the burst had is gone by then.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let start = Instant::now();
            let served = tokio::time::timeout(PATIENCE, take(50, STREAMS)).await.is_ok();
            let waited = if served { start.elapsed() } else { PATIENCE };
            over.store(true, Ordering::Relaxed);
            row.figures.push(waited.as_secs_f64() * 1_000.0);
            row.note("served", served);
            row.note("light_calls_served", light.load(Ordering::Relaxed));
            // One call of each other flow, and what the call itself takes, refilled at 100/s.
            row.note("bound_ms", 10 * (STREAMS as u64 + 50));
        });
    }
    rows::print(&rows, "ms until the heavy call is served; not served within 5000 is 5000");
}

fn governor(a_second: u32, burst: NonZeroU32) -> Take {
    let rate = Arc::new(peers::governor(a_second, burst));
    Arc::new(move |units, _| {
        let (rate, units) = (rate.clone(), NonZeroU32::new(units).unwrap());
        Box::pin(async move { rate.until_n_ready(units).await.unwrap() })
    })
}

fn leaky_bucket(interval: Duration, burst: usize) -> Take {
    let bucket = Arc::new(peers::leaky_bucket(interval, burst));
    Arc::new(move |units, _| Box::pin(bucket.clone().acquire_owned(units as usize)))
}

/// Each waiter is a flow of its own, in the order of their coming.
fn gate(policy: &str) -> Take {
    let gate = Gate::new(&Policy::parse("bench.toml", policy).unwrap()).unwrap();
    let mut events = gate.subscribe(1 << 16);
    // A subscriber that looks now and then, as one that writes a file would.
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            events.read(|_| {});
        }
    });
    Arc::new(move |units, number| {
        let gate = gate.clone();
        Box::pin(async move {
            let flow = format!("flow {number}");
            let call = Call::new("plain").flow(&flow).tokens(u64::from(units));
            gate.admit(call).await.unwrap().finish(Outcome::Succeeded);
        })
    })
}
