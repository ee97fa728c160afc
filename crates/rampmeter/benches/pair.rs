//! What a decision costs when nobody waits, beside what a user would otherwise take. Every case
//! runs in every round, interleaved, so that a slow moment of the machine hits all of them. Rows
//! are JSON lines; `cargo xtask bench` records them with the machine.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use priority_semaphore::PrioritySemaphore;
use rampmeter::{Call, Outcome};
use support::ours::{ONE_AND_ONE, Ours, SIX};
use support::peers::{self, Pair};
use support::rows::{self, Row};

/// Short rounds, and many: on a machine that others use too, most of them are undisturbed.
const ROUNDS: usize = 101;
const CALLS: u32 = 10_000;

/// Two threads need longer ones, to be at it at the same time.
const ROUNDS_OF_TWO: usize = 15;
const CALLS_OF_A_THREAD: u32 = 200_000;

fn main() {
    if support::measures() {
        one_thread();
        two_threads();
    }
}

fn one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut rows = [
        Row::of("pair"),
        Row::ours("gate by handle", ONE_AND_ONE),
        Row::ours("gate by name", ONE_AND_ONE),
        Row::ours("gate by name, one label", ONE_AND_ONE),
        Row::ours("gate, six limits, by handle", SIX),
        Row::of("tokio::sync::Semaphore alone"),
        Row::of("governor alone"),
        Row::of("priority-semaphore alone"),
        Row::of("leaky-bucket alone"),
    ];
    let (pair, mut ours, mut six) = (Pair::new(), Ours::new(ONE_AND_ONE), Ours::new(SIX));
    let slots = Arc::new(PrioritySemaphore::new(64));
    let _inside = runtime.enter();
    let bucket = peers::leaky_bucket(Duration::from_millis(1), 1_000_000_000);
    for round in 0..=ROUNDS {
        let figures = [
            runtime.block_on(timed(async || pair.one().await)),
            runtime.block_on(timed(async || ours.by_handle().await)),
            runtime.block_on(timed(async || ours.by_name("plain", None).await)),
            runtime.block_on(timed(async || ours.by_name("labelled", Some("acme")).await)),
            runtime.block_on(timed(async || six.by_handle().await)),
            runtime.block_on(timed(async || pair.semaphore_alone().await)),
            runtime.block_on(timed(async || pair.governor_alone().await)),
            runtime.block_on(timed(async || peers::priority_semaphore(&slots).await)),
            runtime.block_on(timed(async || bucket.acquire_one().await)),
        ];
        // The first round warms up.
        if round > 0 {
            rows.iter_mut().zip(figures).for_each(|(row, figure)| row.figures.push(figure));
        }
    }
    for row in &mut rows {
        row.note("calls_a_round", CALLS);
        row.note("share_that_waited", 0);
    }
    rows::print(&rows, "ns per admission and release, nobody waits, one thread");
}

/// Two threads on one pair and on one gate; the time of the slower one, per call of both.
fn two_threads() {
    let mut rows =
        [Row::of("pair, two threads"), Row::ours("gate by handle, two threads", ONE_AND_ONE)];
    let (pair, ours) = (Arc::new(Pair::new()), Ours::new(ONE_AND_ONE));
    for round in 0..=ROUNDS_OF_TWO {
        let theirs = on_two_threads(|| {
            let pair = pair.clone();
            async move {
                for _ in 0..CALLS_OF_A_THREAD {
                    pair.one().await;
                }
            }
        });
        let mine = on_two_threads(|| {
            let gate = ours.gate.clone();
            async move {
                let call = Call::new("plain").flow("tenant-7").priority("high");
                let handle = gate.handle(&call).unwrap();
                for _ in 0..CALLS_OF_A_THREAD {
                    gate.admit(&handle).await.unwrap().finish(Outcome::Succeeded);
                }
            }
        });
        if round > 0 {
            rows[0].figures.push(theirs);
            rows[1].figures.push(mine);
        }
    }
    for row in &mut rows {
        row.note("calls_a_round", 2 * CALLS_OF_A_THREAD);
        row.note("share_that_waited", 0);
    }
    rows::print(&rows, "ns per admission and release, nobody waits, two threads");
}

fn on_two_threads<F>(work: impl Fn() -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let start = Instant::now();
    let threads = [work(), work()].map(|work| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(work);
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    start.elapsed().as_nanos() as f64 / f64::from(2 * CALLS_OF_A_THREAD)
}

async fn timed(mut one: impl AsyncFnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        one().await;
    }
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}
