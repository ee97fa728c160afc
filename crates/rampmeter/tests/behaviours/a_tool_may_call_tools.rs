use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter::{Call, CallError, Event, EventKind, Gate, Outcome, Reason, Tool, ToolError};
use rampmeter::{Executor, Lineage, TurnRequest};

use crate::support::{Inside, World, assert_idle, assert_sums, openai, policy};

const POLICY: &str = r#"
    [calls]
    max_depth = 3
    [limits.pool]
    concurrency = 1
    [limits.left]
    concurrency = 1
    [limits.right]
    concurrency = 1
    [limits.memory]
    concurrency = { size = 10, lend = false }
    [tools.outer]
    limits = ["pool"]
    [tools.inner]
    limits = ["pool"]
    [tools.left]
    limits = ["left"]
    [tools.right]
    limits = ["right"]
    [tools.big]
    limits = { memory = { weight = 6 } }
"#;

/// Without lending, the inner call would wait for the outer one, which waits for it.
#[test]
fn a_tool_that_calls_a_tool_on_a_limit_of_one_slot_works() {
    let world = World::new(POLICY);
    let inside = Arc::new(Inside::default());
    let inner = world.sleeper("inner", &inside);
    let (gate, running) = (world.gate.clone(), inside.clone());
    let outer = Tool::raw("outer", "", serde_json::json!({}), move |_| {
        let (gate, running) = (gate.clone(), running.clone());
        async move {
            let refused = |refusal: Box<rampmeter::Refusal>| ToolError::Failed(refusal.to_string());
            let permit = gate.admit("inner").await.map_err(refused)?;
            let _here = Inside::enter(&running);
            permit.finish(Outcome::Succeeded);
            Ok("nested".into())
        }
    });
    let executor = world.executor([outer, inner]);
    let message = openai(&[("a", "outer", "{}"), ("b", "inner", r#"{"ms": 5}"#)]);
    let turn = executor.resolve(&message).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    let outputs: Vec<_> = report.results.iter().map(|result| result.output.clone()).collect();
    assert_eq!(outputs, [Ok("nested".into()), Ok("b".into())]);
    assert_eq!(inside.peak(), 1, "one slot, one call that really runs");
    let peak = world.gate.snapshot().limits[0].peaks[0];
    assert_eq!(peak, 1, "the gate counts the same");
    assert_idle(&world.gate, "at the end");
    assert_sums(&world.gate, "at the end");
}

#[test]
fn a_turn_that_a_tool_runs_is_nested_too_and_has_its_flow_and_priority() {
    let world = World::new(POLICY);
    let mut events = world.gate.subscribe(1_000);
    let executor: Arc<std::sync::OnceLock<Executor>> = Arc::default();
    let inside = Arc::new(Inside::default());
    let nested = executor.clone();
    let outer = Tool::raw("outer", "", serde_json::json!({}), move |_| {
        let nested = nested.clone();
        async move {
            let executor = nested.get().unwrap();
            let calls = [("x", "inner", r#"{"ms": 5}"#), ("y", "inner", r#"{"ms": 5}"#)];
            let turn = executor.resolve(&openai(&calls)).unwrap();
            let report = executor.run_turn(TurnRequest::new(turn).priority("low")).await;
            let priority = report.results[0].priority.clone().unwrap();
            let texts = report.results.into_iter().map(|result| result.output.unwrap());
            Ok(format!("{} {priority}", texts.collect::<Vec<_>>().join(" ")))
        }
    });
    let made = world.executor([outer, world.sleeper("inner", &inside)]);
    executor.set(made.clone()).unwrap();
    let turn = made.resolve(&openai(&[("a", "outer", "{}")])).unwrap();
    let request = TurnRequest::new(turn).flow("maya").priority("high").number(7);
    let report = world.run(made.run_turn(request));
    assert_eq!(report.results[0].output, Ok("x y high".into()));
    assert_eq!(inside.peak(), 1);
    let started = events.drain().into_iter().filter(|event| event.kind == EventKind::Started);
    let started: Vec<Event> = started.collect();
    assert_eq!(started.len(), 3);
    for event in started {
        let call = event.call.unwrap();
        assert_eq!((&*call.flow, &*call.priority, call.turn), ("maya", "high", Some(7)));
    }
    assert_idle(&world.gate, "at the end");
}

/// Each holds what the other's nested call needs.
#[test]
fn a_cycle_over_two_limits_is_refused_at_once_with_both_names() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    let left = gate.try_admit("left").unwrap();
    let right = gate.try_admit("right").unwrap();
    let refusal = world.run(async {
        let mut waits = std::pin::pin!(gate.admit(Call::new("right").parent(&left)));
        let wakes = crate::support::Wakes::new();
        assert!(crate::support::poll_once(waits.as_mut(), &wakes).is_pending());
        gate.admit(Call::new("left").parent(&right)).await.unwrap_err()
    });
    assert_eq!(refusal.reason, Reason::WouldDeadlock);
    let told = refusal.to_string();
    for part in [
        "left made right, which needs limit right, which right holds",
        "right made left, which needs limit left, which left holds",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    drop((left, right));
    assert_idle(gate, "nothing is left of it");
    assert_sums(gate, "nothing is left of it");
}

#[test]
fn nothing_is_lent_where_it_makes_no_sense() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    let held = gate.try_admit("big").unwrap();
    let refusal = world.run(gate.admit(Call::new("big").parent(&held))).unwrap_err();
    assert_eq!(refusal.reason, Reason::WouldDeadlock, "{refusal}");
    held.finish(Outcome::Succeeded);
    assert_idle(gate, "at the end");
}

#[test]
fn calls_are_nested_only_as_deep_as_the_policy_says() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    let mut permits = vec![gate.try_admit("free").unwrap()];
    for _ in 0..3 {
        let parent = permits.last().unwrap();
        permits.push(gate.try_admit(Call::new("free").parent(parent)).unwrap());
    }
    let refusal = gate.try_admit(Call::new("free").parent(&permits[3])).unwrap_err();
    assert_eq!(refusal.reason, Reason::TooDeep);
    assert_eq!(
        refusal.to_string(),
        "free was refused: it is nested too deep; trying again will not help"
    );
}

#[test]
fn a_scope_does_not_reach_what_is_spawned_and_lineage_is_carried_there() {
    let world = World::new(POLICY);
    let gate = world.gate.clone();
    let outer = gate.try_admit("outer").unwrap();
    assert_eq!(gate.lineage(), None);
    let seen = Arc::new(AtomicU64::new(0));
    let tasks = outer.scope(async {
        let lineage = gate.lineage().expect("inside the scope");
        let (without, with) = (gate.clone(), gate.clone());
        let (none, some) = (seen.clone(), seen.clone());
        world.spawn(async move {
            none.fetch_add(u64::from(without.lineage().is_none()), Ordering::SeqCst);
            assert_eq!(without.try_admit("inner").unwrap_err().reason, Reason::WouldWait);
        });
        world.spawn(lineage.scope(async move {
            some.fetch_add(u64::from(with.lineage() == Some(lineage)), Ordering::SeqCst);
            with.admit("inner").await.unwrap().finish(Outcome::Succeeded);
        }));
        lineage
    });
    let lineage = world.run(tasks);
    world.run_until(10);
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert!(lineage.run(|| gate.try_admit("inner")).is_ok(), "code that is not async, too");
    outer.finish(Outcome::Succeeded);
    let refusal = gate.try_admit(Call::new("inner").parent(lineage)).unwrap_err();
    assert_eq!(refusal.reason, Reason::NoParent, "it does not run any more");
}

#[test]
fn the_scope_of_another_gate_is_not_ones_own() {
    let (one, other) = (World::new(POLICY), World::new(POLICY));
    let outer = one.gate.try_admit("outer").unwrap();
    let elsewhere = other.gate.try_admit("outer").unwrap();
    one.run(outer.scope(async {
        assert!(other.gate.lineage().is_none());
        let waits = other.gate.try_admit("inner").unwrap_err();
        assert_eq!(waits.reason, Reason::WouldWait, "it is nobody's there");
        let both = elsewhere.scope(async {
            assert!(one.gate.try_admit("inner").is_ok(), "within another's scope still nested");
            assert!(other.gate.try_admit("inner").is_ok());
        });
        both.await;
    }));
    let refusal = other.gate.try_admit(Call::new("inner").parent(&outer)).unwrap_err();
    assert_eq!(refusal.reason, Reason::Unsupported);
    assert!(refusal.to_string().contains("admitted at another gate"), "{refusal}");
}

#[test]
fn a_handle_used_inside_a_scope_is_nested() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    let handle = gate.handle(&Call::new("inner").flow("someone else")).unwrap();
    let outer = gate.try_admit(Call::new("outer").flow("maya")).unwrap();
    assert_eq!(gate.try_admit(&handle).unwrap_err().reason, Reason::WouldWait);
    let mut events = gate.subscribe(10);
    world.run(outer.scope(async { gate.admit(&handle).await.unwrap().finish(Outcome::Succeeded) }));
    assert!(
        events.drain().iter().all(|event| event.call.as_ref().unwrap().flow.as_ref() == "maya")
    );
}

#[test]
fn a_nested_call_inherits_the_deadline_of_its_caller() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    let soon = Duration::from_millis(50);
    let outer = gate.try_admit(Call::new("left").deadline(soon)).unwrap();
    let _held = gate.try_admit("right").unwrap();
    let refusal = world.run(gate.admit(Call::new("right").parent(&outer))).unwrap_err();
    assert_eq!((refusal.reason, world.now_ms()), (Reason::Deadline, 50), "{refusal}");
}

#[test]
fn a_tool_that_panics_or_times_out_leaves_no_scope_behind() {
    let text = "[limits.a]\nconcurrency = 1\n[tools.\"*\"]\nlimits = [\"a\"]\ntimeout = \"1s\"";
    let world = World::new(text);
    let gate = world.gate.clone();
    let panics = Tool::raw("panics", "", serde_json::json!({}), move |_| {
        let gate = gate.clone();
        async move {
            let _nested = gate.admit("nested").await;
            panic!("on purpose")
        }
    });
    let gate = world.gate.clone();
    let hangs = Tool::raw("hangs", "", serde_json::json!({}), move |_| {
        let gate = gate.clone();
        async move {
            let _nested = gate.admit("nested").await;
            std::future::pending().await
        }
    });
    let executor = world.executor([panics, hangs]);
    let turn = executor.resolve(&openai(&[("a", "panics", "{}"), ("b", "hangs", "{}")])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert!(matches!(report.results[0].output, Err(CallError::Panicked(_))));
    assert!(matches!(report.results[1].output, Err(CallError::TimedOut(_))));
    assert_eq!(world.gate.lineage(), None::<Lineage>);
    assert_idle(&world.gate, "at the end");
    assert_sums(&world.gate, "at the end");
}

/// The same on tokio, where the tool's own tasks run on several threads.
#[cfg(feature = "tokio")]
#[test]
fn on_tokio_a_tree_of_calls_on_one_slot_comes_to_its_end() {
    let gate = Gate::new(&policy(POLICY)).unwrap();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_time().build().unwrap();
    let inside = Arc::new(Inside::default());
    runtime.block_on(async {
        let root = gate.admit("outer").await.unwrap();
        let lineage = root.lineage();
        let children = (0..8).map(|_| {
            let (gate, inside) = (gate.clone(), inside.clone());
            tokio::spawn(lineage.scope(async move {
                let child = gate.admit("inner").await.unwrap();
                let grandchild = child.scope(async { gate.admit("inner").await.unwrap() }).await;
                let here = Inside::enter(&inside);
                tokio::task::yield_now().await;
                drop(here);
                grandchild.finish(Outcome::Succeeded);
                child.finish(Outcome::Succeeded);
            }))
        });
        for child in children.collect::<Vec<_>>() {
            child.await.unwrap();
        }
        root.finish(Outcome::Succeeded);
    });
    assert_eq!((inside.peak(), inside.entered()), (1, 8));
    assert_idle(&gate, "at the end");
}
