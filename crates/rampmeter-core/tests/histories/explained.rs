//! What the engine says of those who wait, held against what then happens.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, on, rate};

const SEC: u64 = 1_000;

/// A limit on which a call has just started, so that what calls cost is known: a second each.
fn known() -> (Stage, CallId) {
    let mut stage = Stage::of(&[slots(1)]);
    let first = stage.runs(&on(&[0]).flow(9));
    stage.at(SEC);
    stage.end(first);
    let second = stage.runs(&on(&[0]).flow(9));
    let third = stage.waits(&on(&[0]).flow(9));
    stage.at(2 * SEC);
    assert_eq!(stage.end(second), [third]);
    (stage, third)
}

#[test]
fn one_flow_alone_is_told_exactly_how_many_are_ahead_and_when_it_should_start() {
    let (mut stage, running) = known();
    let waits = [(); 4].map(|()| stage.waits(&on(&[0])));
    for (ahead, id) in (0u32..).zip(waits) {
        let told = stage.explain(id);
        assert_eq!((told.limit, told.waits_for), (LimitId(0), WaitsFor::Release));
        assert_eq!((told.ahead, told.waiting), (ahead, 4));
        assert!(!told.claims && !told.rescued);
        let start = Instant::from_millis((3 + u64::from(ahead)) * SEC);
        assert_eq!(told.estimated_start, Some(start));
    }
    stage.gives_up(waits[1]);
    let told = stage.explain(waits[3]);
    assert_eq!((told.ahead, told.waiting), (2, 3));
    assert_eq!(told.estimated_start, Some(Instant::from_millis(5 * SEC)));
    stage.at(3 * SEC);
    stage.end(running);
    let told = stage.explain(waits[3]);
    assert_eq!((told.ahead, told.waiting), (1, 2));
    assert_eq!(told.estimated_start, Some(Instant::from_millis(5 * SEC)));
}

/// Flows of weights 1 and 3, and three priorities: the estimate of each call is off by no more
/// than three calls when nobody comes or goes.
#[test]
fn flows_and_priorities_are_told_when_they_start_give_or_take_three_calls() {
    let (mut stage, running) = known();
    let mut asked = Vec::new();
    for _ in 0..6 {
        for (flow, share, priority) in [(1, 1, 0), (2, 3, 0), (3, 1, 1), (4, 1, 2)] {
            asked.push(stage.waits(&on(&[0]).flow(flow).share(share).priority(priority)));
        }
    }
    let told: Vec<_> = asked.iter().map(|id| stage.explain(*id).estimated_start).collect();
    let started = stage.one_by_one(running, SEC);
    for (at, id) in started.iter().enumerate() {
        let place = asked.iter().position(|it| it == id).unwrap();
        let told = told[place].unwrap().as_nanos() / 1_000_000;
        let real = (3 + at as u64) * SEC;
        assert!(told.abs_diff(real) <= 3 * SEC, "call {place}: {told} ms, really {real} ms");
    }
}

#[test]
fn a_call_that_could_not_start_before_its_deadline_is_refused_at_once_and_told_when_it_could() {
    let (mut stage, _running) = known();
    let ahead = [(); 3].map(|()| stage.waits(&on(&[0])));
    let could = Instant::from_millis(6 * SEC);
    let refusal = stage.refused(&on(&[0]).until(6 * SEC - 1));
    assert_eq!((refusal.reason, refusal.retry), (Reason::Deadline, Retry::At(could)));
    assert_eq!(refusal.limit, Some(LimitId(0)));
    stage.waits(&on(&[0]).until(6 * SEC));
    // Of a tool that has not been seen nothing is known.
    stage.waits(&on(&[0]).until(6 * SEC - 1).tool(5));
    stage.gives_up(ahead[1]);
    let other = stage.waits(&on(&[0]).tokens(1));
    stage.gives_up(other);
    // Four are left, with the two that were let in.
    let refusal = stage.refused(&on(&[0]).until(7 * SEC - 1));
    let could = Instant::from_millis(7 * SEC);
    assert_eq!((refusal.reason, refusal.retry), (Reason::Deadline, Retry::At(could)));
    // Another flow has nobody ahead of it.
    stage.waits(&on(&[0]).until(6 * SEC - 1).flow(2));
}

#[test]
fn a_call_that_waits_for_a_rate_is_told_the_moment() {
    let mut stage = Stage::of(&[rate(2, 10_000, SLIDING)]);
    stage.runs(&on(&[0]));
    stage.at(SEC);
    stage.runs(&on(&[0]));
    let first = stage.waits(&on(&[0]));
    let moment = Instant::from_millis(10 * SEC);
    assert_eq!(stage.explain(first).waits_for, WaitsFor::Until(moment));
    assert!(stage.explain(first).estimated_start >= Some(moment));
    let refusal = stage.refused(&on(&[0]).until(9 * SEC));
    assert_eq!((refusal.reason, refusal.retry), (Reason::Deadline, Retry::At(moment)));
    let refusal = stage.refused(&on(&[0]).may_wait(8 * SEC));
    assert_eq!((refusal.reason, refusal.retry), (Reason::QueueTimeout, Retry::At(moment)));
}

#[test]
fn who_waits_behind_others_though_there_is_room_is_told_that_it_waits_its_turn() {
    let mut stage = Stage::of(&[slots(4)]);
    let holds = stage.runs(&on(&[0]).weight(2));
    let heavy = stage.waits(&on(&[0]).weight(4));
    let light = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.explain(heavy).waits_for, WaitsFor::Release);
    assert!(stage.explain(heavy).claims, "two are free, and it needs four");
    assert_eq!(stage.explain(light).waits_for, WaitsFor::Claimant(heavy));
    assert_eq!(stage.explain(light).ahead, 0);
    assert_eq!(stage.end(holds), [heavy]);
    assert!(stage.engine.explain(stage.now, heavy).is_none(), "it does not wait any more");
}

#[test]
fn a_call_that_was_given_up_teaches_nothing_about_its_tool_and_one_that_failed_does() {
    for (outcome, learned) in [(Outcome::Cancelled, false), (Outcome::Failed, true)] {
        let (mut stage, running) = known();
        stage.end(running);
        let id = stage.runs(&on(&[0]).tool(3));
        stage.at(3 * SEC);
        stage.end_as(id, outcome);
        stage.runs(&on(&[0]).flow(9));
        stage.waits(&on(&[0]));
        let late = on(&[0]).tool(3).until(3 * SEC + 100);
        if learned {
            assert_eq!(stage.refused(&late).reason, Reason::Deadline);
        } else {
            stage.waits(&late);
        }
    }
}

#[test]
fn nothing_is_foretold_while_nothing_is_known_of_what_calls_take() {
    let mut stage = Stage::of(&[slots(1)]);
    stage.runs(&on(&[0]));
    let waits = stage.waits(&on(&[0]));
    assert_eq!(stage.explain(waits).estimated_start, None);
}

/// Calls of the first priority take a second, those of the last ten.
#[test]
fn each_priority_is_foretold_by_what_its_own_calls_take() {
    let mut stage = Stage::of(&[slots(1)]);
    for (tool, took) in [(0, SEC), (1, 10 * SEC)] {
        let id = stage.runs(&on(&[0]).tool(tool));
        let until = stage.now.as_nanos() / 1_000_000 + took;
        stage.at(until);
        stage.end(id);
    }
    let quick = on(&[0]);
    let slow = on(&[0]).tool(1).priority(2);
    let holds = stage.runs(&quick);
    let first = [stage.waits(&quick), stage.waits(&slow)];
    stage.at(12 * SEC);
    assert_eq!(stage.end(holds), [first[0]]);
    stage.at(13 * SEC);
    assert_eq!(stage.end(first[0]), [first[1]]);
    let waits = [(); 2].map(|()| stage.waits(&quick));
    let told = waits.map(|id| stage.explain(id).estimated_start);
    assert_eq!(told, [14, 15].map(|at| Some(Instant::from_millis(at * SEC))));
}
