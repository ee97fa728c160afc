//! Calls that running calls make: what they take, for whom, and in what order.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Ask, SLIDING, Stage, config, on, rate, tokens};

fn child(parent: CallId, limits: &[u16]) -> Ask {
    on(limits).made_by(parent)
}

#[test]
fn a_nested_call_pays_rates_in_full_and_of_slots_only_what_is_not_lent_to_it() {
    let mut config = config(&[slots(4)]);
    config.limits[0].budgets.push(tokens(10, 10_000, SLIDING));
    let mut stage = Stage::new(config);
    let parent = stage.runs(&on(&[0]).weight(2).tokens(3));
    let nested = stage.runs(&child(parent, &[0]).weight(3).tokens(4));
    assert_eq!((stage.used(0, 0), stage.used(0, 1)), (3, 7), "two are lent, one is its own");
    let second = stage.waits(&child(parent, &[0]).tokens(4));
    let moment = Instant::from_millis(10_000);
    assert_eq!(stage.explain(second).waits_for, WaitsFor::Until(moment));
    assert_eq!(stage.end(nested), []);
    assert_eq!(stage.used(0, 0), 2);
    assert_eq!(stage.at(10_000), [second]);
    assert_eq!(stage.used(0, 0), 2, "it borrows");
    assert_eq!(stage.end(parent), []);
    assert_eq!(stage.used(0, 0), 1, "the child keeps what it stands on");
    stage.end(second);
    assert_eq!(stage.used(0, 0), 0);
}

#[test]
fn the_ancestor_whose_slots_cover_the_most_lends_and_of_equals_the_nearest() {
    let mut stage = Stage::of(&[slots(9)]);
    let top = stage.runs(&on(&[0]).weight(4));
    let middle = stage.runs(&child(top, &[]).and(0, 5));
    assert_eq!(stage.used(0, 0), 5, "four are lent, one is its own");
    let least = stage.runs(&child(middle, &[0]).weight(2));
    assert_eq!(stage.used(0, 0), 5, "its caller stands on five");
    let other = stage.runs(&child(middle, &[0]).weight(2));
    assert_eq!(stage.used(0, 0), 7, "nobody has any more to lend");
    assert_eq!(stage.end(middle), []);
    assert_eq!(stage.used(0, 0), 6, "two of four are still lent, the fifth is given back");
    for id in [least, other, top] {
        stage.end(id);
    }
    assert_eq!(stage.used(0, 0), 0);
}

#[test]
fn a_call_made_at_a_paused_limit_waits_though_its_caller_could_lend() {
    let mut stage = Stage::of(&[slots(2)]);
    let parent = stage.runs(&on(&[0]));
    stage.edit(vec![Edit::Pause(LimitId(0))]);
    let nested = stage.waits(&child(parent, &[0]));
    assert_eq!(stage.explain(nested).waits_for, WaitsFor::Resume);
    assert_eq!(stage.edit(vec![Edit::Resume(LimitId(0))]), [nested]);
}

#[test]
fn a_nested_call_that_borrows_all_it_needs_passes_those_who_wait_and_one_that_does_not_waits() {
    let mut stage = Stage::of(&[slots(2)]);
    let parent = stage.runs(&on(&[0]));
    let other = stage.runs(&on(&[0]).flow(2));
    let waits = stage.waits(&on(&[0]).flow(3));
    let borrows = stage.runs(&child(parent, &[0]));
    let more = stage.waits(&child(parent, &[0]));
    assert_eq!(stage.end(other), [waits], "its turn had come");
    assert_eq!(stage.end(borrows), [more], "the loan is free again");
}

#[test]
fn a_hundred_callers_that_wait_for_one_limit_are_all_served_in_the_order_of_their_calls() {
    let mut stage = Stage::of(&[slots(200), slots(100)]);
    let callers = [(); 150].map(|()| stage.runs(&on(&[0])));
    let whole = stage.runs(&on(&[1]).weight(100));
    let nested = callers.map(|caller| stage.waits(&child(caller, &[1])));
    let mut started = stage.end(whole);
    started.extend(stage.at(0));
    assert_eq!(started, nested[..100]);
    for (ended, next) in nested.iter().zip(&nested[100..]) {
        let mut started = stage.end(*ended);
        started.extend(stage.at(0));
        assert_eq!(started, [*next]);
    }
}

#[test]
fn the_depth_to_which_calls_may_be_nested_can_be_changed() {
    let mut stage = Stage::of(&[slots(9)]);
    let parent = stage.runs(&on(&[0]));
    stage.edit(vec![Edit::MaxDepth(1)]);
    let nested = stage.runs(&child(parent, &[0]));
    assert_eq!(stage.refused(&child(nested, &[0])).reason, Reason::TooDeep);
    stage.edit(vec![Edit::MaxDepth(2)]);
    stage.runs(&child(nested, &[0]));
    stage.edit(vec![Edit::MaxDepth(0)]);
    assert_eq!(stage.refused(&child(parent, &[0])).reason, Reason::TooDeep);
}

#[test]
fn callers_that_have_ended_make_no_call_deep() {
    let mut stage = Stage::of(&[slots(9)]);
    stage.edit(vec![Edit::MaxDepth(1)]);
    let mut caller = stage.runs(&on(&[0]));
    for _ in 0..20 {
        let nested = stage.runs(&child(caller, &[0]));
        assert_eq!(stage.refused(&child(nested, &[0])).reason, Reason::TooDeep);
        stage.end(caller);
        caller = nested;
    }
}

#[test]
fn a_cycle_of_three_is_named_step_by_step_from_the_call_that_is_refused() {
    let mut stage = Stage::of(&[slots(1), slots(1), slots(1)]);
    let callers = [0u16, 1, 2].map(|limit| stage.runs(&on(&[limit])));
    let first = stage.waits(&child(callers[0], &[1]));
    let second = stage.waits(&child(callers[1], &[2]));
    let refusal = stage.refused(&child(callers[2], &[0]));
    assert_eq!((refusal.reason, refusal.limit), (Reason::WouldDeadlock, Some(LimitId(0))));
    assert_eq!(refusal.retry, Retry::OnRelease);
    let step = |caller, call, limit: u16| CycleStep { caller, call, limit: Some(LimitId(limit)) };
    let expected = [
        step(callers[2], None, 0),
        step(callers[0], Some(first), 1),
        step(callers[1], Some(second), 2),
    ];
    assert_eq!(stage.engine.cycle(), expected);
    assert_eq!(stage.end(callers[2]), [second]);
    assert_eq!(stage.end(second), []);
    assert_eq!(stage.end(callers[1]), [first]);
}

#[test]
fn a_grandchild_that_waits_holds_its_callers_caller_and_the_cycle_names_it() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let top = stage.runs(&on(&[0]));
    let middle = stage.runs(&child(top, &[]));
    let holder = stage.runs(&on(&[1]));
    let waits = stage.waits(&child(middle, &[1]));
    assert_eq!(stage.refused(&child(holder, &[0])).reason, Reason::WouldDeadlock);
    let steps = stage.engine.cycle().to_vec();
    let named: Vec<_> = steps.iter().map(|step| (step.caller, step.call)).collect();
    assert_eq!(named, [(holder, None), (top, Some(waits))]);
}

#[test]
fn who_could_start_once_others_have_ended_is_not_refused() {
    // What is held by calls that make none of their own comes free, also of more slots than one.
    let mut stage = Stage::of(&[slots(3), slots(3)]);
    let (a, b) = (stage.runs(&on(&[0])), stage.runs(&on(&[1])));
    let free = [0u16, 1].map(|limit| stage.runs(&on(&[limit]).weight(2)));
    let first = stage.waits(&child(a, &[1]).weight(2));
    let second = stage.waits(&child(b, &[0]).weight(2));
    let all = stage.waits(&child(a, &[1]).weight(3));
    assert_eq!(stage.end(free[0]), [second]);
    assert_eq!(stage.end(free[1]), [first]);
    assert_eq!((stage.end(first), stage.end(second)), (vec![], vec![]));
    assert_eq!(stage.end(b), [all]);
}

#[test]
fn a_rate_closes_no_cycle() {
    let mut stage = Stage::of(&[rate(1, 10_000, SLIDING), slots(1)]);
    let parent = stage.runs(&on(&[1, 0]));
    let nested = stage.waits(&child(parent, &[0]));
    assert_eq!(stage.at(9_999), []);
    assert_eq!(stage.at(10_000), [nested]);
}

#[test]
fn what_is_lent_stays_lent_while_the_limit_gets_other_budgets() {
    let mut stage = Stage::of(&[slots(4), slots(4)]);
    let parent = stage.runs(&on(&[0, 1]).weight(2));
    let nested = stage.runs(&child(parent, &[0, 1]).weight(3));
    assert_eq!((stage.used(0, 0), stage.used(1, 0)), (3, 3));
    let budgets = vec![rate(100, 1_000, SLIDING), slots(6)];
    let limit = LimitConfig { budgets, ..LimitConfig::default() };
    stage.edit(vec![Edit::Replace(LimitId(0), limit)]);
    assert_eq!((stage.used(0, 1), stage.used(1, 0)), (3, 3));
    let second = stage.runs(&child(nested, &[0, 1]));
    assert_eq!((stage.used(0, 1), stage.used(1, 0)), (3, 3), "it borrows from its caller");
    assert_eq!(stage.end(parent), []);
    assert_eq!((stage.used(0, 1), stage.used(1, 0)), (3, 3));
    stage.end(nested);
    assert_eq!((stage.used(0, 1), stage.used(1, 0)), (1, 1));
    stage.end(second);
    assert_eq!((stage.used(0, 1), stage.used(1, 0)), (0, 0));
}

#[test]
fn slots_that_a_limit_gets_on_the_way_are_held_by_callers_and_their_calls_alike() {
    let mut stage = Stage::of(&[rate(100, 1_000, SLIDING)]);
    let parent = stage.runs(&on(&[0]).weight(2));
    let nested = stage.runs(&child(parent, &[0]).weight(3));
    let limit = LimitConfig { budgets: vec![slots(9)], ..LimitConfig::default() };
    stage.edit(vec![Edit::Replace(LimitId(0), limit)]);
    assert_eq!(stage.used(0, 0), 5);
    stage.end(nested);
    assert_eq!(stage.used(0, 0), 2);
    stage.runs(&child(parent, &[0]).weight(2));
    assert_eq!(stage.used(0, 0), 2, "it borrows");
}

#[test]
fn a_nested_call_that_gives_up_leaves_its_caller_as_it_was() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let parent = stage.runs(&on(&[0]));
    let holder = stage.runs(&on(&[1]));
    let waits = [(); 3].map(|()| stage.waits(&child(parent, &[1])));
    assert_eq!(stage.gives_up(waits[1]), []);
    assert_eq!(stage.refused(&child(holder, &[0])).reason, Reason::WouldDeadlock);
    assert_eq!(stage.gives_up(waits[0]), []);
    assert_eq!(stage.gives_up(waits[2]), []);
    // Nobody waits for anything any more that the parent holds, so it can end.
    let back = stage.waits(&child(holder, &[0]));
    assert_eq!(stage.end(parent), [back]);
}

#[test]
fn of_two_ancestors_that_can_lend_as_much_the_nearest_does() {
    let mut stage = Stage::of(&[slots(4)]);
    let top = stage.runs(&on(&[0]));
    let borrows = stage.runs(&child(top, &[0]));
    let middle = stage.runs(&child(top, &[0]));
    assert_eq!(stage.used(0, 0), 2, "what the top has is lent");
    assert_eq!(stage.end(borrows), []);
    let least = stage.runs(&child(middle, &[0]));
    assert_eq!(stage.used(0, 0), 2);
    assert_eq!(stage.end(middle), []);
    assert_eq!(stage.used(0, 0), 2, "it stands on what its caller had");
    stage.runs(&child(top, &[0]));
    assert_eq!(stage.used(0, 0), 2, "the top has its own to lend");
    let _ = least;
}

#[test]
fn a_caller_whose_calls_have_ended_waits_for_nobody() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let api = stage.runs(&on(&[1]));
    let host = stage.runs(&on(&[0]));
    let nested = stage.runs(&child(host, &[]));
    assert_eq!(stage.end(nested), []);
    // It may have the number of the one that has ended, and is nobody's.
    let waits = stage.waits(&on(&[1]));
    let back = stage.waits(&child(api, &[0]));
    assert_eq!(stage.end(host), [back]);
    assert_eq!(stage.end(back), []);
    assert_eq!(stage.end(api), [waits]);
}

#[test]
fn a_shrink_that_closes_a_cycle_refuses_the_newest_call_in_it_and_names_the_cycle_from_there() {
    let mut stage = Stage::of(&[slots(1), slots(2)]);
    let host = stage.runs(&on(&[0]));
    let api = stage.runs(&on(&[1]));
    let other = stage.runs(&on(&[1]));
    let early = stage.runs(&child(api, &[]));
    let first = stage.waits(&child(host, &[1]));
    stage.end(early);
    let newest = stage.waits(&child(api, &[0]));
    let limit = LimitConfig { budgets: vec![slots(1)], ..LimitConfig::default() };
    assert_eq!(stage.edit(vec![Edit::Replace(LimitId(1), limit)]), []);
    assert_eq!(stage.refusals(), [(newest, Reason::WouldDeadlock)]);
    let named: Vec<_> =
        stage.engine.cycle().iter().map(|step| (step.caller, step.call, step.limit)).collect();
    let limit = |limit| Some(LimitId(limit));
    assert_eq!(named, [(api, Some(newest), limit(0)), (host, Some(first), limit(1))]);
    assert_eq!(stage.end(other), []);
    assert_eq!(stage.end(api), [first]);
}

/// Its flow has paid for them once.
#[test]
fn slots_that_a_nested_call_borrows_are_not_paid_for_again() {
    let mut stage = Stage::of(&[slots(1)]);
    let parent = stage.runs(&on(&[0]));
    let borrows = stage.runs(&child(parent, &[0]));
    let next = stage.waits(&child(parent, &[0]));
    let own = stage.waits(&on(&[0]));
    let other = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.end(borrows), [next]);
    stage.at(10_000);
    assert_eq!(stage.end(next), []);
    assert_eq!(stage.end(parent), [own]);
    assert_eq!(stage.end(own), [other]);
}

#[test]
fn slots_that_a_nested_call_takes_beside_the_loan_are_paid_for() {
    let mut stage = Stage::of(&[slots(2)]);
    let parent = stage.runs(&on(&[0]));
    let holds = stage.runs(&on(&[0]).flow(9));
    let borrows = stage.runs(&child(parent, &[0]));
    let next = stage.waits(&child(parent, &[0]));
    let heavy = stage.waits(&on(&[0]).weight(2).flow(3));
    let own = stage.waits(&on(&[0]));
    let other = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.end(holds), [next], "too little for the heavy one");
    stage.at(10_000);
    for id in [next, borrows] {
        assert_eq!(stage.end(id), []);
    }
    assert_eq!(stage.end(parent), [heavy]);
    assert_eq!(stage.end(heavy), [other, own]);
}

/// They are looked at in parts; in the midst of it room comes for one of those looked at already.
#[test]
fn room_that_comes_while_many_nested_calls_are_looked_at_is_found_by_the_one_that_fits() {
    let mut stage = Stage::of(&[slots(200), slots(2)]);
    let callers = [(); 150].map(|()| stage.runs(&on(&[0])));
    let holds = [(); 2].map(|()| stage.runs(&on(&[1])));
    let mut nested = Vec::new();
    for (at, caller) in callers.iter().enumerate() {
        let weight = if at == 20 { 1 } else { 2 };
        nested.push(stage.waits(&child(*caller, &[1]).weight(weight)));
    }
    stage.at(0);
    assert_eq!(stage.edit(Vec::new()), []);
    let mut started = stage.end(holds[0]);
    started.extend(stage.at(0));
    assert_eq!(started, [nested[20]]);
}

/// More of them wait than are looked at in one go, and the last of them wait for a later moment
/// than the first.
#[test]
fn of_many_nested_calls_those_that_time_makes_ready_first_start_then() {
    let calls = rate(1, 100, SLIDING);
    let tokens = tokens(100, 1_000, SLIDING);
    let limit = |budgets| LimitConfig { budgets, ..LimitConfig::default() };
    let limits = vec![limit(vec![slots(100)]), limit(vec![calls, tokens])];
    let mut stage = Stage::new(Config { limits, ..config(&[]) });
    let callers: Vec<_> = (0..80).map(|_| stage.runs(&on(&[0]))).collect();
    stage.runs(&on(&[1]).tokens(50));
    let all = stage.waits(&on(&[1]).tokens(100));
    let nested: Vec<_> = (0..80)
        .map(|at| {
            let tokens = if at < 60 { 1 } else { 100 };
            stage.waits(&on(&[1]).tokens(tokens).made_by(callers[at]))
        })
        .collect();
    assert_eq!(stage.at(99), []);
    assert_eq!(stage.at(100), [nested[0]]);
    assert_eq!(stage.at(200), [nested[1]]);
    assert!(stage.explain(all).claims);
}
