//! Memory does not grow with the calls that have been, however they ended. A binary of its own, since
//! its allocator counts for all that is in it.

// These tests are a crate of their own, in which clippy does not see all of it as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../benches/support/allocations.rs"]
#[allow(dead_code)]
mod allocations;
#[path = "behaviours/support/seed.rs"]
#[allow(dead_code)]
mod seed;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use rampmeter::runtime::{Runtime, VirtualTime};
use rampmeter::{Executor, Gate, Policy, Registry, Tool, TurnRequest};
use seed::Rng;

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const POLICY: &str = r#"
    undeclared = "read"
    [limits.l]
    concurrency = 8
    [tools.work]
    limits = ["l"]
    writes = ["key:{key}"]
    timeout = "100ms"
    grace = "50ms"
    on_abandon = "free"
"#;

/// Calls that answer, hang, or hand their work to a task that ignores their end.
fn tool(time: &VirtualTime) -> Tool {
    let time = time.clone();
    Tool::raw("work", "", serde_json::json!({}), move |call| {
        let time = time.clone();
        async move {
            let arguments: serde_json::Value = call.arguments.parse().unwrap();
            let after = |millis| time.now().saturating_add(Duration::from_millis(millis));
            match arguments["kind"].as_u64().unwrap() {
                0 => std::future::pending::<()>().await,
                1 => {
                    let (hold, own, until) = (call.work.hold(), time.clone(), after(900));
                    time.spawn(Box::pin(async move {
                        own.sleep_until(until).await;
                        hold.finish();
                    }));
                    std::future::pending::<()>().await;
                }
                _ => time.sleep_until(after(5)).await,
            }
            Ok(String::new())
        }
    })
}

/// Bytes in use after each of so many rounds of a thousand calls.
fn bytes_after_rounds(rounds: u64) -> Vec<u64> {
    let (time, policy) = (VirtualTime::new(), Policy::parse("p", POLICY).unwrap());
    let gate = Gate::with_runtime(&policy, Arc::new(time.clone())).unwrap();
    let mut registry = Registry::new();
    registry.add(tool(&time)).unwrap();
    let executor = Executor::new(gate, registry, policy);
    let round = |number: u64| {
        for turn in 0..125 {
            let (executor, time) = (executor.clone(), time.clone());
            let mut rng = Rng::new(number * 1_000 + turn);
            time.clone().spawn(Box::pin(async move {
                let calls = (0..8).map(|id| {
                    let arguments = format!(r#"{{"kind":{},"key":{}}}"#, rng.below(10), rng.next());
                    serde_json::json!({"id": id.to_string(), "type": "function",
                        "function": {"name": "work", "arguments": arguments}})
                });
                let calls: Vec<_> = calls.collect();
                let text = serde_json::json!({"role": "assistant", "tool_calls": calls});
                let turn = TurnRequest::new(executor.resolve(&text.to_string()).unwrap());
                let patience = if rng.percent(20) { rng.below(300) } else { 100_000 };
                let until = time.now().saturating_add(Duration::from_millis(patience));
                select(pin!(executor.run_turn(turn)), pin!(time.sleep_until(until))).await;
            }));
        }
        // Past the last time-out, so that no timer of this round is left.
        let end = time.now().saturating_add(Duration::from_secs(600));
        time.block_on(time.sleep_until(end)).unwrap();
        time.block_on(executor.gate().at_rest()).unwrap();
        assert_eq!(executor.gate().abandoned().now, 0);
        allocations::bytes()
    };
    (0..rounds).map(round).collect()
}

#[test]
fn ten_thousand_calls_that_answer_hang_or_go_on_leave_as_many_bytes_as_two_thousand() {
    let bytes = bytes_after_rounds(10);
    // Buffers may still find their size in the first rounds.
    println!("bytes after each round: {bytes:?}");
    let (early, late) = (bytes[1], *bytes[2..].iter().max().unwrap());
    assert!(late <= early + 16 * 1024, "{bytes:?}");
}
