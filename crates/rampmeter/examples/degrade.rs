//! A search whose server fails: it is tried again, then served from what is kept, then by another
//! tool, and at last by a fixed answer. Each result says what it is.
//!
//! `cargo run -p rampmeter --example degrade`

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rampmeter::{
    CallResult, Degraded, Executor, Gate, Invocation, Policy, Registry, Tool, ToolError,
    TurnRequest,
};
use serde_json::json;

const POLICY: &str = r#"
    [limits.search]
    concurrency = 4

    [tools.search]
    limits = ["search"]
    access = "read"
    retry = { attempts = 3, base = "1ms", max = "5ms" }
    fallback = [{ cache = "5m" }, { tool = "archive" }, { value = "no search at the moment" }]

    [tools.archive]
    access = "read"
"#;

/// How many of the next requests the server turns down.
type Trouble = Arc<AtomicU32>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse("rampmeter.toml", POLICY)?;
    let trouble = Trouble::default();
    let server = trouble.clone();
    let mut tools = Registry::new();
    tools.add(Tool::raw("search", "Searches the web.", json!({}), move |call| {
        let server = server.clone();
        async move { search(&server, &call) }
    }))?;
    tools.add(Tool::raw("archive", "Searches an old copy.", json!({}), |call| async move {
        match call.arguments.as_str().contains("harbour") {
            true => Ok("an old page on harbours".to_owned()),
            false => Err(ToolError::failed("the archive has nothing")),
        }
    }))?;
    let executor = Executor::new(Gate::new(&policy)?, tools, policy);

    let good = ask(&executor, "bridges").await?;
    assert_eq!((good.attempts.len(), &good.degraded), (0, &None));

    trouble.store(2, Ordering::Relaxed);
    let retried = ask(&executor, "tunnels").await?;
    assert_eq!((retried.attempts.len(), &retried.degraded), (2, &None));

    trouble.store(u32::MAX, Ordering::Relaxed);
    let kept = ask(&executor, "bridges").await?;
    assert!(kept.output == good.output && matches!(kept.degraded, Some(Degraded::Cached(_))));

    let other = ask(&executor, "harbours").await?;
    assert_eq!(other.degraded, Some(Degraded::Tool("archive".into())));

    let fixed = ask(&executor, "locks").await?;
    assert_eq!(fixed.degraded, Some(Degraded::Value));
    Ok(())
}

/// One call of a model, and what came of it.
async fn ask(executor: &Executor, what: &str) -> Result<CallResult, Box<dyn std::error::Error>> {
    let arguments = json!({ "query": what }).to_string();
    let message = json!({"role": "assistant", "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "search", "arguments": arguments}},
    ]});
    let turn = executor.resolve(&message.to_string())?;
    let mut report = executor.run_turn(TurnRequest::new(turn)).await;
    let result = report.results.remove(0);
    let by = result.degraded.as_ref().map_or("its own tool".to_owned(), ToString::to_string);
    println!("{what:10} {} failed before; by {by}: {}", result.attempts.len(), result.content());
    Ok(result)
}

fn search(server: &Trouble, call: &Invocation) -> Result<String, ToolError> {
    let left = server.load(Ordering::Relaxed);
    if left == 0 {
        return Ok(format!("a page for {}", call.arguments.as_str()));
    }
    server.store(left - 1, Ordering::Relaxed);
    let message = "the search has no room".to_owned();
    Err(ToolError::Overloaded { message, retry_after: None, may_have_run: false })
}
