//! Limits that learn how many slots they have.

use rampmeter_core::*;

use super::stage::{Ask, Stage, config, on};

/// One limit that starts with `size` slots, between 1 and 100.
fn stage(rule: AdaptiveRule, size: u64) -> Stage {
    Stage::new(adaptive(rule, size, vec![]))
}

fn adaptive(rule: AdaptiveRule, size: u64, reserved: Vec<(Priority, u64)>) -> Config {
    let mut config = config(&[BudgetConfig::Concurrency { size, reserved, lend: true }]);
    config.limits[0].adaptive = Some(Adaptive { rule, min: 1, max: 100 });
    config
}

fn size(stage: &Stage) -> u64 {
    match stage.budget(0, 0) {
        BudgetSnapshot::Concurrency { size, .. } => size,
        BudgetSnapshot::Rate { .. } => panic!("slots have become a rate"),
    }
}

/// As many calls as `count`, all of which start now.
fn start(stage: &mut Stage, ask: &Ask, count: u64) -> Vec<CallId> {
    (0..count).map(|_| stage.runs(ask)).collect()
}

/// A round: as many calls as there is room for, which all end so a millisecond later.
fn round(stage: &mut Stage, outcome: Outcome) {
    pass(stage, 1);
    let calls = start(stage, &on(&[0]), size(stage));
    pass(stage, 1);
    for call in calls {
        stage.end_as(call, outcome);
    }
}

fn pass(stage: &mut Stage, millis: u64) {
    let now = stage.now.as_nanos() / 1_000_000;
    stage.at(now + millis);
}

/// Shrinks an idle limit to one slot, by one overload after the other.
fn down_to_one(stage: &mut Stage) {
    for _ in 0..100 {
        pass(stage, 1);
        let call = stage.runs(&on(&[0]));
        pass(stage, 1);
        stage.end_as(call, Outcome::Overloaded);
    }
    assert_eq!(size(stage), 1, "it never falls below its min");
}

#[test]
fn a_full_round_of_successes_adds_one_slot_and_tells_it() {
    let mut stage = stage(AdaptiveRule::Aimd, 10);
    let calls = start(&mut stage, &on(&[0]), 10);
    let waits = stage.waits(&on(&[0]));
    pass(&mut stage, 1);
    for call in &calls[..5] {
        assert_eq!(stage.end(*call).len(), usize::from(call == &calls[0]));
        assert_eq!(size(&stage), 10);
    }
    let more = start(&mut stage, &on(&[0]), 4);
    for call in &calls[5..9] {
        stage.end(*call);
    }
    let _ = start(&mut stage, &on(&[0]), 4);
    assert_eq!(size(&stage), 10, "nine of ten");
    stage.end(calls[9]);
    let said = Output::Resized { limit: LimitId(0), size: 11 };
    assert_eq!(stage.out.iter().filter(|it| **it == said).count(), 1, "{:?}", stage.out);
    assert_eq!(size(&stage), 11);
    for call in more.into_iter().chain([waits]) {
        stage.end(call);
    }
}

#[test]
fn one_overload_cuts_and_those_that_started_before_do_not_cut_again() {
    let mut stage = stage(AdaptiveRule::Aimd, 40);
    let calls = start(&mut stage, &on(&[0]), 40);
    pass(&mut stage, 1);
    for call in calls {
        stage.end_as(call, Outcome::Overloaded);
    }
    assert_eq!(size(&stage), 38, "a twentieth, once");
    pass(&mut stage, 1);
    let calls = start(&mut stage, &on(&[0]), 38);
    pass(&mut stage, 1);
    for call in calls {
        stage.end_as(call, Outcome::Overloaded);
    }
    assert_eq!(size(&stage), 35, "two twentieths, as nothing went well since the last");
}

#[test]
fn a_shrink_is_absorbed_and_nothing_starts_until_enough_have_ended() {
    let mut stage = stage(AdaptiveRule::Aimd, 40);
    let calls = start(&mut stage, &on(&[0]), 40);
    let waits = [stage.waits(&on(&[0])), stage.waits(&on(&[0]))];
    pass(&mut stage, 1);
    assert_eq!(stage.end_as(calls[0], Outcome::Overloaded), [], "39 are held of 38");
    assert_eq!((size(&stage), stage.used(0, 0)), (38, 39));
    assert_eq!(stage.end_as(calls[1], Outcome::Overloaded), [], "38 of 38");
    assert_eq!(stage.end_as(calls[2], Outcome::Overloaded), [waits[0]]);
}

#[test]
fn cancelled_calls_and_a_limit_that_is_hardly_used_teach_nothing() {
    let mut stage = stage(AdaptiveRule::Aimd, 10);
    for _ in 0..10 {
        round(&mut stage, Outcome::Cancelled);
    }
    assert_eq!(size(&stage), 10, "whoever is given up says nothing");
    for _ in 0..100 {
        let calls = start(&mut stage, &on(&[0]), 4);
        pass(&mut stage, 1);
        for call in calls {
            stage.end(call);
        }
    }
    assert_eq!(size(&stage), 10, "four of ten say nothing");
}

#[test]
fn it_grows_by_an_eighth_a_round_at_most_and_never_beyond_its_max() {
    let mut stage = stage(AdaptiveRule::Aimd, 16);
    for _ in 0..200 {
        let before = size(&stage);
        round(&mut stage, Outcome::Failed);
        let after = size(&stage);
        assert!(after <= before + (before / 8).max(1), "{before} → {after}");
    }
    assert_eq!(size(&stage), 100, "calls that failed of their own were let in");
}

#[test]
fn a_call_heavier_than_the_present_size_starts_when_nothing_else_is_held() {
    let mut stage = stage(AdaptiveRule::Aimd, 10);
    assert_eq!(stage.refused(&on(&[0]).weight(101)).reason, Reason::TooLarge);
    down_to_one(&mut stage);
    let running = stage.runs(&on(&[0]));
    let heavy = stage.waits(&on(&[0]).weight(100));
    let light = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.end_as(running, Outcome::Cancelled), [heavy]);
    assert_eq!((size(&stage), stage.used(0, 0)), (1, 100), "it holds all that it weighs");
    assert_eq!(stage.end_as(heavy, Outcome::Cancelled), [light]);
    assert_eq!(stage.end_as(light, Outcome::Cancelled), []);
    let heavy = stage.runs(&on(&[0]).weight(7));
    stage.end(heavy);
}

#[test]
fn slots_that_are_reserved_leave_the_last_one_to_everybody() {
    let mut stage = Stage::new(adaptive(AdaptiveRule::Aimd, 10, vec![(Priority(0), 6)]));
    down_to_one(&mut stage);
    let low = stage.runs(&on(&[0]).priority(2).weight(30));
    let high = stage.waits(&on(&[0]));
    assert_eq!(stage.end_as(low, Outcome::Cancelled), [high]);
    let low = stage.waits(&on(&[0]).priority(2));
    assert_eq!(stage.end_as(high, Outcome::Cancelled), [low]);
}

#[test]
fn other_figures_keep_what_was_learned_as_far_as_they_allow_it() {
    let mut stage = stage(AdaptiveRule::Aimd, 40);
    round(&mut stage, Outcome::Succeeded);
    assert_eq!(size(&stage), 41);
    let limit = |size, max| {
        let adaptive = Some(Adaptive { rule: AdaptiveRule::Aimd, min: 1, max });
        let limit = config(&[BudgetConfig::slots(size)]).limits[0].clone();
        LimitConfig { adaptive, ..limit }
    };
    stage.edit(vec![Edit::Replace(LimitId(0), limit(10, 60)), Edit::Weights(vec![3, 2, 1])]);
    assert_eq!(size(&stage), 41, "not where it would start");
    stage.edit(vec![Edit::Replace(LimitId(0), limit(10, 20))]);
    assert_eq!(size(&stage), 20);
    let fixed = config(&[BudgetConfig::slots(7)]).limits[0].clone();
    stage.edit(vec![Edit::Replace(LimitId(0), fixed)]);
    round(&mut stage, Outcome::Succeeded);
    assert_eq!(size(&stage), 7, "fixed now");
}

#[test]
fn nested_calls_that_a_shrink_makes_wait_for_each_other_are_told() {
    let mut stage = stage(AdaptiveRule::Aimd, 6);
    let parents = [0, 1].map(|_| stage.runs(&on(&[0]).weight(2)));
    let others = [0, 1].map(|_| stage.runs(&on(&[0])));
    let next = stage.waits(&on(&[0]));
    let children = parents.map(|parent| stage.waits(&on(&[0]).weight(3).made_by(parent)));
    pass(&mut stage, 1);
    assert_eq!(stage.end_as(others[0], Outcome::Overloaded), [], "five are held of five");
    assert_eq!(stage.end_as(others[1], Outcome::Cancelled), [next]);
    pass(&mut stage, 1);
    assert_eq!(stage.end_as(next, Outcome::Overloaded), [], "two and two are held of four");
    assert_eq!(stage.refusals(), [(children[1], Reason::WouldDeadlock)]);
    assert_eq!(stage.end(parents[1]), [children[0]]);
}

/// What counts as all that it could have counts as more when there is more, while its callers hold
/// more than all of it: it weighs two now, one is lent to it, and three of two are held.
#[test]
fn a_nested_call_that_growth_leaves_without_room_for_ever_is_told() {
    let mut config = adaptive(AdaptiveRule::Aimd, 1, vec![]);
    config.limits.push(self::config(&[BudgetConfig::slots(1)]).limits[0].clone());
    let mut stage = Stage::new(config);
    let other = stage.runs(&on(&[1]));
    let top = stage.runs(&on(&[0]).weight(3));
    let middle = stage.runs(&on(&[0]).made_by(top));
    let quick = stage.runs(&on(&[0]).made_by(middle));
    let heavy = stage.waits(&on(&[1]).and(0, 6).made_by(middle));
    pass(&mut stage, 1);
    assert_eq!(stage.end(quick), []);
    assert_eq!(size(&stage), 2, "a whole round of one");
    assert_eq!(stage.refusals(), [(heavy, Reason::WouldDeadlock)]);
    for call in [middle, top, other] {
        assert_eq!(stage.end(call), []);
    }
    assert_eq!((stage.used(0, 0), stage.used(1, 0)), (0, 0));
}

#[test]
fn vegas_grows_while_calls_are_as_quick_as_ever_and_shrinks_when_they_queue() {
    let mut stage = stage(AdaptiveRule::Vegas, 20);
    let run = |stage: &mut Stage, rounds: u64, knee: u64| {
        for _ in 0..rounds {
            pass(stage, 1);
            let calls = start(stage, &on(&[0]), size(stage));
            let held = calls.len() as u64;
            pass(stage, (held * 100 / knee).max(100));
            for call in calls {
                stage.end(call);
            }
        }
        size(stage)
    };
    let at_forty = run(&mut stage, 200, 40);
    assert!((40..=48).contains(&at_forty), "{at_forty}");
    let at_twenty = run(&mut stage, 100, 20);
    assert!((20..=25).contains(&at_twenty), "{at_twenty}");
    let at_sixty = run(&mut stage, 200, 60);
    assert!((60..=72).contains(&at_sixty), "{at_sixty}");
}

#[test]
fn figures_that_contradict_each_other_are_refused() {
    let with = |budgets: &[BudgetConfig], min, max| {
        let mut config = config(&[BudgetConfig::slots(1)]);
        config.limits[0].budgets = budgets.to_vec();
        config.limits[0].adaptive = Some(Adaptive { rule: AdaptiveRule::Aimd, min, max });
        Engine::new(config).map(|_| ()).map_err(|error| error.message)
    };
    assert!(with(&[BudgetConfig::slots(5)], 1, 9).is_ok());
    for (size, min, max) in [(5, 6, 9), (5, 1, 4), (5, 0, 9), (5, 9, 1)] {
        assert!(with(&[BudgetConfig::slots(size)], min, max).is_err(), "{size} {min} {max}");
    }
    let two = [BudgetConfig::slots(5), BudgetConfig::slots(6)];
    assert!(with(&two, 1, 9).is_err(), "which of them?");
    assert!(with(&[super::stage::rate(5, 100, super::stage::SLIDING)], 1, 9).is_err());
}
