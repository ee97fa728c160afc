use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use rampmeter::state_bag::{BagRules, Conflict, Merge};
use rampmeter::{
    Access, BagError, BagWriter, CallError, CallResult, EventKind, Invocation, StateBag, Tool,
    ToolError, TurnReport, TurnRequest,
};
use serde_json::{Value, json};

use crate::support::{World, openai};

/// A tool of calls that go side by side, which sleeps for the `ms` of its arguments when told to.
fn tool<F, Fut>(world: &World, name: &str, run: F) -> Tool
where
    F: Fn(World, Invocation, u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
{
    let world = world.clone();
    let tool = Tool::raw(name, "", json!({}), move |call| {
        let arguments: Value = call.arguments.parse().unwrap_or_default();
        run(world.clone(), call, arguments["ms"].as_u64().unwrap_or(0))
    });
    tool.access(Access::Read)
}

fn state(call: &Invocation) -> BagWriter {
    call.state.clone().expect("the turn has a bag")
}

/// Runs calls of `(id, tool, ms)` as turn 7.
fn run(world: &World, tools: Vec<Tool>, bag: &StateBag, calls: &[(&str, &str, u64)]) -> TurnReport {
    let executor = world.executor(tools);
    let arguments: Vec<_> = calls.iter().map(|it| json!({"ms": it.2}).to_string()).collect();
    let calls: Vec<_> =
        calls.iter().zip(&arguments).map(|(it, arguments)| (it.0, it.1, &**arguments)).collect();
    let turn = executor.resolve(&openai(&calls)).unwrap();
    world.run(executor.run_turn(TurnRequest::new(turn).number(7).state(bag)))
}

fn bag(rules: BagRules) -> StateBag {
    StateBag::new(rules).unwrap()
}

fn conflict(result: &CallResult) -> Option<&Conflict> {
    match &result.output {
        Err(CallError::State(BagError::Conflict(conflict))) => Some(conflict),
        _ => None,
    }
}

/// 20 calls each of which makes one more of a counter, reading it and writing it 15 ms later, some
/// beside others. Returns what is kept and the report.
fn race(of: Tool, world: &World, bag: &StateBag) -> (u64, TurnReport) {
    let ids: Vec<_> = (0..20).map(|id| id.to_string()).collect();
    let calls: Vec<_> =
        ids.iter().enumerate().map(|(at, id)| (&**id, "count", at as u64 % 5 * 10)).collect();
    let report = run(world, vec![of], bag, &calls);
    (bag.get("counter").unwrap().unwrap_or(0), report)
}

fn all_succeed(report: &TurnReport) -> bool {
    report.results.iter().all(|it| it.output.is_ok())
}

#[test]
fn twenty_calls_that_count_at_once_come_to_twenty() {
    let world = World::new("");
    let adding = tool(&world, "count", |world, call, ms| async move {
        world.sleep(ms).await;
        state(&call).add("counter", 1)?;
        Ok(String::new())
    });
    let (kept, report) = race(adding, &world, &StateBag::default());
    assert_eq!((kept, all_succeed(&report)), (20, true));

    let retries = Arc::new(Mutex::new(0));
    let counted = retries.clone();
    let swapping = tool(&world, "count", move |world, call, ms| {
        let retries = counted.clone();
        async move {
            world.sleep(ms).await;
            loop {
                let (n, version) = state(&call).get_versioned::<u64>("counter")?;
                world.sleep(15).await;
                let swapped = state(&call).compare_and_swap("counter", version, n.unwrap_or(0) + 1);
                match swapped {
                    Ok(_) => return Ok(String::new()),
                    Err(BagError::Conflict(_)) => *retries.lock().unwrap() += 1,
                    Err(error) => return Err(error.into()),
                }
            }
        }
    });
    let (kept, report) = race(swapping, &world, &StateBag::default());
    assert_eq!((kept, all_succeed(&report)), (20, true));
    assert!(*retries.lock().unwrap() > 20, "they did come between each other");
}

#[test]
fn of_twenty_that_write_over_each_other_the_kept_count_is_the_number_that_succeeded() {
    let world = World::new("");
    let bag = StateBag::default();
    let setting = tool(&world, "count", |world, call, ms| async move {
        world.sleep(ms).await;
        let n: Option<u64> = state(&call).get("counter")?;
        world.sleep(15).await;
        state(&call).set("counter", n.unwrap_or(0) + 1)?;
        Ok(String::new())
    });
    let (kept, report) = race(setting, &world, &bag);
    let succeeded = report.results.iter().filter(|it| it.output.is_ok()).count();
    let conflicts = report.results.iter().filter_map(conflict).count();
    assert_eq!((kept, succeeded + conflicts), (succeeded as u64, 20));
    assert!((2..20).contains(&succeeded), "{succeeded}");

    // Without the bag as many calls succeed as there are, and most of what they did is gone.
    let map: Arc<Mutex<HashMap<&str, u64>>> = Arc::default();
    let shared = map.clone();
    let unprotected = tool(&world, "count", move |world, _, ms| {
        let map = shared.clone();
        async move {
            world.sleep(ms).await;
            let n = map.lock().unwrap().get("counter").copied();
            world.sleep(15).await;
            map.lock().unwrap().insert("counter", n.unwrap_or(0) + 1);
            Ok(String::new())
        }
    });
    let (_, report) = race(unprotected, &world, &StateBag::default());
    let kept = map.lock().unwrap()["counter"];
    assert!(all_succeed(&report) && kept < 20, "{kept}");
}

#[test]
fn what_a_call_writes_is_in_the_journal_under_its_own_name() {
    let world = World::new("");
    let bag = bag(BagRules::new());
    let note = tool(&world, "note", |_, call, _| async move {
        state(&call).set(&format!("by {}", call.id), 1)?;
        Ok(String::new())
    });
    run(&world, vec![note], &bag, &[("x", "note", 0), ("y", "note", 0)]);
    let journal = bag.journal();
    let told: Vec<_> = journal
        .entries()
        .map(|it| (&*it.key, &*it.by.call, &*it.by.tool, it.by.turn, it.by.attempt))
        .collect();
    assert_eq!(told, [("by x", "x", "note", Some(7), 1), ("by y", "y", "note", Some(7), 1)]);
}

#[test]
fn results_go_to_output_keys_in_the_models_order_as_json_or_as_text() {
    let policy = "[tools.search]\noutput = \"hits\"\n[state]\nhits = \"append\"\n";
    let world = World::new(policy);
    let bag = bag(BagRules::of(&crate::support::policy(policy)));
    let search = tool(&world, "search", |world, call, ms| async move {
        world.sleep(ms).await;
        Ok(if &*call.id == "b" { "no json".into() } else { format!("{{\"id\": \"{}\"}}", call.id) })
    });
    let calls = [("a", "search", 30), ("b", "search", 20), ("c", "search", 10)];
    let report = run(&world, vec![search.output("the policy's word wins")], &bag, &calls);
    assert!(all_succeed(&report));
    let hits: Value = bag.get("hits").unwrap().unwrap();
    assert_eq!(hits, json!([{"id": "a"}, "no json", {"id": "c"}]));
    assert_eq!(bag.snapshot().keys.len(), 1);
    let first = bag.journal().entries().next().map(|it| it.by.call.clone());
    assert_eq!(first.as_deref(), Some("c"), "it was done first");
}

#[test]
fn two_tools_with_one_output_are_a_conflict_of_the_second_and_its_siblings_keep_theirs() {
    let world = World::new("");
    let bag = bag(BagRules::new());
    let named = |name: &str| {
        tool(&world, name, |world, call, ms| async move {
            world.sleep(ms).await;
            Ok(call.name.to_string())
        })
    };
    let tools =
        vec![named("left").output("answer"), named("right").output("answer"), named("third")];
    let calls = [("a", "left", 20), ("b", "right", 10), ("c", "third", 30)];
    let report = run(&world, tools, &bag, &calls);
    let lost = conflict(&report.results[0]).expect("the second in time");
    assert_eq!((&*lost.call.call, &*lost.other.as_ref().unwrap().call), ("a", "b"));
    assert!(report.results[0].content().contains("conflict at state key \"answer\""));
    assert_eq!(report.results[1].output.as_deref(), Ok("right"));
    assert_eq!(report.results[2].output.as_deref(), Ok("third"));
    assert_eq!(bag.get::<String>("answer").unwrap().unwrap(), "right");
    let counters = world.gate.counters();
    assert_eq!((counters.of(EventKind::Completed), counters.of(EventKind::Failed)), (2, 1));
}

#[test]
fn what_a_call_had_put_to_merged_keys_goes_when_it_fails_panics_or_is_given_up() {
    let world = World::new("[tools.hangs]\ntimeout = \"50ms\"\n");
    let bag = bag(BagRules::new().merge("log", Merge::Append).merge("count", Merge::Sum));
    let kept: Arc<Mutex<Vec<BagWriter>>> = Arc::default();
    let with = |name: &'static str, ends: fn() -> Option<Result<String, ToolError>>| {
        let kept = kept.clone();
        tool(&world, name, move |world, call, _| {
            let kept = kept.clone();
            async move {
                state(&call).set("log", name)?;
                state(&call).add("count", 1)?;
                state(&call).set(&format!("plain {name}"), 1)?;
                kept.lock().unwrap().push(state(&call));
                match ends() {
                    Some(end) => end,
                    None => {
                        world.sleep(1_000_000).await;
                        Ok("too late".into())
                    }
                }
            }
        })
    };
    let tools = vec![
        with("works", || Some(Ok("done".into()))),
        with("fails", || Some(Err(ToolError::failed("no")))),
        with("panics", || panic!("oh")),
        with("hangs", || None),
    ];
    let names = ["fails", "works", "panics", "hangs"];
    let calls: Vec<_> = names.iter().map(|name| (*name, *name, 0)).collect();
    let report = run(&world, tools, &bag, &calls);
    assert_eq!(report.results.iter().filter(|it| it.output.is_ok()).count(), 1);
    assert_eq!(bag.get::<Vec<String>>("log").unwrap().unwrap(), ["works"]);
    assert_eq!(bag.get::<u64>("count").unwrap(), Some(1));
    for name in names {
        assert_eq!(bag.get::<u64>(&format!("plain {name}")).unwrap(), Some(1), "{name}");
    }
    for writer in kept.lock().unwrap().iter() {
        let late = writer.set("log", "late");
        assert!(matches!(late, Err(BagError::Ended { .. })), "{writer:?}: {late:?}");
    }
}

#[test]
fn a_stopped_turn_withdraws_what_its_running_calls_had_put() {
    let world = World::new("");
    let bag = bag(BagRules::new().merge("log", Merge::Append));
    let note = tool(&world, "note", |world, call, ms| async move {
        state(&call).set("log", &*call.id)?;
        world.sleep(ms).await;
        Ok(String::new())
    });
    let executor = world.executor([note]);
    let calls = [("a", "note", r#"{"ms": 10}"#), ("b", "note", r#"{"ms": 100}"#)];
    let turn = executor.resolve(&openai(&calls)).unwrap();
    let stop = world.until(50).map(drop);
    let request = TurnRequest::new(turn).state(&bag);
    let report = world.run(executor.run_turn_until(request, stop));
    assert_eq!(report.results[1].output, Err(CallError::Cancelled));
    assert_eq!(bag.get::<Vec<String>>("log").unwrap().unwrap(), ["a"]);
}

#[test]
fn without_a_bag_calls_share_nothing_and_outputs_have_no_effect() {
    let world = World::new("");
    let look =
        tool(&world, "look", |_, call, _| async move { Ok(format!("{}", call.state.is_none())) });
    let executor = world.executor([look.output("answer")]);
    let turn = executor.resolve(&openai(&[("a", "look", "{}"), ("b", "look", "{}")])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert!(report.results.iter().all(|it| it.output.as_deref() == Ok("true")));
}

#[test]
fn a_call_counts_once_however_often_it_is_tried() {
    let world = World::new("[tools.flaky]\nretry = { attempts = 3, base = \"1s\" }\n");
    let bag = bag(BagRules::new().merge("log", Merge::Append).merge("count", Merge::Sum));
    let flaky = tool(&world, "flaky", |_, call, _| async move {
        let state = state(&call);
        if state.id().attempt == 2 {
            return Err(ToolError::failed("and this time it has put nothing"));
        }
        state.set("log", format!("{} at {}", call.id, state.id().attempt))?;
        state.add("count", 1)?;
        if state.id().attempt < 3 { Err(ToolError::failed("no")) } else { Ok(String::new()) }
    });
    let report = run(&world, vec![flaky], &bag, &[("a", "flaky", 0), ("b", "flaky", 0)]);
    assert!(all_succeed(&report));
    let log: Vec<String> = bag.get("log").unwrap().unwrap();
    assert_eq!((log, bag.get("count").unwrap()), (vec!["a at 3".into(), "b at 3".into()], Some(2)));
    let journal = bag.journal();
    let of_a = journal.entries().filter(|it| &*it.key == "log" && &*it.by.call == "a");
    let told: Vec<_> = of_a.map(|it| (it.operation.as_str(), it.by.attempt)).collect();
    assert_eq!(told, [("set", 1), ("withdraw", 1), ("set", 3)]);
}

#[test]
fn a_call_that_may_be_tried_again_comes_through_after_a_conflict() {
    let world = World::new("[tools.count]\nretry = { attempts = 3, base = \"1s\" }\n");
    let bag = StateBag::default();
    let setting = tool(&world, "count", |world, call, ms| async move {
        let n: Option<u64> = state(&call).get("counter")?;
        world.sleep(ms).await;
        state(&call).set("counter", n.unwrap_or(0) + 1)?;
        Ok(String::new())
    });
    let report = run(&world, vec![setting], &bag, &[("a", "count", 20), ("b", "count", 10)]);
    assert!(all_succeed(&report));
    assert_eq!(report.results[0].attempts.len(), 1, "one conflict");
    assert_eq!(bag.get::<u64>("counter").unwrap(), Some(2));
}
