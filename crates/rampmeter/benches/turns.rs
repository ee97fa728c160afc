//! What a turn costs per call, beside the loops that a user would otherwise write. Every tool yields
//! once, so that the calls really overlap; all three let 64 of them at it at once.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::hint::black_box;
use std::time::Instant;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use rampmeter::{Executor, Gate, Policy, Registry, ResolvedTurn, Tool, TurnRequest};
use serde_json::json;
use support::rows::{self, Row};
use tokio::sync::Semaphore;

const SLOTS: usize = 64;
const POLICY: &str = r#"
undeclared = "read"
[limits.host]
concurrency = 64
[tools.work]
limits = ["host"]
"#;

/// Calls of a turn, and how often it is run in each round.
const TURNS: [(usize, usize); 4] = [(10, 1_000), (100, 100), (1_000, 10), (10_000, 1)];
const ROUNDS: usize = 31;

fn main() {
    if support::measures() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (calls, turns) in TURNS {
            runtime.block_on(turn_of(calls, turns));
        }
    }
}

async fn turn_of(calls: usize, turns: usize) {
    let mut rows = [
        Row::of(&format!("buffer_unordered, {calls} calls")),
        Row::of(&format!("semaphore loop, {calls} calls")),
        Row::ours(&format!("run_turn, {calls} calls"), POLICY),
    ];
    let executor = executor();
    let mut events = executor.gate().subscribe(1 << 17);
    let turn = turn(&executor, calls);
    let slots = Semaphore::new(SLOTS);
    for round in 0..=ROUNDS {
        let figures = [
            timed(
                calls,
                turns,
                || (),
                async |()| {
                    let work = stream::iter(0..calls).map(|at| async move { (at, work().await) });
                    let mut done: Vec<_> = work.buffer_unordered(SLOTS).collect().await;
                    // Results are to be in the model's order.
                    done.sort_unstable_by_key(|(at, _)| *at);
                    done.len()
                },
            )
            .await,
            timed(
                calls,
                turns,
                || (),
                async |()| {
                    let one = async |_: usize| {
                        let _permit = slots.acquire().await.unwrap();
                        work().await
                    };
                    join_all((0..calls).map(one)).await.len()
                },
            )
            .await,
            timed(
                calls,
                turns,
                || TurnRequest::new(turn.clone()),
                async |request| {
                    let done = executor.run_turn(request).await.results.len();
                    events.read(|event| {
                        black_box(event.seq);
                    });
                    done
                },
            )
            .await,
        ];
        // The first round warms up.
        if round > 0 {
            rows.iter_mut().zip(figures).for_each(|(row, figure)| row.figures.push(figure));
        }
    }
    for row in &mut rows {
        row.note("turns_a_round", turns);
    }
    rows::print(&rows, "ns per call of a turn, one thread");
}

async fn work() -> String {
    tokio::task::yield_now().await;
    String::from("done")
}

async fn timed<T>(
    calls: usize,
    turns: usize,
    prepare: impl Fn() -> T,
    mut one: impl AsyncFnMut(T) -> usize,
) -> f64 {
    let prepared: Vec<T> = (0..turns).map(|_| prepare()).collect();
    let start = Instant::now();
    for prepared in prepared {
        assert_eq!(one(prepared).await, calls);
    }
    start.elapsed().as_nanos() as f64 / (calls * turns) as f64
}

fn executor() -> Executor {
    let policy = Policy::parse("bench.toml", POLICY).unwrap();
    let mut registry = Registry::new();
    let tool = Tool::raw("work", "", json!({}), |_| async { Ok(work().await) });
    registry.add(tool).unwrap();
    Executor::new(Gate::new(&policy).unwrap(), registry, policy)
}

fn turn(executor: &Executor, calls: usize) -> ResolvedTurn {
    let calls = (0..calls).map(|id| {
        json!({"id": format!("call_{id}"), "type": "function",
            "function": {"name": "work", "arguments": "{\"path\":\"/a\"}"}})
    });
    let message = json!({"role": "assistant", "tool_calls": calls.collect::<Vec<_>>()});
    let turn = executor.resolve(&message.to_string()).unwrap();
    assert!(turn.calls.iter().all(|call| call.asked.arguments.is_ok()));
    turn
}
