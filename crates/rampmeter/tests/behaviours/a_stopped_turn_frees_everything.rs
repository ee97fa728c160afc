use std::pin::pin;
use std::sync::Arc;

use futures_util::future::select;
use rampmeter::{
    BudgetSnapshot, CallError, EventKind, Executor, Status, Tool, ToolError, TurnRequest,
};

use crate::support::{Inside, World, assert_idle, assert_sums, openai};

const POLICY: &str = r#"
    undeclared = "read"
    [limits.host]
    concurrency = 3
    requests = "100/h"
    [tools.work]
    limits = ["host"]
"#;

fn turn_of(executor: &Executor, count: usize, millis: u64) -> TurnRequest {
    let ids: Vec<_> = (0..count).map(|id| id.to_string()).collect();
    let arguments = format!(r#"{{"ms":{millis}}}"#);
    let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), "work", arguments.as_str())).collect();
    TurnRequest::new(executor.resolve(&openai(&calls)).unwrap())
}

fn requests_used(world: &World) -> u64 {
    let snapshot = world.gate.snapshot();
    match snapshot.limits[0].instances[0].budgets[1] {
        BudgetSnapshot::Rate { used, .. } => used,
        BudgetSnapshot::Concurrency { .. } => unreachable!(),
    }
}

#[test]
fn dropping_a_turn_ends_its_tools_and_gives_up_what_waits() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let turn = Box::pin(executor.run_turn(turn_of(&executor, 20, 10_000)));
    world.run(select(turn, pin!(world.sleep(500))));
    assert_eq!((inside.now(), inside.entered()), (0, 3));
    assert_idle(&world.gate, "turn dropped");
    assert_sums(&world.gate, "turn dropped");
    assert_eq!(requests_used(&world), 3, "what never started has used nothing");
    assert_eq!(world.gate.counters().of(EventKind::Started), 3);
}

#[test]
fn stopping_a_turn_keeps_the_results_that_are_there() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let turn = executor.run_turn_until(turn_of(&executor, 8, 1_000), world.until(1_500));
    let report = world.run(turn);
    let count = |status| report.results.iter().filter(|result| result.status() == status).count();
    assert_eq!((count(Status::Succeeded), count(Status::Cancelled)), (3, 5));
    assert!(report.results[3..].iter().all(|it| it.output == Err(CallError::Cancelled)));
    assert_eq!(report.messages().len(), 8, "every call has its answer");
    assert_eq!((world.now_ms(), inside.now()), (1_500, 0));
    assert_idle(&world.gate, "turn stopped");
    assert_sums(&world.gate, "turn stopped");
    assert_eq!(requests_used(&world), 6);
}

/// Regression: calls that waited were started one after the other while the turn was taken down,
/// each with the slot of the one before it, and used up the rate for nothing.
#[test]
fn a_slot_that_is_freed_at_the_moment_of_the_stop_starts_no_more_calls_than_it_has_room_for() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let held: Vec<_> = (0..3).map(|_| world.gate.try_admit("work").unwrap()).collect();
    let run = executor.run_turn_until(turn_of(&executor, 20, 1_000), async {
        world.until(500).await;
        drop(held);
    });
    let report = world.run(run);
    assert!(report.results.iter().all(|result| result.status() == Status::Cancelled));
    assert_eq!((inside.entered(), requests_used(&world)), (0, 3 + 3));
    assert_idle(&world.gate, "turn stopped");
    assert_sums(&world.gate, "turn stopped");
}

#[test]
fn a_stop_that_comes_after_the_end_changes_nothing() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let report = world.run(executor.run_turn_until(turn_of(&executor, 3, 10), world.until(11)));
    assert!(report.results.iter().all(|result| result.status() == Status::Succeeded));
    assert_eq!(world.now_ms(), 10, "it does not wait for the stop either");
}

#[test]
fn a_turn_that_is_stopped_before_it_begins_starts_nothing() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let stop = std::future::ready(());
    let report = world.run(executor.run_turn_until(turn_of(&executor, 3, 0), stop));
    assert!(report.results.iter().all(|result| result.status() == Status::Cancelled));
    assert_eq!(inside.entered(), 0);
    assert_sums(&world.gate, "never begun");
}

#[test]
fn a_turn_that_fails_fast_ends_with_its_first_failure_and_starts_nothing_more() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let broken = Tool::raw("broken", "", serde_json::json!({}), |_| async {
        Err(ToolError::failed("it is broken"))
    });
    let executor = world.executor([world.sleeper("work", &inside), broken]);
    let long = r#"{"ms":1000}"#;
    let work: Vec<_> = ["1", "2", "3", "4"].iter().map(|id| (*id, "work", long)).collect();
    let text = openai(&[work.as_slice(), &[("5", "broken", "{}")]].concat());
    let turn = || TurnRequest::new(executor.resolve(&text).unwrap());
    let report = world.run(executor.run_turn(turn().fail_fast()));
    assert!(report.results[..4].iter().all(|it| it.output == Err(CallError::FailedFast)));
    assert_eq!(report.results[4].output, Err(CallError::Failed("it is broken".into())));
    assert_eq!((world.now_ms(), inside.now(), inside.entered()), (0, 0, 3));
    assert_idle(&world.gate, "failed fast");
    assert_sums(&world.gate, "failed fast");
    let report = world.run(executor.run_turn(turn()));
    assert!(report.results[..4].iter().all(|it| it.output.is_ok()), "one takes no sibling along");
}

#[test]
fn a_turn_that_fails_fast_does_not_begin_if_a_call_cannot_be_asked_for() {
    let (world, inside) = (World::new(POLICY), Arc::<Inside>::default());
    let executor = world.executor([world.sleeper("work", &inside)]);
    let text = openai(&[("1", "work", r#"{"ms":1000}"#), ("2", "nothing", "{}")]);
    let turn = TurnRequest::new(executor.resolve(&text).unwrap()).fail_fast();
    let report = world.run(executor.run_turn(turn));
    assert_eq!(report.results[0].output, Err(CallError::FailedFast));
    assert_eq!((world.now_ms(), inside.entered()), (0, 0));
}
