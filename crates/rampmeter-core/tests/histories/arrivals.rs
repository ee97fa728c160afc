//! Calls that come again, and were asked for first some time ago.

use std::time::Duration;

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Stage, config, on};

#[test]
fn a_call_that_comes_again_is_not_put_behind_those_that_came_after_it() {
    let mut stage = Stage::of(&[slots(1)]);
    let first = stage.runs(&on(&[0]));
    stage.at(1_000);
    let later = [(); 3].map(|()| stage.waits(&on(&[0])));
    stage.at(2_000);
    assert_eq!(stage.end(first), [later[0]]);
    let again = stage.waits(&on(&[0]).arrived(0));
    assert_eq!(stage.explain(again).ahead, 0);
    assert_eq!(stage.explain(later[1]).ahead, 1);
    assert_eq!(stage.end(later[0]), [again], "and not before one that has started");
    assert_eq!(stage.end(again), [later[1]]);
    assert_eq!(stage.end(later[1]), [later[2]]);
}

#[test]
fn calls_that_come_again_go_by_when_each_was_asked_for_first() {
    let mut stage = Stage::of(&[slots(1)]);
    stage.at(10_000);
    let mut last = stage.runs(&on(&[0]).flow(9));
    let new = stage.waits(&on(&[0]));
    let again = [3_000, 1_000, 2_000, 10_000, 1_000, 4_000]
        .map(|first| stage.waits(&on(&[0]).arrived(first)));
    for next in [again[1], again[4], again[2], again[0], again[5], new, again[3]] {
        assert_eq!(stage.end(last), [next]);
        last = next;
    }
}

#[test]
fn an_arrival_that_is_still_to_come_is_now() {
    let mut stage = Stage::of(&[slots(1)]);
    let holds = stage.runs(&on(&[0]));
    let ahead_of_time = stage.waits(&on(&[0]).arrived(5_000));
    stage.at(1_000);
    let other = stage.waits(&on(&[0]));
    assert_eq!(stage.end(holds), [ahead_of_time]);
    assert_eq!(stage.end(ahead_of_time), [other]);
}

#[test]
fn an_early_arrival_is_of_its_own_flow_and_priority_only() {
    let mut stage = Stage::of(&[slots(1)]);
    stage.at(5_000);
    let holds = stage.runs(&on(&[0]).flow(9));
    let other = stage.waits(&on(&[0]).flow(1));
    let _ = stage.waits(&on(&[0]).flow(2).arrived(5_000));
    let low = stage.waits(&on(&[0]).flow(2).priority(2).arrived(0));
    assert_eq!(stage.end(holds), [other]);
    assert_eq!(stage.explain(low).ahead, 0);
}

#[test]
fn among_lanes_of_one_flow_the_oldest_arrival_goes_first() {
    let mut stage = Stage::of(&[slots(2)]);
    stage.at(5_000);
    let holds = stage.runs(&on(&[0]).weight(2).flow(9));
    let light = stage.waits(&on(&[0]));
    let heavy = stage.waits(&on(&[0]).weight(2).arrived(4_000));
    assert_eq!(stage.end(holds), [heavy]);
    assert_eq!(stage.end(heavy), [light]);
}

#[test]
fn patience_counts_from_the_first_arrival_and_the_queue_time_out_from_this_asking() {
    let patience = Duration::from_secs(10);
    let mut stage = Stage::new(Config { patience, ..config(&[slots(1)]) });
    stage.at(8_000);
    stage.runs(&on(&[0]).flow(9));
    let new = stage.waits(&on(&[0]).flow(2));
    let again = stage.waits(&on(&[0]).flow(3).arrived(1_000).may_wait(4_000));
    stage.at(10_999);
    assert!(!stage.explain(again).rescued);
    stage.at(11_000);
    assert!(stage.explain(again).rescued && !stage.explain(new).rescued);
    stage.at(11_999);
    assert_eq!(stage.refusals(), []);
    stage.at(12_000);
    assert_eq!(stage.refusals(), [(again, Reason::QueueTimeout)]);
}

/// The heavy call claims both slots; what comes again and is like it does what it would have done.
#[test]
fn who_comes_before_a_claimant_has_its_claim() {
    let mut stage = Stage::of(&[slots(2)]);
    stage.at(1_000);
    let holds = [(); 2].map(|()| stage.runs(&on(&[0]).flow(9)));
    let claims = stage.waits(&on(&[0]).weight(2));
    assert_eq!(stage.end(holds[0]), []);
    assert!(stage.explain(claims).claims);
    let again = stage.waits(&on(&[0]).weight(2).arrived(0));
    assert!(stage.explain(again).claims && !stage.explain(claims).claims);
    let light = stage.waits(&on(&[0]).flow(3));
    assert_eq!(stage.end(holds[1]), [again], "nothing later takes what it needs");
    let mut rest = stage.end(again);
    rest.extend(stage.end(rest[0]));
    assert!(rest.contains(&claims) && rest.contains(&light));
}

#[test]
fn who_comes_before_the_one_that_is_rescued_is_rescued_in_its_place() {
    let patience = Duration::from_secs(10);
    let mut stage = Stage::new(Config { patience, ..config(&[slots(1)]) });
    stage.at(1_000);
    let holds = stage.runs(&on(&[0]).flow(9));
    let waits = stage.waits(&on(&[0]));
    stage.at(11_000);
    assert!(stage.explain(waits).rescued);
    let again = stage.waits(&on(&[0]).arrived(0));
    assert!(stage.explain(again).rescued && !stage.explain(waits).rescued);
    assert_eq!(stage.end(holds), [again]);
    assert_eq!(stage.end(again), [waits]);
    assert_eq!(stage.engine.running(), 1);
}

#[test]
fn at_a_key_a_call_that_comes_again_stands_before_those_that_came_later() {
    let mut stage = Stage::of(&[slots(8)]);
    stage.at(1_000);
    let holds = stage.runs(&on(&[0]).writes("file:/a").flow(9));
    let writer = stage.waits(&on(&[0]).writes("file:/a"));
    let reader = stage.waits(&on(&[0]).reads("file:/a").flow(2));
    let again = stage.waits(&on(&[0]).writes("file:/a").arrived(0));
    let reads_again = stage.waits(&on(&[0]).reads("file:/a").flow(3).arrived(500));
    assert_eq!(stage.end(holds), [again]);
    assert_eq!(stage.end(again), [reads_again]);
    assert_eq!(stage.end(reads_again), [writer]);
    assert_eq!(stage.end(writer), [reader]);
}

#[test]
fn behind_many_that_arrived_before_it_a_call_keeps_its_place() {
    let mut stage = Stage::of(&[slots(1)]);
    let mut last = stage.runs(&on(&[0]).flow(9));
    let before: Vec<_> = (1..=300).map(|_| stage.waits(&on(&[0]))).collect();
    stage.at(2_000);
    let after: Vec<_> = (1..=300).map(|_| stage.waits(&on(&[0]))).collect();
    let again = stage.waits(&on(&[0]).arrived(1_000));
    for next in before.iter().chain([&again]).chain(&after) {
        assert_eq!(stage.end(last), [*next]);
        last = *next;
    }
}

#[test]
fn a_full_queue_evicts_the_newest_arrival_not_the_one_that_comes_again() {
    let mut built = config(&[slots(1)]);
    built.limits[0].queue_size = 2;
    built.limits[0].overflow = Overflow::Evict;
    let mut stage = Stage::new(built);
    stage.at(1_000);
    let holds = stage.runs(&on(&[0]).flow(9));
    let waits = [(); 2].map(|()| stage.waits(&on(&[0])));
    let again = stage.waits(&on(&[0]).arrived(0));
    assert_eq!(stage.refusals(), [(waits[1], Reason::Evicted)]);
    assert_eq!(stage.end(holds), [again]);
    assert_eq!(stage.end(again), [waits[0]]);
}

/// The next of its flow takes too long for the gap that a claim leaves, and those behind it would
/// fit: whoever comes again stands behind these as well, however many they are.
#[test]
fn in_the_gap_of_a_claim_nobody_passes_those_like_it_that_came_earlier() {
    const QUICK: u16 = 1;
    const SLOW: u16 = 2;
    let mut stage = Stage::of(&[slots(2)]);
    for round in 1..=8 {
        let known = [QUICK, SLOW].map(|tool| stage.runs(&on(&[0]).tool(tool)));
        stage.at(round * 10_000 - 9_990);
        stage.end(known[0]);
        stage.at(round * 10_000);
        stage.end(known[1]);
    }
    let holds = [SLOW, QUICK].map(|tool| stage.runs(&on(&[0]).tool(tool).flow(9)));
    let heavy = stage.waits(&on(&[0]).weight(2).flow(9));
    let slow = stage.waits(&on(&[0]).tool(SLOW));
    let before: Vec<_> = (1..=300).map(|_| stage.waits(&on(&[0]).tool(QUICK))).collect();
    stage.at(80_005);
    let _ = stage.waits(&on(&[0]).tool(QUICK));
    let again = stage.waits(&on(&[0]).tool(QUICK).arrived(80_002));
    assert_eq!(stage.explain(again).ahead, 301);
    let other = stage.waits(&on(&[0]).tool(QUICK).flow(2));
    stage.at(80_010);
    assert_eq!(stage.end(holds[1]), [other]);
    assert!(stage.explain(heavy).claims);
    stage.at(80_020);
    assert_eq!(stage.end(other), []);
    assert_eq!(stage.gives_up(slow), [before[0]]);
}

#[test]
fn of_those_that_come_again_any_may_leave() {
    let mut stage = Stage::of(&[slots(1)]);
    stage.at(1_000);
    let holds = stage.runs(&on(&[0]).flow(9));
    let new = [(); 2].map(|()| stage.waits(&on(&[0])));
    let again = [500, 300, 100, 400, 200].map(|first| stage.waits(&on(&[0]).arrived(first)));
    stage.gives_up(again[2]);
    stage.gives_up(new[0]);
    stage.gives_up(again[3]);
    assert_eq!(stage.explain(new[1]).ahead, 3);
    assert_eq!(stage.one_by_one(holds, 0), [again[4], again[1], again[0], new[1]]);
}
