use std::sync::Arc;

use rampmeter::{Access, CallError, EventKind, Reason, Tool, ToolError, TurnRequest};
use serde_json::json;

use crate::support::{Inside, World, anthropic, assert_idle, assert_sums, openai};

const POLICY: &str = r#"
    undeclared = "read"
    max_arguments = "64B"
    [limits.host]
    concurrency = 4
    [tools.work]
    limits = ["host"]
"#;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

fn tools(world: &World) -> Vec<Tool> {
    vec![
        world.sleeper("work", &Arc::<Inside>::default()),
        Tool::new("add", "", |add: Add| async move { Ok(add.a + add.b) }).access(Access::Read),
        Tool::raw("fail", "", json!({}), |_| async { Err(ToolError::failed("no luck")) }),
        Tool::raw("busy", "", json!({}), |_| async {
            let retry_after = Some(std::time::Duration::from_secs(3));
            Err(ToolError::Overloaded { message: "429".into(), retry_after, may_have_run: false })
        }),
        Tool::raw("sync_panic", "", json!({}), |_| -> std::future::Ready<_> { panic!("at once") }),
        Tool::raw("late_panic", "", json!({}), |_| async { panic!("in its future") }),
    ]
}

#[test]
fn each_fault_is_its_own_calls_answer_and_its_siblings_run() {
    let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(80));
    let calls = [
        ("1", "work", r#"{"ms":50}"#),
        ("2", "wrok", "{}"),
        ("3", "add", r#"{"a":1,"b":"two"}"#),
        ("4", "add", r#"{"a":1,"b":2}"#),
        ("5", "fail", "{}"),
        ("6", "sync_panic", "{}"),
        ("7", "late_panic", "{}"),
        ("1", "add", r#"{"a":1,"b":2}"#),
        ("9", "busy", "{}"),
        ("10", "work", long.as_str()),
        ("11", "work", r#"{"ms":20}"#),
    ];
    for text in [openai(&calls), anthropic(&calls)] {
        let world = World::new(POLICY);
        let executor = world.executor(tools(&world));
        let turn = executor.resolve(&text).unwrap();
        let report = world.run(executor.run_turn(TurnRequest::new(turn)));
        let outputs: Vec<_> = report.results.iter().map(|result| &result.output).collect();
        assert_eq!(outputs[0].as_deref(), Ok("1"));
        let Err(CallError::Unknown(unknown)) = outputs[1] else { panic!("{:?}", outputs[1]) };
        assert_eq!(unknown.nearest.as_deref(), Some("work"));
        let Err(CallError::Arguments(wrong)) = outputs[2] else { panic!("{:?}", outputs[2]) };
        assert_eq!(wrong.path, "b");
        assert_eq!(outputs[3].as_deref(), Ok("3"));
        assert_eq!(*outputs[4], Err(CallError::Failed("no luck".into())));
        assert_eq!(*outputs[5], Err(CallError::Panicked("at once".into())));
        assert_eq!(*outputs[6], Err(CallError::Panicked("in its future".into())));
        assert!(matches!(outputs[7], Err(CallError::Malformed(_))), "{:?}", outputs[7]);
        let throttled = outputs[8].as_ref().unwrap_err();
        assert!(matches!(throttled, CallError::Throttled { .. }), "{throttled:?}");
        assert_eq!(throttled.to_string(), "429; try again in 3.0s");
        assert!(matches!(outputs[9], Err(CallError::Malformed(_))), "{:?}", outputs[9]);
        assert_eq!(outputs[10].as_deref(), Ok("11"));
        assert_eq!(report.messages().len(), if text.contains("tool_use") { 1 } else { 11 });
        assert_idle(&world.gate, "turn over");
        assert_sums(&world.gate, "turn over");
        let counters = world.gate.counters();
        assert_eq!(counters.of(EventKind::Invoked), 11, "also those that could not run");
        assert_eq!(counters.of(EventKind::Failed), 8);
        assert_eq!(counters.of(EventKind::Started), 8);
    }
}

#[test]
fn arguments_that_are_not_json_are_that_calls_error() {
    let world = World::new(POLICY);
    let executor = world.executor(tools(&world));
    let calls = [("1", "work", "{\"ms\":"), ("2", "work", "[1]"), ("3", "work", "")];
    let turn = executor.resolve(&openai(&calls)).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert!(matches!(report.results[0].output, Err(CallError::Malformed(_))));
    assert!(matches!(report.results[1].output, Err(CallError::Malformed(_))));
    assert_eq!(report.results[2].output.as_deref(), Ok("3"), "no text is no arguments");
}

#[test]
fn a_priority_that_is_not_there_refuses_each_call_and_names_those_that_are() {
    let world = World::new(POLICY);
    let executor = world.executor(tools(&world));
    let turn = executor.resolve(&openai(&[("1", "work", "{}"), ("2", "work", "{}")])).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn).priority("urgent")));
    for result in &report.results {
        let Err(CallError::Refused(refusal)) = &result.output else { panic!("{result:?}") };
        assert_eq!(refusal.reason, Reason::Unsupported);
        let text = refusal.to_string();
        assert!(text.contains("urgent") && text.contains("critical, high, normal, low"), "{text}");
    }
    assert_sums(&world.gate, "every call that was asked for has an end");
    assert_eq!(world.gate.counters().of(EventKind::Invoked), 2);
}

#[test]
fn a_panic_gives_back_its_slot() {
    let world = World::new(
        "undeclared = \"read\"\n[limits.one]\nconcurrency = 1\n[tools.\"*\"]\nlimits = [\"one\"]",
    );
    let executor = world.executor(tools(&world));
    let names = ["late_panic", "sync_panic", "fail", "work"];
    let calls: Vec<_> = names.iter().map(|name| (*name, *name, "{}")).collect();
    let turn = executor.resolve(&openai(&calls)).unwrap();
    let report = world.run(executor.run_turn(TurnRequest::new(turn)));
    assert_eq!(report.results[3].output.as_deref(), Ok("work"));
    assert_idle(&world.gate, "after panics");
}

/// Panics when it is dropped.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_tool_that_panics_when_it_is_given_up_takes_no_sibling_with_it() {
    let text = "undeclared = \"read\"\n[tools.hangs]\ntimeout = \"1s\"\n[tools.\"*\"]";
    let (world, inside) = (World::new(text), Arc::<Inside>::default());
    let hangs = Tool::raw("hangs", "", json!({}), |_| async {
        let _brittle = Brittle;
        std::future::pending().await
    });
    let executor = world.executor([hangs, world.sleeper("work", &inside)]);
    let calls = [("a", "hangs", "{}"), ("b", "work", r#"{"ms":100}"#), ("c", "hangs", "{}")];
    let turn = || TurnRequest::new(executor.resolve(&openai(&calls)).unwrap());
    let report = world.run(executor.run_turn(turn()));
    let timed_out = Err(CallError::TimedOut(std::time::Duration::from_secs(1)));
    assert_eq!([&report.results[0].output, &report.results[2].output], [&timed_out, &timed_out]);
    assert_eq!(report.results[1].output, Ok("b".into()));
    let report = world.run(executor.run_turn_until(turn(), world.sleep(500)));
    assert_eq!(report.results[0].output, Err(CallError::Cancelled));
    assert_eq!(report.results[1].output, Ok("b".into()), "what has ended keeps its result");
    assert_idle(&world.gate, "stopped");
    assert_sums(&world.gate, "stopped");
}
