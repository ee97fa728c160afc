//! The quickstart in virtual time: the same every time, in no time, judged by the providers' own
//! logs.

use std::path::Path;
use std::sync::Arc;

use rampmeter::policy::Policy;
use rampmeter::runtime::{Runtime, VirtualTime};
use rampmeter::{StateBag, Status, TurnReport};
use tokio::sync::watch;

use super::drive::{self, Driven, Listener};
use super::fields::Fields;
use super::source::{self, BrokenLine};
use super::summary::{self, Summary};
use super::{Regime, build::Tools, prepare};

struct Quiet;

impl Listener for Quiet {
    fn broken(&mut self, line: &BrokenLine) {
        panic!("{line:?}");
    }

    fn turn(&mut self, _: u64, _: &TurnReport) {}
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart")
}

/// Runs the quickstart; returns what came of it and the tools with their logs.
fn play(regime: Regime) -> (Driven, Tools, Summary) {
    let policy = Policy::load(&example().join("rampmeter.toml")).unwrap();
    let clock = VirtualTime::new();
    let runtime: Arc<dyn Runtime> = Arc::new(clock.clone());
    let (executor, tools) = prepare(&policy, regime, &runtime, 0).unwrap();
    let fields = Fields::of_policy(&policy);
    let lines = source::lines(&example().join("turns.jsonl"), fields).unwrap();
    let (_sender, stop) = watch::channel(false);
    let at_once = policy.run.turns_at_once as usize;
    let start_ns = tools.clock.now_ns();
    let bag = StateBag::default();
    let driven =
        clock.block_on(drive::drive(&executor, &bag, lines, None, at_once, &stop, &mut Quiet));
    let driven = driven.expect("a run that hangs has lost a call");
    let gate = executor.gate();
    let summary = summary::sum_up(&policy, regime.name(), &driven, &tools, gate, start_ns);
    (driven, tools, summary)
}

fn throttled_in_logs(tools: &Tools) -> usize {
    let logs = tools.providers.iter().flat_map(|provider| provider.log());
    logs.filter(|request| !request.accepted).count()
}

#[test]
fn under_the_policy_no_call_is_throttled_and_without_limits_many_are() {
    let (_, limited, summary) = play(Regime::Limited);
    assert_eq!(throttled_in_logs(&limited), 0);
    assert_eq!((summary.throttled, summary.refused), (0, 0));
    let (_, unlimited, summary) = play(Regime::Unlimited);
    assert!(throttled_in_logs(&unlimited) >= 60);
    assert_eq!(summary.throttled, throttled_in_logs(&unlimited) as u64);
}

#[test]
fn every_peak_is_within_its_limit_by_both_counts_and_is_not_without() {
    let policy = Policy::load(&example().join("rampmeter.toml")).unwrap();
    let (.., limited) = play(Regime::Limited);
    let (.., unlimited) = play(Regime::Unlimited);
    for limit in &policy.limits {
        let size = limit.concurrency.unwrap();
        let count = |run: &Summary, key: &str| run.limits[&limit.name]["concurrency"][key].as_u64();
        let inside = count(&limited, "peak_in_tools").unwrap();
        assert_eq!(count(&limited, "peak"), Some(inside), "{}", limit.name);
        assert!(inside <= size, "{}: {inside} of {size}", limit.name);
        assert!(count(&unlimited, "peak_in_tools").unwrap() > size, "{}", limit.name);
    }
}

#[test]
fn people_wait_little_while_the_batch_waits_its_turn_and_the_quotas_are_used() {
    let (driven, _, summary) = play(Regime::Limited);
    let waits = |priority: &str| summary.priorities[priority].wait_ms;
    assert!(waits("critical").p95 < waits("low").p50);
    assert!(waits("high").p95 < waits("low").p50);
    let best = summary.quotas_allow_ms.unwrap();
    assert!(summary.elapsed_ms <= 1.25 * best, "{} of {best} ms", summary.elapsed_ms);
    assert!(summary.turns >= 60 && summary.calls >= 300 && summary.tools.len() >= 8);
    assert!(summary.flows.len() >= 4 && summary.priorities.len() == 4);
    let failed = driven.calls.iter().filter(|call| call.status == Status::Failed).count() as u64;
    assert_eq!(summary.succeeded + failed, summary.calls);
}

#[test]
fn the_same_run_twice_is_the_same_to_the_nanosecond() {
    let told = |(driven, ..): (Driven, Tools, Summary)| format!("{driven:?}");
    assert_eq!(told(play(Regime::Limited)), told(play(Regime::Limited)));
}
