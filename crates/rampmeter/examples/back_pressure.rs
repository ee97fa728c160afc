//! A producer far faster than its tools: turns are pulled as fast as calls are admitted, and what
//! is pulled and not answered stays bounded.
//!
//! `cargo run -p rampmeter --example back_pressure`

#![allow(clippy::print_stdout)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use rampmeter::{
    Executor, Gate, Policy, PressureLevel, Registry, StreamOptions, Tool, TurnRequest,
};
use serde_json::json;

const POLICY: &str = r#"
    [pressure]
    when_severe = ["shorten", "refuse"]
    [limits.search]
    concurrency = 4
    [tools.search]
    limits = ["search"]
    access = "read"
"#;
const TURNS: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::parse("rampmeter.toml", POLICY)?;
    let gate = Gate::new(&policy)?;
    let search = Tool::raw("search", "Takes two milliseconds.", json!({}), |_| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok("found".into())
    });
    let mut tools = Registry::new();
    tools.add(search)?;
    let executor = Executor::new(gate.clone(), tools, policy);

    // What the model writes costs nothing here: all 200 turns could be had at once.
    let answer = r#"{"role": "assistant", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "search", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "search", "arguments": "{}"}}]}"#;
    let turn = TurnRequest::new(executor.resolve(answer)?);
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = pulled.clone();
    let turns = stream::iter((0..TURNS).map(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        turn.clone()
    }));

    let options = StreamOptions { turns_at_once: 8, calls_waiting: 10 };
    let mut reports = pin!(executor.stream(turns, options));
    let (mut answered, mut most) = (0, 0);
    while let Some(report) = reports.next().await {
        most = most.max(pulled.load(Ordering::SeqCst) - answered);
        answered += 1;
        assert!(report.results.iter().all(|result| result.output.is_ok()));
    }
    println!("{answered} turns answered; at most {most} were pulled and not answered");
    assert_eq!((answered, most <= 8), (TURNS, true));
    assert_eq!(gate.pressure().level, PressureLevel::Normal);

    // Who asks for calls one by one waits for the gate instead.
    gate.ready().await;
    drop(gate.admit("search").await?);
    Ok(())
}
