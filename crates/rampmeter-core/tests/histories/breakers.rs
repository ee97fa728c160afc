//! Breakers: where too many of the last calls have failed, no more are sent for a while.

use std::time::Duration;

use rampmeter_core::*;

use super::stage::{Stage, config, on};

const BREAKER: Breaker = Breaker {
    failures_per_mille: 500,
    over: Duration::from_secs(10),
    min_calls: 4,
    open_for: Duration::from_secs(5),
    probes: 2,
    when_open: WhenOpen::Refuse,
};

/// One limit that is nothing but a breaker, and one of slots.
fn stage(breaker: Breaker) -> Stage {
    let mut config = config(&[BudgetConfig::slots(100), BudgetConfig::slots(2)]);
    config.limits[0] = LimitConfig { breaker: Some(breaker), ..LimitConfig::default() };
    Stage::new(config)
}

fn state(stage: &Stage) -> BreakerState {
    stage.engine.snapshot(stage.now).limits[0].instances[0].breaker.unwrap()
}

/// What the breaker has said since the last input began.
fn told(stage: &Stage) -> Vec<BreakerState> {
    let told = stage.out.iter().filter_map(|output| match output {
        Output::Breaker { state, .. } => Some(*state),
        _ => None,
    });
    told.collect()
}

fn ends(stage: &mut Stage, outcomes: &[Outcome]) {
    for outcome in outcomes {
        let call = stage.runs(&on(&[0]));
        stage.end_as(call, *outcome);
    }
}

fn opened(breaker: Breaker) -> Stage {
    let mut stage = stage(breaker);
    ends(&mut stage, &[Outcome::Failed; 4]);
    stage
}

const OPEN: BreakerState = BreakerState::Open(Instant::from_millis(5_000));

#[test]
fn it_opens_once_enough_calls_have_ended_and_so_many_of_them_have_failed() {
    let mut stage = stage(BREAKER);
    ends(&mut stage, &[Outcome::Failed, Outcome::Overloaded, Outcome::Failed]);
    ends(&mut stage, &[Outcome::Cancelled; 9]);
    assert_eq!(state(&stage), BreakerState::Closed, "three are too few, and cancelled is no end");
    ends(&mut stage, &[Outcome::Succeeded]);
    assert_eq!((state(&stage), told(&stage)), (OPEN, vec![OPEN]), "three of four");
    let open = Refusal {
        reason: Reason::Open,
        limit: Some(LimitId(0)),
        retry: Retry::At(Instant::from_millis(5_000)),
    };
    assert_eq!(stage.refused(&on(&[0])), open);
    assert_eq!(stage.tries(&on(&[0, 1])), Decision::Refused(open));
    stage.runs(&on(&[1]));
}

#[test]
fn below_the_share_it_stays_closed_and_what_is_long_past_does_not_count() {
    let mut stage = stage(BREAKER);
    ends(&mut stage, &[Outcome::Succeeded; 4]);
    ends(&mut stage, &[Outcome::Failed; 3]);
    assert_eq!(state(&stage), BreakerState::Closed, "three of seven");
    stage.at(10_000);
    ends(&mut stage, &[Outcome::Failed; 3]);
    assert_eq!(state(&stage), BreakerState::Closed, "three, and those before are past");
    stage.at(18_999);
    ends(&mut stage, &[Outcome::Succeeded]);
    assert!(matches!(state(&stage), BreakerState::Open(_)), "three of four within nine seconds");
}

#[test]
fn half_open_it_lets_so_many_probes_out_and_closes_when_they_have_all_succeeded() {
    let mut stage = opened(BREAKER);
    stage.at(4_999);
    assert_eq!(stage.refused(&on(&[0])).reason, Reason::Open);
    stage.at(5_000);
    assert_eq!(state(&stage), BreakerState::HalfOpen);
    let first = stage.runs(&on(&[0]));
    assert_eq!(told(&stage), [BreakerState::HalfOpen]);
    let second = stage.runs(&on(&[0]));
    assert_eq!(told(&stage), []);
    let third = stage.waits(&on(&[0]));
    assert_eq!(stage.explain(third).waits_for, WaitsFor::Release);
    assert_eq!(stage.end_as(first, Outcome::Cancelled), [third], "one was given up");
    let more = [stage.waits(&on(&[0])), stage.waits(&on(&[0]))];
    assert_eq!(stage.end(second), [], "one has succeeded and one is out");
    assert_eq!(stage.end(third), more);
    assert_eq!((state(&stage), told(&stage)), (BreakerState::Closed, vec![BreakerState::Closed]));
    for call in more {
        stage.end_as(call, Outcome::Failed);
    }
    assert_eq!(state(&stage), BreakerState::Closed, "it has seen nothing but these two");
}

#[test]
fn the_first_failure_of_a_probe_opens_it_again() {
    let mut stage = opened(BREAKER);
    stage.at(5_000);
    let probes = [stage.runs(&on(&[0])), stage.runs(&on(&[0]))];
    stage.at(6_000);
    stage.end_as(probes[0], Outcome::Overloaded);
    let open = BreakerState::Open(Instant::from_millis(11_000));
    assert_eq!(told(&stage), [open]);
    stage.at(11_000);
    stage.end_as(probes[1], Outcome::Failed);
    assert_eq!(state(&stage), BreakerState::HalfOpen, "that one was a probe of before");
    let probes = [stage.runs(&on(&[0])), stage.runs(&on(&[0]))];
    for call in probes {
        stage.end(call);
    }
    assert_eq!(state(&stage), BreakerState::Closed);
}

#[test]
fn calls_that_were_out_when_it_opened_neither_close_it_nor_open_it_again() {
    let mut stage = stage(BREAKER);
    let old: Vec<_> = (0..8).map(|_| stage.runs(&on(&[0]))).collect();
    stage.at(1_000);
    for call in &old[..4] {
        stage.end_as(*call, Outcome::Failed);
    }
    stage.at(6_000);
    let probes = [stage.runs(&on(&[0])), stage.runs(&on(&[0]))];
    for call in &old[4..6] {
        stage.end_as(*call, Outcome::Failed);
    }
    assert_eq!(state(&stage), BreakerState::HalfOpen);
    for call in probes {
        stage.end(call);
    }
    stage.at(6_500);
    for call in &old[6..] {
        stage.end_as(*call, Outcome::Failed);
    }
    ends(&mut stage, &[Outcome::Failed; 3]);
    assert_eq!(state(&stage), BreakerState::Closed, "three of those that started since");
}

#[test]
fn those_that_waited_already_wait_on_and_are_told_until_when() {
    let mut stage = stage(BREAKER);
    let held = [stage.runs(&on(&[1])), stage.runs(&on(&[1]))];
    let waits = stage.waits(&on(&[0, 1]));
    let short = stage.waits(&on(&[0, 1]).may_wait(3_000).flow(2));
    ends(&mut stage, &[Outcome::Failed; 4]);
    for call in held {
        assert_eq!(stage.end(call), []);
    }
    let explained = stage.explain(waits);
    let until = WaitsFor::Until(Instant::from_millis(5_000));
    assert_eq!((explained.limit, explained.waits_for), (LimitId(0), until));
    assert_eq!(stage.at(4_999), []);
    assert_eq!(stage.refusals(), [(short, Reason::QueueTimeout)]);
    let others = [stage.runs(&on(&[1]).flow(3)), stage.runs(&on(&[1]).flow(3))];
    stage.end(others[0]);
    assert_eq!(stage.at(5_000), [waits], "the probe");
}

#[test]
fn while_it_is_open_a_claim_that_needs_it_withholds_nothing() {
    let mut stage = stage(Breaker { when_open: WhenOpen::Wait, ..BREAKER });
    let held = stage.runs(&on(&[1]));
    let heavy = stage.waits(&on(&[0]).and(1, 2));
    let light = stage.waits(&on(&[1]).flow(2));
    let failing = [9; 4].map(|flow| stage.runs(&on(&[0]).flow(flow)));
    for call in &failing[..3] {
        assert_eq!(stage.end_as(*call, Outcome::Failed), [], "the last slot is claimed");
    }
    assert_eq!(stage.end_as(failing[3], Outcome::Failed), [light]);
    assert_eq!(stage.end(held), []);
    stage.at(4_000);
    assert_eq!(stage.end(light), []);
    assert_eq!(stage.at(5_000), [heavy]);
}

#[test]
fn a_policy_may_let_new_calls_wait_for_it() {
    let mut stage = opened(Breaker { when_open: WhenOpen::Wait, ..BREAKER });
    let waits = [1, 2, 3].map(|flow| stage.waits(&on(&[0]).flow(flow)));
    assert_eq!(stage.refused(&on(&[0]).may_wait(4_000)).reason, Reason::QueueTimeout);
    assert_eq!(stage.at(5_000), waits[..2]);
    assert_eq!(stage.end(waits[0]), []);
    assert_eq!(stage.end(waits[1]), waits[2..]);
}

#[test]
fn a_call_that_a_probe_makes_never_waits_for_its_own_caller() {
    let mut stage = opened(Breaker { probes: 1, ..BREAKER });
    stage.at(5_000);
    let probe = stage.runs(&on(&[0]));
    let refusal = stage.refused(&on(&[0]).made_by(probe));
    assert_eq!((refusal.reason, refusal.retry), (Reason::Open, Retry::OnRelease));
    stage.end(probe);
    let parent = stage.runs(&on(&[0]));
    let child = stage.runs(&on(&[0]).made_by(parent));
    stage.end(child);
}

#[test]
fn each_value_of_a_label_has_a_breaker_of_its_own() {
    let mut config = config(&[BudgetConfig::slots(100)]);
    config.limits[0] = LimitConfig {
        breaker: Some(BREAKER),
        per: Some(LabelId(0)),
        max_instances: 2,
        ..LimitConfig::default()
    };
    let mut stage = Stage::new(config);
    for _ in 0..4 {
        let call = stage.runs(&on(&[0]).label("a"));
        stage.end_as(call, Outcome::Failed);
    }
    assert_eq!(stage.refused(&on(&[0]).label("a")).reason, Reason::Open);
    let call = stage.runs(&on(&[0]).label("b"));
    stage.end(call);
    assert_eq!(stage.refused(&on(&[0]).label("c")).reason, Reason::TooManyInstances);
    stage.at(100_000);
    let call = stage.runs(&on(&[0]).label("c"));
    stage.end(call);
    let call = stage.runs(&on(&[0]).label("a"));
    stage.end(call);
}

#[test]
fn other_figures_keep_its_state_and_without_any_it_is_gone() {
    let mut stage = opened(BREAKER);
    let limit = |breaker| LimitConfig {
        breaker,
        budgets: vec![BudgetConfig::slots(3)],
        ..LimitConfig::default()
    };
    let longer = Breaker { open_for: Duration::from_secs(50), ..BREAKER };
    stage.edit(vec![Edit::Replace(LimitId(0), limit(Some(longer)))]);
    assert_eq!(state(&stage), OPEN);
    stage.edit(vec![Edit::Replace(LimitId(0), limit(None))]);
    assert_eq!(told(&stage), [BreakerState::Closed]);
    let old = stage.runs(&on(&[0]));
    stage.at(1_000);
    stage.edit(vec![Edit::Replace(LimitId(0), limit(Some(BREAKER)))]);
    stage.end_as(old, Outcome::Failed);
    ends(&mut stage, &[Outcome::Failed; 4]);
    assert_eq!(stage.refused(&on(&[0])).reason, Reason::Open);
    stage.edit(vec![Edit::Remove(LimitId(0))]);
    stage.runs(&on(&[1]));
}

#[test]
fn figures_that_mean_nothing_are_refused() {
    let with = |breaker| {
        let limit = LimitConfig { breaker: Some(breaker), ..LimitConfig::default() };
        Engine::new(Config { limits: vec![limit], ..Config::default() }).is_ok()
    };
    assert!(with(BREAKER));
    assert!(!with(Breaker { failures_per_mille: 0, ..BREAKER }));
    assert!(!with(Breaker { failures_per_mille: 1_001, ..BREAKER }));
    assert!(!with(Breaker { min_calls: 0, ..BREAKER }));
    assert!(!with(Breaker { probes: 0, ..BREAKER }));
    assert!(!with(Breaker { over: Duration::ZERO, ..BREAKER }));
    assert!(!with(Breaker { open_for: Duration::ZERO, ..BREAKER }));
}

#[test]
fn one_that_needs_fewer_probes_than_have_succeeded_is_closed() {
    let mut stage = opened(BREAKER);
    stage.at(5_000);
    let probe = stage.runs(&on(&[0]));
    stage.end(probe);
    assert_eq!(state(&stage), BreakerState::HalfOpen, "one of two");
    let fewer =
        LimitConfig { breaker: Some(Breaker { probes: 1, ..BREAKER }), ..LimitConfig::default() };
    stage.edit(vec![Edit::Replace(LimitId(0), fewer)]);
    assert_eq!(state(&stage), BreakerState::Closed);
    stage.runs(&on(&[0]));
}
