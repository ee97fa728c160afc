//! Who is rescued, and when.

use std::time::Duration;

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, config, on, rate};

fn patient(seconds: u64, budgets: &[BudgetConfig]) -> Stage {
    Stage::new(Config { patience: Duration::from_secs(seconds), ..config(budgets) })
}

#[test]
fn the_oldest_of_a_flow_is_rescued_when_none_of_it_has_started_for_its_patience() {
    let mut stage = patient(10, &[slots(2)]);
    let holds = stage.runs(&on(&[0]).weight(2).flow(9));
    let old = stage.waits(&on(&[0]).weight(2));
    let young = stage.waits(&on(&[0]));
    stage.at(1_000);
    let other = stage.waits(&on(&[0]).weight(2).flow(2));
    stage.at(1_500);
    let low = stage.waits(&on(&[0]).weight(2).priority(2));
    let rescued = |stage: &mut Stage| {
        let ids = [old, young, other, low];
        let explained = ids.map(|id| stage.engine.explain(stage.now, id));
        explained.map(|it| it.is_some_and(|it| it.rescued && it.claims))
    };
    assert_eq!(stage.explain(young).ahead, 1);
    assert_eq!(stage.explain(other).ahead, 0);
    stage.at(9_999);
    assert_eq!(rescued(&mut stage), [false; 4]);
    stage.at(10_000);
    assert_eq!(rescued(&mut stage), [true, false, false, false]);
    stage.at(20_000);
    assert_eq!(rescued(&mut stage), [true, false, false, false], "one at a time");
    assert_eq!(stage.end(holds), [old]);
    assert!(stage.engine.next_moment() <= Some(stage.now), "another is overdue");
    stage.at(20_000);
    assert_eq!(rescued(&mut stage), [false, false, true, false], "overdue since 11 s");
    stage.gives_up(other);
    stage.at(20_000);
    assert_eq!(rescued(&mut stage), [false, false, false, true], "so is this one");
    assert_eq!(stage.end(old), [low]);
    assert_eq!(stage.at(29_999), []);
    assert_eq!(rescued(&mut stage), [false; 4], "the first flow's patience began anew at 20 s");
    stage.at(30_000);
    assert_eq!(rescued(&mut stage), [false, true, false, false]);
    assert_eq!(stage.end(low), [young]);
}

#[test]
fn a_patience_that_is_made_shorter_counts_from_when_the_call_came() {
    let mut stage = patient(1_000, &[slots(1)]);
    stage.runs(&on(&[0]));
    let waits = stage.waits(&on(&[0]));
    stage.at(5_000);
    stage.edit(vec![Edit::Patience(Duration::from_secs(6))]);
    assert!(!stage.explain(waits).rescued);
    stage.at(6_000);
    assert!(stage.explain(waits).rescued);
}

/// Two slots are always given to light calls of a greater weight in turn; one that needs both
/// claims them only once it is its turn, which its weight puts off.
#[test]
fn a_rescued_call_goes_first_and_nothing_later_takes_what_it_needs() {
    let mut stage = patient(10, &[slots(2), slots(1)]);
    let holds = [(); 2].map(|()| stage.runs(&on(&[0]).flow(9)));
    let elsewhere = stage.runs(&on(&[1]).flow(9));
    let rescued = stage.waits(&on(&[0]).weight(2).priority(2));
    stage.at(9_000);
    let important = stage.waits(&on(&[0]).flow(2));
    let later = stage.waits(&on(&[1, 0]).flow(3));
    stage.at(10_000);
    assert!(stage.explain(rescued).rescued);
    assert_eq!(stage.end(holds[0]), []);
    assert_eq!(stage.end(elsewhere), []);
    assert_eq!(stage.end(holds[1]), [rescued]);
    let mut rest = stage.end(rescued);
    rest.sort_unstable();
    assert_eq!(rest, [important, later]);
}

#[test]
fn a_call_that_time_alone_keeps_waiting_is_not_rescued() {
    let mut stage = patient(10, &[rate(1, 60_000, SLIDING), slots(1)]);
    stage.runs(&on(&[0]));
    let quota = stage.waits(&on(&[0]));
    let holds = stage.runs(&on(&[1]));
    stage.at(15_000);
    let slot = stage.waits(&on(&[1]).flow(2));
    stage.at(25_000);
    assert!(!stage.explain(quota).rescued && stage.explain(slot).rescued);
    assert_eq!(stage.end(holds), [slot]);
    assert_eq!(stage.at(59_999), []);
    assert_eq!(stage.at(60_000), [quota]);
}

#[test]
fn a_call_of_a_paused_limit_is_not_rescued_and_stands_in_nobodys_way() {
    let mut stage = patient(10, &[slots(1), slots(1)]);
    let holds = stage.runs(&on(&[1]));
    stage.edit(vec![Edit::Pause(LimitId(0))]);
    let paused = stage.waits(&on(&[1, 0]));
    stage.at(5_000);
    let slot = stage.waits(&on(&[1]).flow(2));
    stage.at(15_000);
    assert!(!stage.explain(paused).rescued && stage.explain(slot).rescued);
    assert_eq!(stage.end(holds), [slot]);
    stage.edit(vec![Edit::Resume(LimitId(0))]);
    stage.at(40_000);
    assert!(stage.explain(paused).rescued);
    assert_eq!(stage.end(slot), [paused]);
}

#[test]
fn a_call_that_is_being_rescued_waits_no_longer_than_it_may() {
    let mut stage = patient(10, &[slots(1)]);
    stage.runs(&on(&[0]));
    let waits = stage.waits(&on(&[0]).may_wait(20_000));
    stage.at(19_999);
    assert!(stage.explain(waits).rescued);
    stage.at(20_000);
    assert_eq!(stage.refusals(), [(waits, Reason::QueueTimeout)]);
}

#[test]
fn those_of_a_flow_who_come_later_do_not_put_off_its_rescue() {
    let mut stage = patient(10, &[slots(1)]);
    stage.runs(&on(&[0]).flow(9));
    let first = stage.waits(&on(&[0]));
    for at in 1..10 {
        stage.at(at * 1_000);
        stage.waits(&on(&[0]));
    }
    stage.at(10_000);
    assert!(stage.explain(first).rescued);
}

#[test]
fn when_a_rescued_call_gives_up_the_next_of_its_flow_is_rescued() {
    let mut stage = patient(10, &[slots(1)]);
    stage.runs(&on(&[0]).flow(9));
    let waits = [(); 2].map(|()| stage.waits(&on(&[0])));
    stage.at(10_000);
    assert!(stage.explain(waits[0]).rescued);
    stage.gives_up(waits[0]);
    stage.at(10_000);
    assert!(stage.explain(waits[1]).rescued);
}
