//! What a decision costs, beside what a user would otherwise combine: a semaphore and a rate
//! limiter. Every case runs in every round, interleaved, so that a slow moment of the machine
//! hits all of them. Rows are JSON lines; `cargo xtask bench` records them with the machine.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rampmeter::{Call, Events, Gate, Handle, Outcome, Policy};
use serde_json::json;
use tokio::sync::Semaphore;

const ROUNDS: usize = 15;
const CALLS: u32 = 100_000;

const ONE_AND_ONE: &str = r#"
[limits.host]
concurrency = 64
[limits.api]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[limits.tenant]
per = "tenant"
concurrency = 64
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[tools.plain]
limits = ["host", "api"]
[tools.labelled]
limits = ["tenant"]
"#;

const SIX: &str = r#"
[limits.a]
concurrency = 64
[limits.b]
concurrency = 64
[limits.c]
concurrency = 64
[limits.d]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[limits.e]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[limits.f]
requests = { rate = "1000000000/s", kind = "bucket", burst = 1000000000 }
[tools.plain]
limits = ["a", "b", "c", "d", "e", "f"]
"#;

/// A gate with a subscriber, as the figures of a real program would have it.
struct Ours {
    gate: Gate,
    handle: Handle,
    events: Events,
}

impl Ours {
    fn new(policy: &str) -> Ours {
        let policy = Policy::parse("bench.toml", policy).unwrap();
        let gate = Gate::new(&policy).unwrap();
        let call = Call::new("plain").flow("tenant-7").priority("high");
        let handle = gate.handle(&call).unwrap();
        let events = gate.subscribe(4096);
        Ours { gate, handle, events }
    }

    async fn by_handle(&mut self, calls: u32) {
        for call in 0..calls {
            let permit = self.gate.admit(&self.handle).await.unwrap();
            black_box(&permit);
            permit.finish(Outcome::Succeeded);
            self.read(call);
        }
    }

    async fn by_name(&mut self, calls: u32, tool: &str, label: Option<&str>) {
        for number in 0..calls {
            let mut call = Call::new(tool).flow("tenant-7").priority("high");
            if let Some(label) = label {
                call = call.label("tenant", label);
            }
            let permit = self.gate.admit(call).await.unwrap();
            black_box(&permit);
            permit.finish(Outcome::Succeeded);
            self.read(number);
        }
    }

    /// The subscriber reads in batches, so that it misses nothing.
    fn read(&mut self, call: u32) {
        if call.is_multiple_of(1024) {
            black_box(self.events.drain().len());
        }
    }
}

struct Pair {
    slots: Arc<Semaphore>,
    rate: DefaultDirectRateLimiter,
}

impl Pair {
    fn new() -> Pair {
        let most = NonZeroU32::new(1_000_000_000).unwrap();
        let quota = Quota::per_second(most).allow_burst(most);
        Pair { slots: Arc::new(Semaphore::new(64)), rate: RateLimiter::direct(quota) }
    }

    async fn run(&self, calls: u32) {
        for _ in 0..calls {
            let permit = self.slots.clone().acquire_owned().await.unwrap();
            self.rate.until_ready().await;
            black_box(&permit);
        }
    }
}

fn main() {
    // `cargo test --all-targets` runs this too, without the flag.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let names =
        ["pair", "gate by handle", "gate by name", "gate by name, one label", "gate, six limits"];
    let mut rows: Vec<Vec<f64>> = names.iter().map(|_| Vec::new()).collect();
    let (pair, mut ours, mut six) = (Pair::new(), Ours::new(ONE_AND_ONE), Ours::new(SIX));
    for round in 0..=ROUNDS {
        let figures = [
            runtime.block_on(timed(pair.run(CALLS))),
            runtime.block_on(timed(ours.by_handle(CALLS))),
            runtime.block_on(timed(ours.by_name(CALLS, "plain", None))),
            runtime.block_on(timed(ours.by_name(CALLS, "labelled", Some("acme")))),
            runtime.block_on(timed(six.by_handle(CALLS))),
        ];
        // The first round warms up.
        if round > 0 {
            rows.iter_mut().zip(figures).for_each(|(row, figure)| row.push(figure));
        }
    }
    let medians: Vec<f64> = rows.iter().map(|row| median(row)).collect();
    for ((name, row), middle) in names.iter().zip(&rows).zip(&medians) {
        let policy = if name.contains("six") { SIX } else { ONE_AND_ONE };
        let policy = (*name != "pair").then(|| Policy::parse("bench.toml", policy).unwrap());
        let line = json!({
            "case": name,
            "unit": "ns per admission and release, uncontended, one thread",
            "median": round_to_tenth(*middle),
            "least": round_to_tenth(row.iter().copied().fold(f64::INFINITY, f64::min)),
            "ratio_to_pair": (middle / medians[0] * 100.0).round() / 100.0,
            "calls_a_round": CALLS,
            "rounds": row.iter().map(|figure| round_to_tenth(*figure)).collect::<Vec<_>>(),
            "subscribers": u32::from(*name != "pair"),
            "policy": policy.map(|policy| policy.effective()),
        });
        println!("{line}");
    }
    two_threads();
}

/// Two threads on one pair and on one gate; the time of the slower one, per call of both.
fn two_threads() {
    let pair = Arc::new(Pair::new());
    let ours = Ours::new(ONE_AND_ONE);
    let mut rows = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let theirs = on_two_threads(|| {
            let pair = pair.clone();
            async move { pair.run(CALLS).await }
        });
        let gate = ours.gate.clone();
        let mine = on_two_threads(|| {
            let gate = gate.clone();
            async move {
                let call = Call::new("plain").flow("tenant-7").priority("high");
                let handle = gate.handle(&call).unwrap();
                for _ in 0..CALLS {
                    gate.admit(&handle).await.unwrap().finish(Outcome::Succeeded);
                }
            }
        });
        rows[0].push(theirs);
        rows[1].push(mine);
    }
    let base = median(&rows[0]);
    for (name, row) in ["pair, two threads", "gate by handle, two threads"].iter().zip(&rows) {
        let line = json!({
            "case": name,
            "unit": "ns per admission and release, two OS threads, nobody waits",
            "median": round_to_tenth(median(row)),
            "ratio_to_pair": (median(row) / base * 100.0).round() / 100.0,
            "calls_a_round": 2 * CALLS,
            "rounds": row.iter().map(|figure| round_to_tenth(*figure)).collect::<Vec<_>>(),
            "subscribers": u32::from(name.starts_with("gate")),
        });
        println!("{line}");
    }
}

fn on_two_threads<F>(work: impl Fn() -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let threads = [work(), work()].map(|work| {
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(work);
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    start.elapsed().as_nanos() as f64 / f64::from(2 * CALLS)
}

async fn timed(work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn round_to_tenth(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}
