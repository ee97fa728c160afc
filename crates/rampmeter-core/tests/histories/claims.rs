//! What a claim withholds, from whom, and when it yields.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, config, on, rate};

/// Four slots of which two are free, and a call that claims all of them; and one that waits
/// for another limit, whose holder ends. Returns who starts then.
fn passes(stage: &mut Stage, claimant: CallId, running: CallId, other: CallId) -> Vec<CallId> {
    assert_eq!(stage.end(running), []);
    assert!(stage.explain(claimant).claims, "a lighter call would have room");
    stage.end(other)
}

#[test]
fn a_claim_withholds_what_it_needs_from_calls_that_wait_elsewhere() {
    let mut stage = Stage::of(&[slots(4), slots(1)]);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let other = stage.runs(&on(&[1]));
    let claimant = stage.waits(&on(&[0]).weight(4));
    let later = stage.waits(&on(&[1, 0]).flow(2));
    assert_eq!(passes(&mut stage, claimant, running[0], other), []);
    assert_eq!(stage.explain(later).waits_for, WaitsFor::Claimant(claimant));
    assert_eq!(stage.explain(later).limit, LimitId(0));
    assert_eq!(stage.end(running[1]), [claimant]);
    assert_eq!(stage.end(claimant), [later]);
}

#[test]
fn a_claim_that_leaves_enough_withholds_nothing() {
    let mut stage = Stage::of(&[slots(6), slots(1)]);
    let running = [3, 3].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let other = stage.runs(&on(&[1]));
    let claimant = stage.waits(&on(&[0]).weight(4));
    let later = stage.waits(&on(&[1, 0]).flow(2));
    assert_eq!(stage.end(running[0]), []);
    assert_eq!(stage.end(other), [], "three are free, the claimant needs four");
    assert_eq!(stage.end(running[1]), [claimant, later], "six are free, and it needs four");
}

#[test]
fn a_claimant_that_time_alone_keeps_waiting_withholds_nothing() {
    let mut stage = Stage::of(&[slots(4), slots(1), rate(1, 100_000, SLIDING)]);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let other = stage.runs(&on(&[1]));
    stage.runs(&on(&[2]));
    let claimant = stage.waits(&on(&[0]).weight(4).and(2, 1));
    let later = stage.waits(&on(&[1, 0]).flow(2));
    assert_eq!(passes(&mut stage, claimant, running[0], other), [later]);
    assert_eq!(stage.end(running[1]), []);
    assert_eq!(stage.end(later), []);
    assert_eq!(stage.at(99_999), []);
    assert_eq!(stage.at(100_000), [claimant]);
}

#[test]
fn a_claimant_that_a_pause_keeps_waiting_withholds_nothing() {
    let mut stage = Stage::of(&[slots(4), slots(1), slots(1)]);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let other = stage.runs(&on(&[1]));
    let claimant = stage.waits(&on(&[0]).weight(4).and(2, 1));
    let later = stage.waits(&on(&[1, 0]).flow(2));
    stage.edit(vec![Edit::Pause(LimitId(2))]);
    assert_eq!(passes(&mut stage, claimant, running[0], other), [later]);
    assert_eq!(stage.end(running[1]), []);
    assert_eq!(stage.end(later), []);
    assert_eq!(stage.edit(vec![Edit::Resume(LimitId(2))]), [claimant]);
}

#[test]
fn an_older_claim_binds_a_younger_claimant() {
    let mut stage = Stage::of(&[slots(4), slots(4)]);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let others = [2, 2].map(|weight| stage.runs(&on(&[1]).weight(weight)));
    let older = stage.waits(&on(&[0]).weight(4));
    let younger = stage.waits(&on(&[1]).weight(4).and(0, 1).flow(2));
    assert_eq!(stage.end(running[0]), []);
    assert_eq!(stage.end(others[0]), []);
    assert!(stage.explain(older).claims && stage.explain(younger).claims);
    assert_eq!(stage.end(others[1]), [], "the older claim withholds what it needs");
    assert_eq!(stage.end(running[1]), [older]);
    assert_eq!(stage.end(older), [younger]);
}

#[test]
fn a_younger_claim_does_not_bind_an_older_claimant() {
    let mut stage = Stage::of(&[slots(4), slots(4)]);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let others = [2, 2].map(|weight| stage.runs(&on(&[1]).weight(weight)));
    let younger = stage.waits(&on(&[0]).weight(4));
    let older = stage.waits(&on(&[1]).weight(4).and(0, 1).flow(2));
    assert_eq!(stage.end(others[0]), []);
    assert_eq!(stage.end(running[0]), []);
    assert!(stage.explain(older).claims && stage.explain(younger).claims);
    assert_eq!(stage.end(others[1]), [older]);
    assert_eq!(stage.end(running[1]), []);
    assert_eq!(stage.end(older), [younger]);
}

/// The claimant has waited for slots only; then it finds the last of a rate taken by another.
#[test]
fn a_claimant_that_comes_to_wait_for_time_alone_lets_those_go_whom_it_kept() {
    let mut config = config(&[slots(4), slots(1), slots(1)]);
    config.limits[2].budgets.push(rate(2, 100_000, SLIDING));
    let mut stage = Stage::new(config);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let (other, third) = (stage.runs(&on(&[1])), stage.runs(&on(&[2])));
    let claimant = stage.waits(&on(&[0]).weight(4).and(2, 1).priority(2));
    let important = stage.waits(&on(&[2]));
    let later = stage.waits(&on(&[1, 0]).flow(2).priority(2));
    assert_eq!(passes(&mut stage, claimant, running[0], other), []);
    assert_eq!(stage.end(running[1]), [], "the claimant moves on to the third limit");
    assert_eq!(stage.explain(claimant).limit, LimitId(2));
    assert_eq!(stage.explain(later).waits_for, WaitsFor::Claimant(claimant));
    assert_eq!(stage.end(third), [important, later], "the last of the rate is gone");
    let moment = Instant::from_millis(100_000);
    assert_eq!(stage.explain(claimant).waits_for, WaitsFor::Until(moment));
    assert_eq!(stage.end(important), []);
    assert_eq!(stage.at(100_000), []);
    assert_eq!(stage.end(later), [claimant]);
}

#[test]
fn a_claimant_that_gives_up_leaves_what_it_claimed_to_those_who_wait_there() {
    let mut stage = Stage::of(&[slots(4), slots(1)]);
    let running = [2, 2].map(|weight| stage.runs(&on(&[0]).weight(weight)));
    let other = stage.runs(&on(&[1]));
    let claimant = stage.waits(&on(&[0]).weight(4));
    let later = stage.waits(&on(&[1, 0]).flow(2));
    assert_eq!(passes(&mut stage, claimant, running[0], other), []);
    assert_eq!(stage.gives_up(claimant), [later]);
    let _ = running;
}

/// Each watches one limit, whose rate keeps it waiting, and claims the other.
#[test]
fn two_claimants_that_time_alone_keeps_waiting_do_not_wake_each_other_for_ever() {
    let mut config = config(&[slots(4), slots(4)]);
    for (limit, unit) in [(0, 0), (1, 1)] {
        let (counts, period) = (Counts::Unit(Unit(unit)), core::time::Duration::from_secs(100));
        let rate = BudgetConfig::Rate { counts, amount: 10, period, kind: SLIDING };
        config.limits[limit].budgets.push(rate);
    }
    let mut stage = Stage::new(config);
    let heavy = |limit: u16| on(&[limit]).weight(2).tokens(5).bytes(5);
    let firsts = [(); 2].map(|()| stage.runs(&heavy(0)));
    let seconds = [(); 2].map(|()| stage.runs(&heavy(1)));
    let one = stage.waits(&on(&[1]).weight(4).and(0, 1).tokens(1));
    let other = stage.waits(&on(&[0]).weight(4).and(1, 1).bytes(1).flow(2));
    for id in [seconds[0], firsts[0], seconds[1], firsts[1]] {
        assert_eq!(stage.end(id), []);
    }
    assert!(stage.explain(one).claims && stage.explain(other).claims);
    assert_eq!([one, other].map(|id| stage.explain(id).limit), [LimitId(0), LimitId(1)]);
    assert_eq!(stage.at(99_999), [], "and without a busy loop");
    assert_eq!(stage.at(100_000).len(), 1);
}
