use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rampmeter::{EventKind, Executor, TurnRequest};

use crate::support::{Inside, World, assert_idle, assert_sums, openai};

const POLICY: &str = r#"
    [limits.host]
    concurrency = 8
    queue = { size = 100000 }
    [tools.read]
    limits = ["host"]
    access = "read"
    queue_timeout = "1d"
    [tools.write]
    limits = ["host"]
    access = "write"
"#;

fn turn_of(executor: &Executor, name: &str, count: usize) -> TurnRequest {
    let ids: Vec<_> = (0..count).map(|id| id.to_string()).collect();
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), name, r#"{"ms":5}"#)).collect();
    let turn = executor.resolve(&openai(&calls)).unwrap();
    TurnRequest::new(turn).deadline(Duration::from_secs(86_400))
}

/// Runs one turn; returns how often it was polled.
fn polls_of(name: &str, count: usize) -> usize {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper(name, &inside)]);
    let request = turn_of(&executor, name, count);
    let mut turn = pin!(executor.run_turn(request));
    let mut polls = 0;
    let report = world.run(std::future::poll_fn(|context| {
        polls += 1;
        turn.as_mut().poll(context)
    }));
    assert_eq!(report.results.len(), count);
    assert!(report.results.iter().all(|result| result.output.as_ref() == Ok(&result.id)));
    assert_eq!(inside.peak(), if name == "read" { 8 } else { 1 });
    assert_eq!(world.gate.counters().of(EventKind::Completed), count as u64);
    assert_idle(&world.gate, "turn over");
    polls
}

#[test]
fn ten_thousand_calls_in_one_turn_are_run_with_work_in_proportion() {
    for name in ["read", "write"] {
        let (few, many) = (polls_of(name, 1_000), polls_of(name, 10_000));
        assert!(many <= few * 11, "{name}: {few} polls for 1,000 calls, {many} for 10,000");
    }
}

#[test]
fn turns_that_run_at_once_share_one_limit() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("read", &inside)]);
    // Clones of the executor are still one gate: a limit made for each run would let 50 × 8 in.
    let turns = (0..50).map(|turn| {
        let executor = executor.clone();
        let request = turn_of(&executor, "read", 40).flow(format!("agent-{turn}")).number(turn);
        async move { executor.run_turn(request).await }
    });
    let reports = world.run(join_all(turns));
    assert!(reports.iter().all(|report| report.results.iter().all(|it| it.output.is_ok())));
    assert_eq!((inside.peak(), inside.entered()), (8, 2_000));
    assert_eq!(world.now_ms(), 2_000 / 8 * 5, "and no slot was ever idle");
    assert_idle(&world.gate, "turns over");
    assert_sums(&world.gate, "turns over");
}
