//! Twenty calls of one turn count up one number and collect what they found: nothing is lost, and
//! what is collected is in the model's order. Then two calls write over each other, which one of
//! them is told.
//!
//! `cargo run -p rampmeter --example shared_state`

#![allow(clippy::print_stdout)]

use rampmeter::state_bag::BagRules;
use rampmeter::{
    Access, BagError, CallError, Executor, Gate, Policy, Registry, StateBag, Tool, ToolError,
    TurnReport, TurnRequest,
};
use serde_json::json;

const POLICY: &str = r#"
    [tools.search]
    output = "found"
    [state]
    found = "append"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse("rampmeter.toml", POLICY)?;
    let bag = StateBag::new(BagRules::of(&policy))?;

    let search = Tool::raw("search", "Finds a page.", json!({}), |call| async move {
        let state = call.state.ok_or_else(|| ToolError::failed("the turn has no bag"))?;
        tokio::task::yield_now().await;
        state.add("searches", 1)?;
        Ok(json!({ "page": &*call.id }).to_string())
    });
    let plan = Tool::raw("plan", "Makes a plan.", json!({}), |call| async move {
        let state = call.state.ok_or_else(|| ToolError::failed("the turn has no bag"))?;
        let so_far: Option<String> = state.get("plan")?;
        tokio::task::yield_now().await;
        state.set("plan", format!("{}{}", so_far.unwrap_or_default(), call.id))?;
        Ok(String::new())
    });
    let mut tools = Registry::new();
    tools.add(search.access(Access::Read))?;
    tools.add(plan.access(Access::Read))?;
    let executor = Executor::new(Gate::new(&policy)?, tools, policy);

    let report = run(&executor, &bag, "search", 20).await?;
    assert!(report.results.iter().all(|it| it.output.is_ok()));
    assert_eq!(bag.get::<u64>("searches")?, Some(20));
    let found: Vec<serde_json::Value> = bag.get("found")?.unwrap_or_default();
    assert_eq!((found.len(), &found[19]), (20, &json!({"page": "call-19"})));
    println!("{} searches, found from {} to {}", found.len(), found[0], found[19]);

    let report = run(&executor, &bag, "plan", 2).await?;
    let conflict = report.results.iter().find_map(|it| match &it.output {
        Err(CallError::State(BagError::Conflict(conflict))) => Some(conflict),
        _ => None,
    });
    println!("{}", conflict.ok_or("one of the two was not told")?);
    Ok(())
}

/// A turn of `count` calls.
async fn run(
    executor: &Executor,
    bag: &StateBag,
    tool: &str,
    count: usize,
) -> Result<TurnReport, Box<dyn std::error::Error>> {
    let calls: Vec<_> = (0..count)
        .map(|at| {
            json!({"id": format!("call-{at}"), "type": "function",
                "function": {"name": tool, "arguments": "{}"}})
        })
        .collect();
    let answer = json!({"role": "assistant", "tool_calls": calls}).to_string();
    let turn = executor.resolve(&answer)?;
    Ok(executor.run_turn(TurnRequest::new(turn).state(bag)).await)
}
