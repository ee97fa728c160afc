//! Whose turn it is, call by call.

use crate::slots;
use crate::stage::{Stage, on};

/// Flow 1 is served 10 s beside a flow of nine times its weight, so it owes 9 s of virtual time;
/// from `idle_from` on nobody waits. Returns the stage and a call that runs.
fn in_debt(idle_from: u64) -> Stage {
    let mut stage = Stage::of(&[slots(1)]);
    let first = stage.runs(&on(&[0]).flow(9));
    let owes = stage.waits(&on(&[0]).flow(1));
    let heavy = stage.waits(&on(&[0]).flow(2).share(9));
    stage.at(10_000);
    assert_eq!(stage.end(first), [owes]);
    stage.at(idle_from);
    assert_eq!(stage.gives_up(heavy), []);
    stage.at(20_000);
    assert_eq!(stage.end(owes), []);
    stage
}

#[test]
fn a_debt_is_worked_off_while_nobody_waits() {
    let mut stage = in_debt(10_000);
    stage.at(100_000);
    let running = stage.runs(&on(&[0]).flow(9));
    let debtor = stage.waits(&on(&[0]).flow(1));
    let other = stage.waits(&on(&[0]).flow(3));
    assert_eq!(stage.one_by_one(running, 1), [debtor, other]);
}

#[test]
fn a_debt_is_worked_off_only_for_as_long_as_nobody_waits() {
    let mut stage = in_debt(19_000);
    let running = stage.runs(&on(&[0]).flow(9));
    let debtor = stage.waits(&on(&[0]).flow(1));
    let other = stage.waits(&on(&[0]).flow(3));
    assert_eq!(stage.one_by_one(running, 1), [other, debtor]);
}

#[test]
fn what_a_flow_takes_here_while_it_waits_elsewhere_counts_here() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let both = stage.runs(&on(&[0, 1]).flow(9));
    let elsewhere = stage.waits(&on(&[0, 1]).flow(1));
    let again = stage.waits(&on(&[1]).flow(1));
    let other = stage.waits(&on(&[1]).flow(2));
    stage.at(5_000);
    assert_eq!(stage.end(both), [elsewhere]);
    assert_eq!(stage.one_by_one(elsewhere, 1_000), [other, again]);
}

#[test]
fn what_a_priority_takes_here_while_it_waits_elsewhere_counts_here() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let both = stage.runs(&on(&[0, 1]).priority(1));
    let elsewhere = stage.waits(&on(&[0, 1]).priority(1));
    let again = stage.waits(&on(&[1]).priority(1));
    let other = stage.waits(&on(&[1]).priority(2));
    stage.at(5_000);
    assert_eq!(stage.end(both), [elsewhere]);
    assert_eq!(stage.one_by_one(elsewhere, 1_000), [other, again]);
}

#[test]
fn priorities_share_by_the_weights_that_they_are_given_on_the_way() {
    for (weights, expected) in [(None, 4), (Some(vec![16, 1, 1]), 2)] {
        let mut stage = Stage::of(&[slots(1)]);
        let first = stage.runs(&on(&[0]));
        let mut of_one = Vec::new();
        for _ in 0..8 {
            of_one.push(stage.waits(&on(&[0]).priority(1)));
            stage.waits(&on(&[0]).priority(2));
        }
        if let Some(weights) = weights {
            stage.edit(vec![rampmeter_core::Edit::Weights(weights)]);
        }
        let started = stage.one_by_one(first, 100);
        let early = started.iter().take(5).filter(|id| of_one.contains(id)).count();
        assert!(early.abs_diff(expected) <= 1, "{early} of the first five");
    }
}

#[test]
fn what_a_call_really_took_is_what_its_flow_pays() {
    let mut stage = Stage::of(&[slots(1)]);
    let first = stage.runs(&on(&[0]).flow(9));
    let mut of_slow = Vec::new();
    for _ in 0..4 {
        of_slow.push(stage.waits(&on(&[0]).flow(1).tool(1)));
        stage.waits(&on(&[0]).flow(2).tool(2));
    }
    stage.at(100);
    // Each takes 5 s where 100 ms were assumed; the others take 100 ms.
    let mut started = stage.end(first);
    let mut order = Vec::new();
    while let Some(id) = started.first().copied() {
        order.push(of_slow.contains(&id));
        let took = if of_slow.contains(&id) { 5_000 } else { 100 };
        let until = stage.now.as_nanos() / 1_000_000 + took;
        assert_eq!(stage.at(until), []);
        started = stage.end(id);
    }
    assert_eq!(order.iter().take(5).filter(|slow| **slow).count(), 1, "{order:?}");
}

#[test]
fn the_first_call_of_a_flow_that_gives_up_leaves_the_next_its_own_place() {
    let mut stage = Stage::of(&[slots(1)]);
    let first = stage.runs(&on(&[0]).flow(9));
    let gone = stage.waits(&on(&[0]).flow(1));
    let other = stage.waits(&on(&[0]).flow(2));
    let last = stage.waits(&on(&[0]).flow(1));
    assert_eq!(stage.gives_up(gone), []);
    assert_eq!(stage.one_by_one(first, 1), [other, last]);
}

#[test]
fn what_a_call_really_took_is_paid_at_each_limit_where_it_was_charged() {
    let mut stage = Stage::of(&[slots(1), slots(1)]);
    let both = stage.runs(&on(&[0, 1]).flow(9));
    let long = stage.waits(&on(&[0, 1]).flow(1).tool(1));
    let again = stage.waits(&on(&[1]).flow(1));
    let others = [(); 3].map(|()| stage.waits(&on(&[1]).flow(2)));
    stage.at(100);
    assert_eq!(stage.end(both), [long]);
    stage.at(10_000);
    let expected = [others[0], others[1], others[2], again];
    assert_eq!(stage.one_by_one(long, 100), expected);
}

#[test]
fn what_is_taken_where_nobody_waits_counts_against_nobody() {
    let mut stage = Stage::of(&[slots(1), slots(2)]);
    // Somebody has waited at the second limit before.
    let holds = stage.runs(&on(&[1]).weight(2).flow(9));
    let waited = stage.waits(&on(&[1]).flow(9));
    assert_eq!(stage.end(holds), [waited]);
    assert_eq!(stage.end(waited), []);
    let first = stage.runs(&on(&[0]).flow(9));
    let elsewhere = stage.waits(&on(&[0, 1]).flow(1));
    assert_eq!(stage.end(first), [elsewhere]);
    let fills = stage.runs(&on(&[1]).flow(9));
    let again = stage.waits(&on(&[1]).flow(1));
    let other = stage.waits(&on(&[1]).flow(2));
    assert_eq!(stage.end(fills), [again]);
    assert_eq!(stage.end(again), [other]);
}

#[test]
fn a_flow_in_debt_is_told_that_others_go_first() {
    let mut stage = in_debt(19_000);
    stage.runs(&on(&[0]).flow(9));
    let _others = [(); 2].map(|()| stage.waits(&on(&[0]).flow(3)));
    let refusal = stage.refused(&on(&[0]).flow(1).until(35_000));
    assert_eq!(refusal.reason, rampmeter_core::Reason::Deadline);
    stage.waits(&on(&[0]).flow(4).until(35_000));
}

/// What it was charged at its start is long worked off when it ends.
#[test]
fn a_flow_that_was_forgotten_still_pays_for_a_call_that_took_longer() {
    let mut stage = Stage::of(&[slots(2)]);
    let holds = [(); 2].map(|()| stage.runs(&on(&[0]).flow(9)));
    let long = stage.waits(&on(&[0]).flow(1).tool(1));
    let quick: Vec<_> = (0..20).map(|_| stage.waits(&on(&[0]).flow(2).tool(2))).collect();
    assert_eq!(stage.end(holds[0]), [long]);
    let mut last = stage.end(holds[1]);
    for at in 1..=10 {
        stage.at(at * 100);
        last = stage.end(last[0]);
    }
    stage.at(100_000);
    assert_eq!(stage.end(long), [quick[11]]);
    let again = stage.waits(&on(&[0]).flow(1));
    let other = stage.waits(&on(&[0]).flow(3));
    let mut order = stage.end(last[0]);
    order.extend(stage.one_by_one(quick[11], 1));
    let place = |id| order.iter().position(|it| *it == id);
    assert!(place(other) < place(again), "{order:?}");
}

#[test]
fn a_call_that_took_longer_is_paid_for_though_nobody_waits_when_it_ends() {
    let mut stage = Stage::of(&[slots(1)]);
    let first = stage.runs(&on(&[0]).flow(9));
    let owes = stage.waits(&on(&[0]).flow(1).tool(1));
    let gone = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.end(first), [owes]);
    stage.at(100_000);
    assert_eq!(stage.gives_up(gone), []);
    assert_eq!(stage.end(owes), []);
    let running = stage.runs(&on(&[0]).flow(9));
    let debtor = stage.waits(&on(&[0]).flow(1));
    let others = [(); 3].map(|()| stage.waits(&on(&[0]).flow(3)));
    let expected = [others[0], others[1], others[2], debtor];
    assert_eq!(stage.one_by_one(running, 1_000), expected);
}
