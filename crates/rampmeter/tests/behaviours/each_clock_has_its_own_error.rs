use std::sync::Arc;
use std::time::Duration;

use rampmeter::{CallError, CallResult, Reason, Retry, Status, TurnRequest};

use crate::support::{Inside, World, assert_idle, assert_sums, openai};

const POLICY: &str = r#"
    undeclared = "read"
    [turn]
    deadline = "1h"
    [limits.one]
    concurrency = 1
    [tools.work]
    limits = ["one"]
    queue_timeout = "20s"
    timeout = "10s"
"#;

fn run(world: &World, millis: &[u64], deadline: Option<u64>) -> Vec<CallResult> {
    let executor = world.executor([world.sleeper("work", &Arc::<Inside>::default())]);
    let arguments: Vec<_> = millis.iter().map(|ms| format!(r#"{{"ms":{ms}}}"#)).collect();
    let ids: Vec<_> = (0..millis.len()).map(|id| id.to_string()).collect();
    let calls: Vec<_> =
        ids.iter().zip(&arguments).map(|(id, text)| (id.as_str(), "work", text.as_str())).collect();
    let mut request = TurnRequest::new(executor.resolve(&openai(&calls)).unwrap());
    if let Some(seconds) = deadline {
        request = request.deadline(Duration::from_secs(seconds));
    }
    let results = world.run(executor.run_turn(request)).results;
    assert_idle(&world.gate, "turn over");
    assert_sums(&world.gate, "turn over");
    results
}

fn seconds(count: u64) -> Option<Duration> {
    Some(Duration::from_secs(count))
}

#[test]
fn waiting_does_not_eat_the_time_to_run() {
    let world = World::new(POLICY);
    let results = run(&world, &[9_000, 9_000, 9_999], None);
    assert!(results.iter().all(|result| result.output.is_ok()), "{results:?}");
    assert_eq!(results[2].waited, seconds(18));
    assert_eq!(results[2].ran, Some(Duration::from_millis(9_999)));
}

#[test]
fn running_too_long_is_a_time_out_and_frees_the_slot_at_that_moment() {
    let world = World::new(POLICY);
    let results = run(&world, &[3_600_000, 1_000], None);
    assert_eq!(results[0].output, Err(CallError::TimedOut(Duration::from_secs(10))));
    assert_eq!((results[0].ran, results[0].status()), (seconds(10), Status::Failed));
    assert_eq!(results[1].waited, seconds(10));
    assert_eq!(world.now_ms(), 11_000);
}

#[test]
fn waiting_too_long_is_a_refusal_that_names_the_limit() {
    let world = World::new(POLICY);
    let results = run(&world, &[9_000, 9_000, 9_000, 9_000], None);
    let Err(CallError::Refused(refusal)) = &results[3].output else { panic!("{results:?}") };
    assert_eq!(refusal.reason, Reason::QueueTimeout);
    assert_eq!(refusal.limit.as_deref(), Some("one"));
    assert_eq!(refusal.retry, Retry::OnRelease);
    assert_eq!(refusal.waited, Duration::from_secs(20));
    assert_eq!((results[3].ran, results[3].status()), (None, Status::Refused));
    assert!(results[..3].iter().all(|result| result.output.is_ok()));
}

#[test]
fn the_turns_deadline_ends_what_runs_and_refuses_what_waits() {
    let world = World::new(POLICY);
    let results = run(&world, &[4_000, 9_000, 1_000], Some(7));
    assert!(results[0].output.is_ok());
    assert_eq!(results[1].output, Err(CallError::TurnDeadline));
    assert_eq!(results[1].ran, seconds(3));
    let Err(CallError::Refused(refusal)) = &results[2].output else { panic!("{results:?}") };
    assert_eq!(refusal.reason, Reason::Deadline);
    assert_eq!(world.now_ms(), 7_000);
}

#[test]
fn a_time_out_and_the_turns_deadline_at_one_moment_count_as_the_time_out() {
    let world = World::new(POLICY);
    let results = run(&world, &[20_000], Some(10));
    assert_eq!(results[0].output, Err(CallError::TimedOut(Duration::from_secs(10))));
}

#[test]
fn a_tool_that_ends_with_its_last_moment_has_succeeded() {
    let world = World::new(POLICY);
    assert!(run(&world, &[10_000], None)[0].output.is_ok());
}

#[test]
fn a_turn_whose_deadline_has_come_starts_nothing() {
    let world = World::new(POLICY);
    let results = run(&world, &[0, 0], Some(0));
    assert!(results.iter().all(|result| result.output == Err(CallError::TurnDeadline)));
    assert!(results.iter().all(|result| result.ran.is_none()));
}

#[test]
fn writes_that_were_held_back_are_given_up_at_the_deadline() {
    let world = World::new("[turn]\ndeadline = \"5s\"");
    let results = run(&world, &[3_000, 3_000, 1_000], None);
    assert!(results[0].output.is_ok());
    assert_eq!(results[1].output, Err(CallError::TurnDeadline));
    assert_eq!(results[2].output, Err(CallError::TurnDeadline));
    assert_eq!((results[1].ran, results[2].ran), (seconds(2), None));
}
