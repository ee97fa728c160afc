//! Inheritance of priority through keys, with and without.

use rampmeter_core::*;

use super::stage::{Ask, Stage, config, on};

const L: u16 = 0;
const HIGH: u8 = 0;
const MEDIUM: u8 = 1;
const LOW: u8 = 3;

fn none() -> Ask {
    on(&[])
}

fn stage(inherit: bool) -> Stage {
    let limits = config(&[BudgetConfig::slots(1)]);
    Stage::new(Config { inherit, priorities: vec![64, 16, 4, 1], ..limits })
}

fn priority_of(stage: &mut Stage, call: CallId) -> u8 {
    stage.engine.explain(stage.now, call).unwrap().priority.0
}

/// A low call holds a key and makes five calls, one after the other, at a limit for which medium
/// calls queue; a high call waits for the key. All calls at the limit take 10 ms. Says how long
/// the high one waits.
fn inversion(inherit: bool) -> u64 {
    let mut stage = stage(inherit);
    let mut busy = stage.runs(&on(&[L]).priority(MEDIUM));
    let low = stage.runs(&none().writes("k").priority(LOW).flow(2));
    for flow in 100..200 {
        stage.waits(&on(&[L]).priority(MEDIUM).flow(flow));
    }
    let high = stage.waits(&none().writes("k").priority(HIGH).flow(3));
    let (mut now, mut left) = (0, 5);
    let mut child = Some(stage.waits(&on(&[L]).made_by(low)));
    while left > 0 {
        now += 10;
        stage.at(now);
        let started = stage.end(busy);
        if child == Some(busy) {
            left -= 1;
            child = (left > 0).then(|| stage.waits(&on(&[L]).made_by(low)));
        }
        busy = started.first().copied().unwrap();
        stage.waits(&on(&[L]).priority(MEDIUM).flow(now));
    }
    assert_eq!(stage.end(low), [high]);
    now
}

#[test]
fn who_waits_for_a_key_lends_its_priority_to_the_calls_of_the_holder() {
    let (with, without) = (inversion(true), inversion(false));
    println!("three parties: the high call waits {with} ms, and {without} ms without inheritance");
    // One that runs goes before each, and for the rest all medium calls of its share.
    assert!(with <= 150, "{with}");
    assert!(without >= 5 * with, "{without}");
}

#[test]
fn who_is_before_another_in_the_line_waits_at_that_one_s_priority_elsewhere() {
    let mut stage = stage(true);
    let busy = stage.runs(&on(&[L]).priority(MEDIUM));
    let first = stage.waits(&on(&[L]).writes("k").priority(LOW).flow(2));
    let medium: Vec<_> =
        (0..9).map(|it| stage.waits(&on(&[L]).priority(MEDIUM).flow(9 + it))).collect();
    assert_eq!(priority_of(&mut stage, first), LOW);
    let high = stage.waits(&none().reads("k").priority(HIGH).flow(3));
    assert_eq!(priority_of(&mut stage, first), HIGH);
    assert_eq!(stage.end(busy), [first]);
    assert_eq!(stage.end(first), [medium[0], high]);
}

#[test]
fn chains_of_inheritance_are_followed_and_given_back() {
    let mut stage = stage(true);
    let busy = stage.runs(&on(&[L]).priority(MEDIUM));
    // One holds the first key and makes a call that waits for the second; its holder has made one
    // that waits for the limit.
    let one = stage.runs(&none().writes("a").priority(2).flow(1));
    let other = stage.runs(&none().reads("b").priority(LOW).flow(2));
    let at_limit = stage.waits(&on(&[L]).made_by(other));
    let at_key = stage.waits(&none().writes("b").made_by(one));
    let seen = |stage: &mut Stage| [at_key, at_limit].map(|it| priority_of(stage, it));
    assert_eq!(seen(&mut stage), [2, 2]);
    let medium = stage.waits(&none().reads("a").priority(MEDIUM).flow(3));
    assert_eq!(seen(&mut stage), [MEDIUM, MEDIUM]);
    let high = stage.waits(&none().reads("a").priority(HIGH).flow(4));
    assert_eq!(seen(&mut stage), [HIGH, HIGH]);
    // New calls have it from the beginning.
    let second = stage.waits(&on(&[L]).tool(1).made_by(other));
    assert_eq!(priority_of(&mut stage, second), HIGH);
    assert_eq!(stage.gives_up(high), []);
    assert_eq!(seen(&mut stage), [MEDIUM, MEDIUM]);
    assert_eq!(priority_of(&mut stage, second), MEDIUM);
    assert_eq!(stage.gives_up(medium), []);
    assert_eq!(seen(&mut stage), [2, 2]);
    assert_eq!(stage.gives_up(at_key), []);
    assert_eq!(priority_of(&mut stage, at_limit), LOW);
    assert_eq!(priority_of(&mut stage, second), LOW);
    assert_eq!(stage.end(busy), [at_limit]);
}

#[test]
fn readers_inherit_nothing_from_readers_unless_a_writer_stands_between() {
    let mut stage = stage(true);
    let busy = stage.runs(&on(&[L]).priority(MEDIUM));
    let reader = stage.runs(&none().reads("k").priority(LOW).flow(2));
    let child = stage.waits(&on(&[L]).made_by(reader));
    let high = stage.waits(&on(&[L]).reads("k").priority(HIGH).flow(3));
    assert_eq!(priority_of(&mut stage, child), LOW, "the high one waits for the limit alone");
    let writer = stage.waits(&none().writes("k").priority(2).flow(4));
    assert_eq!(priority_of(&mut stage, child), 2);
    let behind = stage.waits(&none().reads("k").priority(MEDIUM).flow(5));
    assert_eq!([child, high, writer].map(|it| priority_of(&mut stage, it)), [1, HIGH, MEDIUM]);
    assert_eq!(stage.gives_up(writer), [behind]);
    assert_eq!(priority_of(&mut stage, child), LOW);
    assert_eq!(stage.end(busy), [high]);
}

#[test]
fn calls_whose_caller_held_a_key_lose_what_they_had_from_it_when_it_ends() {
    let mut stage = stage(true);
    let _busy = stage.runs(&on(&[L]).priority(MEDIUM));
    let top = stage.runs(&none().priority(LOW).flow(2));
    let holder = stage.runs(&none().writes("k").made_by(top));
    let child = stage.waits(&on(&[L]).made_by(holder));
    let high = stage.waits(&none().writes("k").priority(HIGH).flow(3));
    assert_eq!(priority_of(&mut stage, child), HIGH);
    assert_eq!(stage.end(holder), [high], "it does not wait for its calls");
    assert_eq!(priority_of(&mut stage, child), LOW);
}

#[test]
fn slots_that_a_raised_call_took_of_what_is_reserved_are_given_back_as_such() {
    let reserved =
        BudgetConfig::Concurrency { size: 2, reserved: vec![(Priority(0), 1)], lend: true };
    let mut stage = Stage::of(&[reserved]);
    let low = stage.runs(&on(&[L]).priority(2).flow(1));
    let holder = stage.runs(&none().writes("k").priority(2).flow(2));
    let child = stage.waits(&on(&[L]).made_by(holder));
    let other = stage.waits(&on(&[L]).priority(2).flow(3));
    let high = stage.waits(&none().writes("k").priority(0).flow(4));
    // The last slot is for the high ones, and whoever they wait for.
    assert!(stage.out.contains(&Output::Granted(child)), "{:?}", stage.out);
    assert_eq!(stage.gives_up(high), []);
    assert_eq!(stage.end(child), [], "the slot is kept again");
    assert_eq!(stage.end(low), [other]);
}

#[test]
fn slots_that_pass_to_a_raised_borrower_are_given_back_at_the_right_priority() {
    let reserved =
        BudgetConfig::Concurrency { size: 2, reserved: vec![(Priority(0), 1)], lend: true };
    let mut stage = Stage::of(&[reserved, BudgetConfig::slots(1)]);
    let busy = stage.runs(&on(&[1]));
    let caller = stage.runs(&on(&[L]).writes("k").priority(2).flow(1));
    let child = stage.waits(&on(&[L, 1]).made_by(caller));
    let high = stage.waits(&none().writes("k").priority(0).flow(2));
    assert_eq!(priority_of(&mut stage, child), 0);
    assert_eq!(stage.end(busy), [child], "it stands on its caller's slot");
    assert_eq!(stage.end(caller), [high], "and now that slot is its own");
    // The one that is kept is in use by somebody that it is kept for, so the other is free.
    let low = stage.runs(&on(&[L]).priority(2).flow(3));
    assert_eq!(stage.end(child), []);
    stage.waits(&on(&[L]).priority(2).flow(3));
    assert_eq!(stage.end(low).len(), 1, "and low ones have one, and not one more");
    stage.runs(&on(&[L]).priority(0).flow(4));
}

#[test]
fn a_thousand_calls_of_one_holder_are_raised_bit_by_bit_and_all_given_back() {
    let mut stage = stage(true);
    let busy = stage.runs(&on(&[L]).priority(MEDIUM));
    let holder = stage.runs(&none().writes("k").priority(LOW).flow(2));
    let children: Vec<_> = (0..1_000).map(|_| stage.waits(&on(&[L]).made_by(holder))).collect();
    let high = stage.waits(&none().writes("k").priority(HIGH).flow(3));
    assert_eq!(stage.engine.next_moment(), Some(stage.now), "work is left over");
    stage.at(1);
    let all_at =
        |stage: &mut Stage, priority| children.iter().all(|it| priority_of(stage, *it) == priority);
    assert!(all_at(&mut stage, HIGH));
    stage.gives_up(high);
    stage.at(2);
    assert!(all_at(&mut stage, LOW));
    assert_eq!(stage.end(busy), [children[0]], "and in the order in which they came");
}
