//! A tool that calls a tool, on a limit of one slot: the caller lends its slot while it waits.
//! Two calls that would wait for each other are told so at once, by name.
//!
//! `cargo run -p rampmeter --example nested_tools`

#![allow(clippy::print_stdout)]

use rampmeter::{Call, Executor, Gate, Outcome, Policy, Registry, Tool, ToolError, TurnRequest};
use serde_json::json;

const POLICY: &str = r#"
    [limits.browser]
    concurrency = 1
    [limits.index]
    concurrency = 1
    [tools.research]
    limits = ["browser"]
    [tools.fetch]
    limits = ["browser"]
    [tools.lookup]
    limits = ["index"]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse("rampmeter.toml", POLICY)?;
    let gate = Gate::new(&policy)?;

    let inner = gate.clone();
    let research = Tool::raw("research", "Fetches two pages.", json!({}), move |_| {
        let gate = inner.clone();
        async move {
            for page in ["one", "two"] {
                // Nested without a word: the tool runs in its call's scope.
                let permit = gate.admit("fetch").await.map_err(ToolError::failed)?;
                println!("fetching page {page} on the slot that research lends");
                permit.finish(Outcome::Succeeded);
            }
            Ok("two pages".into())
        }
    });
    let mut tools = Registry::new();
    tools.add(research)?;
    let executor = Executor::new(gate.clone(), tools, policy);
    let answer = r#"{"role": "assistant", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "research", "arguments": "{}"}}]}"#;
    let report = executor.run_turn(TurnRequest::new(executor.resolve(answer)?)).await;
    println!("research answered: {}", report.results[0].content());

    // Each holds what the other's call needs.
    let (fetch, lookup) = (gate.try_admit("fetch")?, gate.try_admit("lookup")?);
    let waits = gate.admit(Call::new("lookup").parent(&fetch));
    let refused = async { gate.admit(Call::new("fetch").parent(&lookup)).await.err() };
    tokio::select! {
        biased;
        _ = waits => println!("cannot be: lookup is still held"),
        Some(refusal) = refused => println!("{refusal}"),
    }
    Ok(())
}
