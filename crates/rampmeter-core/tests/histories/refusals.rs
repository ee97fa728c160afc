//! What a call that cannot start now is told, and what may be asked of an engine in one go.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, config, on, rate, tokens};

fn would_wait(decision: Decision) -> (Option<LimitId>, Retry) {
    match decision {
        Decision::Refused(Refusal { reason: Reason::WouldWait, limit, retry }) => (limit, retry),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_that_does_not_want_to_wait_is_told_where_and_when_to_come_back() {
    let mut stage = Stage::of(&[slots(1), rate(1, 10_000, SLIDING), slots(1)]);
    stage.runs(&on(&[0]));
    stage.runs(&on(&[1]));
    stage.edit(vec![Edit::Pause(LimitId(2))]);
    let moment = Retry::At(Instant::from_millis(10_000));
    for (limits, at, retry) in [
        (vec![0], 0, Retry::OnRelease),
        (vec![1], 1, moment),
        (vec![2], 2, Retry::OnResume),
        (vec![1, 0], 1, moment),
        (vec![2, 1], 1, moment),
    ] {
        let told = would_wait(stage.tries(&on(&limits)));
        assert_eq!(told, (Some(LimitId(at)), retry), "{limits:?}");
    }
    assert_eq!(stage.engine.waiting(), 0);
    stage.edit(vec![Edit::Resume(LimitId(2))]);
    assert!(matches!(stage.tries(&on(&[2])), Decision::Granted(_)));
}

#[test]
fn a_call_of_several_budgets_is_told_the_moment_when_the_last_of_them_is_ready() {
    let mut config = config(&[rate(1, 10_000, SLIDING)]);
    config.limits[0].budgets.push(tokens(10, 30_000, SLIDING));
    config.limits[0].budgets.push(slots(1));
    let mut stage = Stage::new(config);
    let id = stage.runs(&on(&[0]).tokens(10));
    let told = would_wait(stage.tries(&on(&[0]).tokens(1)));
    assert_eq!(told.1, Retry::At(Instant::from_millis(30_000)));
    let told = would_wait(stage.tries(&on(&[0])));
    assert_eq!(told.1, Retry::At(Instant::from_millis(10_000)));
    stage.at(10_000);
    assert_eq!(would_wait(stage.tries(&on(&[0]))).1, Retry::OnRelease);
    stage.end(id);
    assert!(matches!(stage.tries(&on(&[0])), Decision::Granted(_)));
}

#[test]
fn a_call_comes_too_late_at_its_deadline_and_not_before() {
    let mut stage = Stage::of(&[slots(1)]);
    stage.at(1_000);
    let refusal = stage.refused(&on(&[0]).until(1_000));
    assert_eq!((refusal.reason, refusal.retry), (Reason::Deadline, Retry::Never));
    let holds = stage.runs(&on(&[0]).until(1_001));
    let waits = stage.waits(&on(&[0]).until(2_000));
    let shorter = stage.waits(&on(&[0]).until(3_000).may_wait(500).tool(1));
    assert_eq!(stage.at(1_499), []);
    assert_eq!(stage.refusals(), []);
    stage.at(1_500);
    assert_eq!(stage.refusals(), [(shorter, Reason::QueueTimeout)]);
    stage.at(1_999);
    assert_eq!(stage.refusals(), []);
    stage.at(2_000);
    assert_eq!(stage.refusals(), [(waits, Reason::Deadline)]);
    assert_eq!(stage.end(holds), []);
}

#[test]
fn what_asks_for_more_than_its_priority_ever_gets_is_refused_for_good() {
    let reserved = vec![(Priority(0), 2), (Priority(1), 1)];
    let mut stage = Stage::of(&[BudgetConfig::Concurrency { size: 5, reserved, lend: true }]);
    let never = (Reason::TooLarge, Retry::Never);
    for (priority, most) in [(0, 5), (1, 3), (2, 3)] {
        let refusal = stage.refused(&on(&[0]).weight(most + 1).priority(priority));
        assert_eq!((refusal.reason, refusal.retry), never);
        let id = stage.runs(&on(&[0]).weight(most).priority(priority));
        stage.end(id);
    }
}

/// It is the turn of a low call, for which only what is reserved is free.
#[test]
fn a_reserved_slot_goes_to_those_it_is_kept_for_though_it_is_anothers_turn() {
    let reserved = vec![(Priority(0), 1)];
    let mut stage = Stage::of(&[BudgetConfig::Concurrency { size: 3, reserved, lend: true }]);
    let low = on(&[0]).priority(2);
    let all = stage.runs(&on(&[0]).weight(3).tool(1));
    let critical = stage.waits(&on(&[0]).tool(1));
    let lows = [(); 3].map(|()| stage.waits(&low));
    stage.at(1_000);
    assert_eq!(stage.end(all), [critical, lows[0], lows[1]]);
    let next = stage.waits(&on(&[0]).tool(1));
    stage.at(1_000_000);
    // It took so long that its class has had more than its share by far.
    assert_eq!(stage.end(critical), [next]);
    assert_eq!(stage.end(next), []);
    assert_eq!(stage.end(lows[0]), [lows[2]]);
}

#[test]
fn a_call_that_takes_nothing_of_what_others_wait_for_does_not_wait() {
    let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
    for kind in [SLIDING, RateKind::Bucket { burst: 10 }, calendar] {
        let mut stage = Stage::of(&[tokens(10, 10_000, kind), slots(1)]);
        stage.runs(&on(&[0]).tokens(10));
        let waits = stage.waits(&on(&[0]).tokens(10));
        stage.runs(&on(&[0]).flow(2));
        assert!(matches!(stage.tries(&on(&[0])), Decision::Granted(_)));
        let holds = stage.runs(&on(&[0, 1]));
        // Nor does it when it comes from elsewhere.
        let elsewhere = stage.waits(&on(&[1, 0]));
        assert_eq!(stage.end(holds), [elsewhere]);
        assert_eq!(stage.at(9_999), []);
        assert_eq!(stage.at(10_000), [waits]);
    }
}

#[test]
fn a_call_is_told_the_moment_when_just_enough_has_left_the_window() {
    let mut stage = Stage::of(&[tokens(10, 10_000, SLIDING)]);
    for (at, taken) in [(0, 1), (1_000, 6), (2_000, 2)] {
        stage.at(at);
        stage.runs(&on(&[0]).tokens(taken));
    }
    for (wants, at) in [(2, 10_000), (3, 11_000), (8, 11_000), (9, 12_000), (10, 12_000)] {
        let told = would_wait(stage.tries(&on(&[0]).tokens(wants)));
        assert_eq!(told.1, Retry::At(Instant::from_millis(at)), "{wants}");
    }
    assert!(matches!(stage.tries(&on(&[0]).tokens(1)), Decision::Granted(_)));
}

#[test]
fn what_is_more_than_one_input_may_do_is_carried_on_at_once() {
    let mut stage = Stage::of(&[slots(1_000), slots(1)]);
    stage.edit(vec![Edit::Pause(LimitId(0))]);
    let waits: Vec<_> = (0..700).map(|flow| stage.waits(&on(&[0]).flow(flow))).collect();
    let mut started = stage.edit(vec![Edit::Resume(LimitId(0))]);
    assert!((100..700).contains(&started.len()), "{} start in one go", started.len());
    assert!(stage.engine.next_moment() <= Some(stage.now));
    started.extend(stage.at(0));
    assert_eq!(started, waits);
}

#[test]
fn expiries_that_are_more_than_one_input_may_do_are_carried_on_at_once() {
    let mut stage = Stage::of(&[slots(1)]);
    stage.runs(&on(&[0]));
    for flow in 0..700 {
        stage.waits(&on(&[0]).flow(flow).may_wait(1_000));
    }
    stage.at(999);
    assert_eq!(stage.engine.waiting(), 700);
    stage.at(1_000);
    assert_eq!((stage.engine.waiting(), stage.refusals().len()), (0, 700));
}

#[test]
fn a_prepared_kind_is_asked_for_like_any_other_call() {
    let mut stage = Stage::of(&[slots(2)]);
    let now = stage.now;
    let kind = stage.with(&on(&[0]).may_wait(500), |engine, call| engine.prepare(now, call));
    let (kind, flow) = (kind.unwrap(), Flow { id: 1, weight: 1 });
    let terms = |priority, deadline, parent| Terms {
        flow,
        priority: Priority(priority),
        deadline: Instant::from_millis(deadline),
        parent,
    };
    let mut out = Outputs::new();
    let engine = &mut stage.engine;
    let parent = match engine.admit_prepared(now, &kind, &terms(0, 900, None), &mut out) {
        Decision::Granted(id) => id,
        other => panic!("{other:?}"),
    };
    let unknown = engine.admit_prepared(now, &kind, &terms(3, 900, None), &mut out);
    assert!(matches!(unknown, Decision::Refused(Refusal { reason: Reason::Unsupported, .. })));
    let child = engine.admit_prepared(now, &kind, &terms(2, 900, Some(parent)), &mut out);
    assert!(matches!(child, Decision::Granted(_)));
    let other = engine.try_admit_prepared(now, &kind, &terms(0, 900, None), &mut out);
    assert!(matches!(other, Decision::Granted(_)), "the child borrows its caller's slot");
    let refused = engine.try_admit_prepared(now, &kind, &terms(0, 900, None), &mut out);
    assert!(matches!(refused, Decision::Refused(Refusal { reason: Reason::WouldWait, .. })));
    let waits = engine.admit_prepared(now, &kind, &terms(0, 900, None), &mut out);
    assert!(matches!(waits, Decision::Waiting(_)));
    assert_eq!((engine.running(), engine.waiting()), (3, 1));
    assert_eq!(engine.next_moment(), Some(Instant::from_millis(500)));
    engine.discard(kind);
}

#[test]
fn whoever_waits_elsewhere_is_in_nobodys_way() {
    let mut stage = Stage::of(&[slots(1), slots(2)]);
    stage.runs(&on(&[0]));
    stage.waits(&on(&[0]));
    assert!(matches!(stage.tries(&on(&[1])), Decision::Granted(_)));
    let parent = stage.runs(&on(&[1]));
    let nested = on(&[0]).made_by(parent);
    assert!(matches!(stage.tries(&nested), Decision::Refused(_)));
    assert!(matches!(stage.tries(&on(&[1]).made_by(parent)), Decision::Granted(_)));
}

#[test]
fn a_nested_call_that_borrows_all_it_needs_need_not_wait_its_turn() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let parent = stage.runs(&on(&[0]));
    stage.waits(&on(&[0]).flow(2));
    assert!(matches!(stage.tries(&on(&[0, 1]).made_by(parent)), Decision::Granted(_)));
}

/// Tokens are spent for ten seconds; what takes none of them needs but the slot.
#[test]
fn a_call_that_takes_nothing_of_the_budget_that_is_in_the_way_passes_the_one_whose_turn_it_is() {
    let mut config = config(&[tokens(10, 10_000, SLIDING)]);
    config.limits[0].budgets.push(slots(1));
    let mut stage = Stage::new(config);
    let holds = stage.runs(&on(&[0]).tokens(10));
    let turn = stage.waits(&on(&[0]).tokens(5));
    let also = stage.waits(&on(&[0]).tokens(4).flow(4));
    let without = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.end(holds), [without]);
    let weightless = stage.waits(&on(&[0]).weight(0).tokens(1).flow(3));
    assert_eq!(stage.at(9_999), []);
    assert_eq!(stage.at(10_000), [weightless], "the slot is held, and it needs none");
    assert_eq!(stage.end(without), [turn]);
    assert_eq!(stage.end(turn), [also]);
}
