//! What a decision costs, beside what a user would otherwise combine: a semaphore and a rate
//! limiter. Every case runs in every round, interleaved, so that a slow moment of the machine
//! hits all of them. Rows are JSON lines; `cargo xtask bench` records them with the machine.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::time::Instant;

use rampmeter::{Call, Outcome, Policy};
use serde_json::json;
use support::ours::{ONE_AND_ONE, Ours, SIX};
use support::pair::Pair;

const ROUNDS: usize = 15;
const CALLS: u32 = 100_000;

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
            runtime.block_on(timed(async || pair.one().await)),
            runtime.block_on(timed(async || ours.by_handle().await)),
            runtime.block_on(timed(async || ours.by_name("plain", None).await)),
            runtime.block_on(timed(async || ours.by_name("labelled", Some("acme")).await)),
            runtime.block_on(timed(async || six.by_handle().await)),
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
            async move {
                for _ in 0..CALLS {
                    pair.one().await;
                }
            }
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

async fn timed(mut one: impl AsyncFnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        one().await;
    }
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
