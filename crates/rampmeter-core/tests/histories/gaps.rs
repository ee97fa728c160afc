//! Which calls start in the gap that a claim leaves, and which do not.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Ask, Stage, on};

const SHORT: u16 = 7;
const LONG: u16 = 8;
const SEC: u64 = 1_000;

/// A claimant of the whole first limit, and when it begins, at `from`, one that holds all but
/// `free` of it for ten seconds as far as is known.
struct Scene {
    stage: Stage,
    claimant: CallId,
    holder: CallId,
    from: u64,
}

fn scene(size: u64, free: u64) -> Scene {
    let mut stage = Stage::of(&[slots(size), slots(2)]);
    for (tool, took) in [(SHORT, SEC), (LONG, 10 * SEC)] {
        for _ in 0..10 {
            let until = stage.now.as_nanos() / 1_000_000 + took;
            let id = stage.runs(&on(&[1]).tool(tool));
            stage.at(until);
            stage.end(id);
        }
    }
    // The ends of calls are kept from the first claim on.
    let all = on(&[0]).tool(LONG);
    let running = [1, size - 1].map(|weight| stage.runs(&on(&[0]).tool(9).weight(weight)));
    let holder = stage.waits(&all.clone().weight(size - free));
    let claimant = stage.waits(&all.weight(size).flow(2));
    assert_eq!(stage.end(running[0]), []);
    assert_eq!(stage.end(running[1]), [holder]);
    assert!(stage.explain(claimant).claims);
    let from = stage.now.as_nanos() / 1_000_000;
    let starts = Instant::from_millis(from + 10 * SEC);
    assert_eq!(stage.explain(claimant).estimated_start, Some(starts));
    Scene { stage, claimant, holder, from }
}

fn short(flow: u64) -> Ask {
    on(&[0]).tool(SHORT).flow(flow)
}

#[test]
fn a_short_call_starts_in_the_gap_if_it_should_end_before_the_claimant_could_start() {
    for (after, starts) in [(0, true), (8_700, true), (9_100, false), (10_500, false)] {
        let Scene { mut stage, claimant, holder, from } = scene(4, 1);
        stage.at(from + after);
        if starts {
            let id = stage.runs(&short(3));
            stage.at(from + after + SEC);
            assert_eq!(stage.end(id), []);
        } else {
            let id = stage.waits(&short(3));
            assert_eq!(stage.explain(id).waits_for, WaitsFor::Claimant(claimant));
        }
        assert_eq!(stage.end(holder), [claimant]);
    }
}

#[test]
fn a_call_that_waits_elsewhere_may_start_in_the_gap_too() {
    for (tool, starts) in [(SHORT, true), (LONG, false), (5, false)] {
        let Scene { mut stage, claimant, holder, from } = scene(4, 1);
        let other = stage.runs(&on(&[1]).weight(2));
        let waits = stage.waits(&on(&[1, 0]).tool(tool).flow(3));
        stage.at(from + SEC);
        assert_eq!(stage.end(other), if starts { vec![waits] } else { vec![] }, "tool {tool}");
        if starts {
            stage.end(waits);
        }
        assert_eq!(stage.end(holder), [claimant]);
    }
}

#[test]
fn only_so_many_use_the_gaps_of_one_claim_at_a_time() {
    let Scene { mut stage, .. } = scene(40, 20);
    let running: Vec<_> = (0..16).map(|flow| stage.runs(&short(flow + 10))).collect();
    let waits = stage.waits(&short(3));
    assert_eq!(stage.end(running[3]), [waits]);
    stage.waits(&short(4));
}

/// A running call's own call is bound by no claim, and opens another gap.
#[test]
fn a_claim_whose_gap_was_overrun_leaves_no_other() {
    for overruns in [true, false] {
        let Scene { mut stage, claimant, holder, from } = scene(4, 1);
        let parent = stage.runs(&on(&[1]));
        let first = stage.runs(&short(3));
        stage.at(from + 9 * SEC);
        if !overruns {
            assert_eq!(stage.end(first), []);
        }
        stage.at(from + 10 * SEC + 500);
        let nested = on(&[0]).weight(3).tool(LONG).made_by(parent);
        let nested = stage.waits(&nested);
        if overruns {
            assert_eq!(stage.end(holder), [nested], "the claimant lacks what was overrun");
            assert_eq!(stage.end(first), []);
            stage.waits(&short(4));
            assert_eq!(stage.end(nested), [claimant]);
        } else {
            assert_eq!(stage.end(holder), [claimant]);
        }
    }
}

#[test]
fn without_backfill_a_claim_leaves_no_gap() {
    let config = Config { backfill: false, ..crate::stage::config(&[slots(4)]) };
    let mut stage = Stage::new(config);
    for _ in 0..10 {
        let id = stage.runs(&on(&[0]).tool(SHORT));
        stage.end(id);
    }
    stage.runs(&on(&[0]).weight(2).tool(LONG));
    stage.waits(&on(&[0]).weight(4));
    stage.waits(&short(3));
}

/// The claimant has room here and waits elsewhere.
#[test]
fn what_a_claim_does_not_need_is_free_for_any_call_and_no_more_than_that() {
    let mut stage = Stage::of(&[slots(8), slots(1)]);
    let other = stage.runs(&on(&[1]));
    let holds = [2, 6].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let claimant = stage.waits(&on(&[0]).weight(4).and(1, 1));
    holds.iter().for_each(|id| assert_eq!(stage.end(*id), []));
    assert!(stage.explain(claimant).claims);
    let five = stage.waits(&on(&[0]).weight(5).flow(2));
    let six = stage.waits(&on(&[0]).weight(6).flow(5));
    let four = stage.runs(&on(&[0]).weight(4).flow(3).priority(1));
    let one = stage.waits(&on(&[0]).flow(4).priority(2));
    assert_eq!(stage.explain(five).waits_for, WaitsFor::Release);
    assert_eq!(stage.explain(one).waits_for, WaitsFor::Claimant(claimant));
    assert_eq!(stage.end(other), [claimant]);
    assert_eq!(stage.end(claimant), []);
    assert_eq!(stage.gives_up(six), []);
    assert_eq!(stage.end(four), [five, one]);
}

#[test]
fn those_who_have_ended_sooner_than_foretold_close_no_gap() {
    let Scene { mut stage, claimant, holder, from } = scene(4, 1);
    for after in [0, 100, 200, 300, 5_000] {
        stage.at(from + after);
        let id = stage.runs(&short(3));
        stage.at(from + after + 50);
        assert_eq!(stage.end(id), []);
    }
    assert_eq!(stage.end(holder), [claimant]);
}
