//! Functions that block, on real threads. What is waited for is a state, never a span of time.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use rampmeter::{
    Abandoned, Call, CallError, EventKind, Executor, Gate, Registry, Tool, ToolError, TurnRequest,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{assert_idle, assert_sums, openai, policy};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

const POLICY: &str = "undeclared = \"read\"\n[limits.one]\nconcurrency = 1\n[tools.work]\n\
    limits = [\"one\"]\ngrace = \"10ms\"";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

fn executor(tool: Tool, policy_text: &str) -> Executor {
    let policy = policy(policy_text);
    let mut registry = Registry::new();
    registry.add(tool).unwrap();
    Executor::new(Gate::new(&policy).unwrap(), registry, policy)
}

async fn run(executor: &Executor) -> Result<String, CallError> {
    let turn = executor.resolve(&openai(&[("a", "work", "{}")])).unwrap();
    executor.run_turn(TurnRequest::new(turn)).await.results.remove(0).output
}

/// Runs a call until its function has begun, and then gives it up.
async fn give_up(executor: &Executor, begun: &mut UnboundedReceiver<()>) {
    tokio::select! {
        result = run(executor) => panic!("nobody ended it: {result:?}"),
        begun = begun.recv() => begun.unwrap(),
    }
}

#[test]
fn a_function_that_looks_at_its_hold_ends_when_its_call_is_given_up() {
    let (begins, mut begun) = unbounded_channel();
    let tool = Tool::blocking("work", "", move |_: Nothing, hold| {
        begins.send(()).unwrap();
        while !hold.is_cancelled() {
            std::thread::yield_now();
        }
        Ok("nobody hears this")
    });
    let executor = executor(tool, POLICY);
    runtime().block_on(async {
        give_up(&executor, &mut begun).await;
        executor.gate().at_rest().await;
    });
    assert_idle(executor.gate(), "at rest");
    assert_sums(executor.gate(), "at rest");
    assert_eq!(executor.gate().counters().of(EventKind::Late), 1);
}

#[test]
fn a_function_that_does_not_keeps_its_slot_until_it_ends_and_is_counted_as_abandoned() {
    let (begins, mut begun) = unbounded_channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let tool = Tool::blocking("work", "", move |_: Nothing, _| {
        begins.send(()).unwrap();
        // Until the sender is gone.
        let _ = released.lock().unwrap().recv();
        Ok("late")
    });
    let executor = executor(tool, POLICY);
    let gate = executor.gate();
    let mut events = gate.subscribe(100);
    runtime().block_on(async {
        give_up(&executor, &mut begun).await;
        assert!(gate.try_admit(Call::new("work")).is_err(), "it holds the only slot");
        while events.next().await.unwrap().kind != EventKind::Abandoned {}
        assert_eq!(gate.abandoned(), Abandoned { now: 1, peak: 1 });
        assert!(gate.try_admit(Call::new("work")).is_err(), "it still does");
        drop(release);
        gate.at_rest().await;
    });
    assert_idle(gate, "at rest");
    assert_eq!(gate.abandoned(), Abandoned { now: 0, peak: 1 });
    assert_eq!(gate.counters().of(EventKind::Late), 1);
}

#[test]
fn answers_errors_and_panics_of_a_function_are_those_of_its_call() {
    let text = "undeclared = \"read\"";
    let runtime = runtime();
    let ok = executor(Tool::blocking("work", "", |_: Nothing, _| Ok(42)), text);
    assert_eq!(runtime.block_on(run(&ok)), Ok("42".to_owned()));
    let wrong = Tool::blocking("work", "", |_: Nothing, _| Err::<u8, _>(ToolError::failed("no")));
    let wrong = executor(wrong, text);
    assert_eq!(runtime.block_on(run(&wrong)), Err(CallError::Failed("no".into())));
    let tool = Tool::blocking("work", "", |_: Nothing, _| -> Result<u8, _> { panic!("ouch") });
    let panics = executor(tool, text);
    assert_eq!(runtime.block_on(run(&panics)), Err(CallError::Panicked("ouch".into())));
    for executor in [ok, wrong, panics] {
        assert_idle(executor.gate(), "over");
        assert_eq!(executor.gate().counters().of(EventKind::Late), 0);
    }
}

#[test]
fn calls_that_a_function_makes_are_nested_under_its_own() {
    let policy = policy(
        "undeclared = \"read\"\n[limits.one]\nconcurrency = 1\n[tools.\"*\"]\nlimits = [\"one\"]",
    );
    let gate = Gate::new(&policy).unwrap();
    let own = gate.clone();
    let tool = Tool::blocking("work", "", move |_: Nothing, _| {
        // The only slot is its own: it is lent.
        own.try_admit(Call::new("inner")).map(drop).map_err(ToolError::failed)?;
        Ok("nested")
    });
    let mut registry = Registry::new();
    registry.add(tool).unwrap();
    let executor = Executor::new(gate, registry, policy);
    assert_eq!(runtime().block_on(run(&executor)), Ok("nested".to_owned()));
}
