use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::select;
use rampmeter::{
    Abandoned, BudgetSnapshot, CallError, CallResult, Event, EventKind, Events, Executor, Gate,
    Reason, Status, Tool, ToolError, TurnRequest, Work,
};

use crate::support::{Inside, Wakes, World, assert_idle, assert_sums, openai, poll_once};

fn world(terms: &str) -> World {
    World::new(&format!(
        "undeclared = \"read\"\n[turn]\ndeadline = \"1h\"\n[limits.two]\nconcurrency = 2\n\
         [tools.work]\nlimits = [\"two\"]\nqueue_timeout = \"10m\"\ntimeout = \"10s\"\n{terms}"
    ))
}

/// A turn of calls of `work`, each with so many milliseconds to take.
fn turn_of(executor: &Executor, millis: &[u64]) -> TurnRequest {
    let arguments: Vec<_> = millis.iter().map(|ms| format!(r#"{{"ms":{ms}}}"#)).collect();
    let ids: Vec<_> = (0..millis.len()).map(|id| id.to_string()).collect();
    let calls: Vec<_> =
        ids.iter().zip(&arguments).map(|(id, text)| (id.as_str(), "work", text.as_str())).collect();
    TurnRequest::new(executor.resolve(&openai(&calls)).unwrap())
}

fn run(world: &World, inside: &Arc<Inside>, millis: &[u64]) -> Vec<CallResult> {
    let executor = world.executor([world.stubborn("work", inside)]);
    world.run(executor.run_turn(turn_of(&executor, millis))).results
}

fn of(gate: &Gate, kind: EventKind) -> u64 {
    gate.counters().of(kind)
}

/// What is held, abandoned, and was both at once at the most.
fn slots(world: &World) -> (u64, u64, u64) {
    match world.gate.snapshot().limits[0].instances[0].budgets[0] {
        BudgetSnapshot::Concurrency { held, abandoned, peak, .. } => (held, abandoned, peak),
        BudgetSnapshot::Rate { .. } => unreachable!(),
    }
}

fn told(events: &mut Events) -> Vec<(EventKind, u64)> {
    let seconds = |event: &Event| event.took.map_or(0, |took| took.as_secs());
    events.drain().iter().map(|event| (event.kind, seconds(event))).collect()
}

fn at_rest(world: &World) {
    world.run(world.gate.at_rest());
    assert_idle(&world.gate, "at rest");
    assert_sums(&world.gate, "at rest");
    assert_eq!(world.gate.abandoned().now, 0);
}

#[test]
fn the_result_comes_at_once_and_the_slot_is_free_when_the_work_has_ended() {
    let (world, inside) = (world(""), Arc::<Inside>::default());
    let results = run(&world, &inside, &[12_000, 14_500, 1_000, 1_000]);
    let timed_out = Err(CallError::TimedOut(Duration::from_secs(10)));
    assert_eq!([&results[0].output, &results[1].output], [&timed_out, &timed_out]);
    assert_eq!(results[0].ran, Some(Duration::from_secs(10)));
    assert_eq!(results[2].waited, Some(Duration::from_secs(12)), "until the first has ended");
    assert_eq!(results[3].waited, Some(Duration::from_secs(13)));
    assert_eq!(
        (inside.peak(), of(&world.gate, EventKind::Late)),
        (2, 1),
        "the second is not late yet"
    );
    at_rest(&world);
    assert_eq!(world.now_ms(), 14_500);
    assert_eq!(of(&world.gate, EventKind::Late), 2);
    assert_eq!(world.gate.abandoned(), Abandoned { now: 0, peak: 0 }, "both within their grace");
}

#[test]
fn with_hold_what_runs_never_passes_the_limit_however_long_it_goes_on() {
    let (world, inside) = (world("grace = \"2s\""), Arc::<Inside>::default());
    let mut events = world.gate.subscribe(100);
    let results = run(&world, &inside, &[40_000, 50_000, 1_000, 1_000]);
    assert_eq!(results[2].waited, Some(Duration::from_secs(40)));
    assert_eq!(inside.peak(), 2);
    assert_eq!(world.gate.abandoned(), Abandoned { now: 1, peak: 2 });
    at_rest(&world);
    assert_eq!(slots(&world), (0, 0, 2));
    let told = told(&mut events);
    let after = |kind| told.iter().filter(|it| it.0 == kind).map(|it| it.1).collect::<Vec<_>>();
    assert_eq!(after(EventKind::Abandoned), [2, 2], "seconds after their end");
    assert_eq!(after(EventKind::Late), [30, 40]);
    assert_eq!(after(EventKind::Failed), [10, 10], "they end once, when they are over");
}

#[test]
fn with_free_what_runs_passes_the_limit_by_exactly_what_was_abandoned() {
    let (world, inside) =
        (world("grace = \"2s\"\non_abandon = \"free\""), Arc::<Inside>::default());
    let results = run(&world, &inside, &[40_000, 50_000, 1_000, 9_000]);
    for result in &results[2..] {
        assert_eq!(result.waited, Some(Duration::from_secs(12)), "time-out and grace");
        assert!(result.output.is_ok());
    }
    assert_eq!(slots(&world), (0, 2, 4), "the gate counts what goes on in its peak");
    assert_eq!((inside.now(), inside.peak()), (2, 4));
    assert_eq!(world.gate.abandoned(), Abandoned { now: 2, peak: 2 });
    assert_eq!(world.gate.snapshot().limits[0].peaks, [4]);
    at_rest(&world);
    assert_eq!((slots(&world), inside.now()), ((0, 0, 4), 0));
    assert_eq!(of(&world.gate, EventKind::Late), 2);
}

#[test]
fn nobody_needs_to_wait_or_look_for_a_grace_to_end() {
    let (world, inside) =
        (world("grace = \"2s\"\non_abandon = \"free\""), Arc::<Inside>::default());
    let executor = world.executor([world.stubborn("work", &inside)]);
    let mut events = world.gate.subscribe(100);
    let turn = Box::pin(executor.run_turn(turn_of(&executor, &[60_000, 60_000])));
    world.run(select(turn, pin!(world.sleep(3_000))));
    world.run_until(5_000);
    let told = told(&mut events);
    let kinds: Vec<_> = told.iter().map(|it| it.0).collect();
    let (cancelled, abandoned) = (EventKind::Cancelled, EventKind::Abandoned);
    assert_eq!(kinds[4..], [cancelled, cancelled, abandoned, abandoned]);
    assert_eq!(slots(&world), (0, 2, 2));
    at_rest(&world);
}

#[test]
fn the_work_is_told_when_its_call_is_given_up_and_not_when_it_is_answered() {
    let (world, told) = (world(""), Arc::new(AtomicU64::new(0)));
    let tool = {
        let (world, told) = (world.clone(), told.clone());
        Tool::raw("work", "", serde_json::json!({}), move |call| {
            let (world, told, hold) = (world.clone(), told.clone(), call.work.hold());
            let other = world.clone();
            world.spawn(async move {
                select(pin!(hold.cancelled()), pin!(other.sleep(60_000))).await;
                if hold.is_cancelled() {
                    told.store(other.now_ms(), Ordering::SeqCst);
                }
            });
            async move {
                let arguments: serde_json::Value = call.arguments.parse().unwrap();
                world.sleep(arguments["ms"].as_u64().unwrap()).await;
                Ok(String::new())
            }
        })
    };
    let executor = world.executor([tool]);
    let results = world.run(executor.run_turn(turn_of(&executor, &[1_000]))).results;
    assert!(results[0].output.is_ok());
    assert_eq!(slots(&world).0, 1, "what it began goes on in its slot");
    at_rest(&world);
    assert_eq!((world.now_ms(), told.load(Ordering::SeqCst)), (60_000, 0));
    world.run(executor.run_turn(turn_of(&executor, &[1_000_000])));
    at_rest(&world);
    assert_eq!((world.now_ms(), told.load(Ordering::SeqCst)), (70_000, 70_000), "its time-out");
}

#[test]
fn a_call_that_conflicts_waits_until_the_slot_is_free_and_no_longer_than_its_turn_may_take() {
    let (ran, keeps) = (Some(Duration::from_secs(1)), "grace = \"1s\"");
    let gives_up = "grace = \"1s\"\non_abandon = \"free\"";
    // Its terms, how long the turn may take; whether the second call ran, when the turn ended, and
    // how much was in the tools at once.
    let cases =
        [(keeps, 60, ran, 31_000, 1), (keeps, 12, None, 12_000, 1), (gives_up, 60, ran, 12_000, 2)];
    for (terms, deadline, ran, ended, peak) in cases {
        let world =
            World::new(&format!("[tools.work]\ntimeout = \"10s\"\naccess = \"write\"\n{terms}"));
        let inside = Arc::<Inside>::default();
        let executor = world.executor([world.stubborn("work", &inside)]);
        let turn = turn_of(&executor, &[30_000, 1_000]).deadline(Duration::from_secs(deadline));
        let results = world.run(executor.run_turn(turn)).results;
        assert_eq!(results[0].output, Err(CallError::TimedOut(Duration::from_secs(10))));
        assert_eq!((results[1].ran, world.now_ms(), inside.peak()), (ran, ended, peak), "{terms}");
        if ran.is_none() {
            assert_eq!(results[1].output, Err(CallError::TurnDeadline));
        }
        at_rest(&world);
    }
}

#[test]
fn whoever_waits_for_the_slot_is_refused_by_the_turns_deadline() {
    let (world, inside) = (world(""), Arc::<Inside>::default());
    let executor = world.executor([world.stubborn("work", &inside)]);
    let turn = turn_of(&executor, &[30_000, 30_000, 1_000]).deadline(Duration::from_secs(12));
    let results = world.run(executor.run_turn(turn)).results;
    let Err(CallError::Refused(refusal)) = &results[2].output else { panic!("{results:?}") };
    assert_eq!((refusal.reason, world.now_ms()), (Reason::Deadline, 12_000));
    at_rest(&world);
}

#[test]
fn what_a_call_makes_does_not_outlive_its_time_out_even_if_it_was_spawned() {
    let world = World::new(
        "undeclared = \"read\"\n[tools.outer]\ntimeout = \"5s\"\n[tools.inner]\ntimeout = \"50s\"",
    );
    let inside = Arc::<Inside>::default();
    let inner = world.executor([world.sleeper("inner", &inside)]);
    let ends = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let outer = {
        let (world, ends) = (world.clone(), ends.clone());
        Tool::raw("outer", "", serde_json::json!({}), move |_| {
            let (world, inner, ends) = (world.clone(), inner.clone(), ends.clone());
            async move {
                let lineage = world.gate.lineage().unwrap();
                let turn = || openai(&[("i", "inner", r#"{"ms":40000}"#)]);
                let (other, first) = (world.clone(), turn());
                let made = inner.clone();
                world.spawn(async move {
                    let turn = TurnRequest::new(made.resolve(&first).unwrap()).parent(lineage);
                    let results = made.run_turn(turn).await.results;
                    ends.lock().push((other.now_ms(), results[0].output.clone()));
                    let turn = TurnRequest::new(made.resolve(&first).unwrap()).parent(lineage);
                    let results = made.run_turn(turn).await.results;
                    ends.lock().push((other.now_ms(), results[0].output.clone()));
                });
                world.sleep(60_000).await;
                Err::<String, _>(ToolError::failed("never"))
            }
        })
    };
    let executor = world.executor([outer]);
    let turn = TurnRequest::new(executor.resolve(&openai(&[("o", "outer", "{}")])).unwrap());
    let results = world.run(executor.run_turn(turn)).results;
    assert_eq!(results[0].output, Err(CallError::TimedOut(Duration::from_secs(5))));
    world.run_until(5_001);
    let ends = ends.lock();
    assert_eq!(
        ends[0],
        (5_000, Err(CallError::TurnDeadline)),
        "with what was left of its caller's"
    );
    let Err(CallError::Refused(refusal)) = &ends[1].1 else { panic!("{ends:?}") };
    assert_eq!((ends[1].0, refusal.reason), (5_000, Reason::NoParent));
    assert_eq!(inside.entered(), 1);
    assert_idle(&world.gate, "over");
}

#[test]
fn work_that_outlives_its_gate_ends_as_any_other() {
    for terms in ["", "grace = \"2s\"", "grace = \"2s\"\non_abandon = \"free\""] {
        let (world, inside) = (world(terms), Arc::<Inside>::default());
        run(&world, &inside, &[30_000, 30_000]);
        let World { time, gate, .. } = world;
        let mut events = gate.subscribe(100);
        drop(gate);
        assert_eq!(inside.now(), 2, "{terms}");
        // Its tasks hold the world, and so the gate, until they have ended.
        let rest = async {
            let mut kinds = Vec::new();
            while let Some(event) = events.next().await {
                kinds.push(event.kind);
            }
            kinds
        };
        let kinds = time.block_on(rest).unwrap();
        assert_eq!(kinds.iter().filter(|it| **it == EventKind::Late).count(), 2, "{terms}");
        assert_eq!(inside.now(), 0);
    }
}

#[test]
fn without_a_gate_a_hold_holds_nothing_and_is_never_told() {
    let work = Work::default();
    let hold = work.hold();
    assert!(!hold.is_cancelled());
    assert!(hold.clone().finish(), "whoever runs it without a gate waits for it");
    assert_eq!(format!("{work:?}"), "Work { holds: 1, .. }");
}

#[test]
fn a_stopped_turn_does_not_wait_for_work_that_goes_on() {
    let (world, inside) = (world("grace = \"2s\""), Arc::<Inside>::default());
    let executor = world.executor([world.stubborn("work", &inside)]);
    let turn = turn_of(&executor, &[30_000; 6]);
    let report = world.run(executor.run_turn_until(turn, world.until(3_000)));
    assert!(report.results.iter().all(|result| result.status() == Status::Cancelled));
    assert_eq!((world.now_ms(), inside.now(), slots(&world).0), (3_000, 2, 2));
    at_rest(&world);
    assert_eq!((world.now_ms(), inside.entered()), (30_000, 2));
}

#[test]
fn a_hold_that_is_taken_when_the_call_is_over_keeps_nothing_and_is_cancelled() {
    let world = world("");
    let left = Arc::new(parking_lot::Mutex::new(None));
    let (own, leaves) = (world.clone(), left.clone());
    let tool = Tool::raw("work", "", serde_json::json!({}), move |call| {
        let (world, hold) = (own.clone(), call.work.hold());
        *leaves.lock() = Some(call.work.clone());
        own.spawn(async move {
            world.sleep(12_000).await;
            drop(hold);
        });
        std::future::pending()
    });
    let executor = world.executor([tool]);
    world.run(executor.run_turn(turn_of(&executor, &[0])));
    let work: Work = left.lock().take().unwrap();
    let late = work.hold();
    assert!(late.is_cancelled() && late.clone().is_cancelled());
    at_rest(&world);
    assert_eq!(world.now_ms(), 12_000, "when the work has ended that was under way");
}

#[test]
fn whoever_waits_for_rest_no_more_leaves_nothing_behind() {
    let (world, inside) = (world(""), Arc::<Inside>::default());
    run(&world, &inside, &[20_000]);
    let wakes = Wakes::new();
    for _ in 0..10 {
        // Each time as another task.
        let other = Wakes::new();
        assert!(poll_once(pin!(world.gate.at_rest()), &other).is_pending());
        assert_eq!(Arc::strong_count(&other), 1, "its waker is gone with it");
    }
    let mut rest = pin!(world.gate.at_rest());
    assert!(poll_once(rest.as_mut(), &wakes).is_pending());
    world.run_until(20_000);
    assert_eq!(wakes.count(), 1);
    assert!(poll_once(rest, &wakes).is_ready());
}
