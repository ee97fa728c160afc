use std::time::Duration;

use rampmeter::{
    CallError, CallResult, Degraded, Executor, Registry, Tool, ToolError, TurnRequest,
};
use serde_json::json;

use crate::support::{World, assert_idle, openai, policy};

const POLICY: &str = r#"
    [limits.one]
    concurrency = 1
    [tools.search]
    limits = ["one"]
    access = "read"
    fallback = [{ cache = "5m" }]
"#;

fn tool(answer: Result<&'static str, ToolError>) -> Tool {
    Tool::raw("search", "", json!({}), move |_| {
        let answer = answer.clone().map(str::to_owned);
        async move { answer }
    })
}

/// One call of `search`, in a turn that brings this tool.
fn run(world: &World, executor: &Executor, tool: Tool) -> CallResult {
    let mut own = Registry::new();
    own.add(tool).unwrap();
    let executor = executor.with_registry(own);
    let request = TurnRequest::new(executor.resolve(&openai(&[("1", "search", "{}")])).unwrap());
    let result = world.run(executor.run_turn(request)).results.remove(0);
    assert_idle(&world.gate, "turn over");
    result
}

#[test]
fn what_one_turn_leaves_serves_another_with_tools_of_its_own() {
    let world = World::new(POLICY);
    let executor = world.executor([]);
    assert_eq!(run(&world, &executor, tool(Ok("three hits"))).output.as_deref(), Ok("three hits"));
    let result = run(&world, &executor, tool(Err(ToolError::failed("down"))));
    assert_eq!(result.output.as_deref(), Ok("three hits"));
    assert_eq!(result.degraded, Some(Degraded::Cached(Duration::ZERO)));
    assert!(executor.registry().find("search").is_err(), "it has none of them itself");
}

#[test]
fn another_policy_is_in_force_for_the_turns_that_follow_and_keeps_what_they_left() {
    let world = World::new(POLICY);
    let executor = world.executor([]);
    run(&world, &executor, tool(Ok("three hits")));
    let changed = policy(&POLICY.replace("{ cache = \"5m\" }", "{ value = \"none\" }"));
    let (failed, other) = (tool(Err(ToolError::failed("down"))), executor.with_policy(changed));
    assert_eq!(run(&world, &other, failed.clone()).output.as_deref(), Ok("none"));
    let back = other.with_policy(policy(POLICY));
    assert_eq!(run(&world, &back, failed).output.as_deref(), Ok("three hits"));
}

#[test]
fn a_tool_that_got_no_answer_in_time_has_failed_as_if_its_time_were_over() {
    let world = World::new("[tools.search]\nlimits = []\n");
    let late = tool(Err(ToolError::NoAnswer("no answer within 2 s".into())));
    let result = run(&world, &world.executor([]), late);
    let error = CallError::NoAnswer("no answer within 2 s".into());
    assert_eq!(
        (error.kind(), result.content().as_str()),
        ("timed_out", "error: no answer within 2 s")
    );
    assert_eq!(result.output, Err(error));
}
