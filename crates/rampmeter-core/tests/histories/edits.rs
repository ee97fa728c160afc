//! More of live change: what is kept of each budget, and for whom slots are reserved.

use std::time::Duration;

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, config, on, rate, tokens};

fn replace(budgets: Vec<BudgetConfig>) -> Vec<Edit> {
    vec![Edit::Replace(LimitId(0), LimitConfig { budgets, ..LimitConfig::default() })]
}

#[test]
fn a_window_of_another_length_lets_what_was_taken_go_that_much_sooner_or_later() {
    for (millis, free) in [(5_000, 5_000), (20_000, 20_000)] {
        let mut stage = Stage::of(&[rate(2, 10_000, SLIDING)]);
        stage.runs(&on(&[0]));
        stage.at(1_000);
        stage.runs(&on(&[0]));
        let waits = [(); 2].map(|()| stage.waits(&on(&[0])));
        stage.edit(replace(vec![rate(2, millis, SLIDING)]));
        assert_eq!(stage.used(0, 0), 2);
        assert_eq!(stage.at(free - 1), []);
        assert_eq!(stage.at(free), [waits[0]]);
        assert_eq!(stage.at(free + 999), []);
        assert_eq!(stage.at(free + 1_000), [waits[1]]);
    }
}

#[test]
fn a_calendar_window_that_gets_another_period_ends_when_it_is_told_and_keeps_what_was_used() {
    let calendar = |ends| RateKind::Calendar { ends: Instant::from_millis(ends) };
    for (period, ends, free) in [(10_000, 7_000, 5_000), (20_000, 7_000, 7_000)] {
        let mut stage = Stage::of(&[rate(1, 10_000, calendar(5_000))]);
        stage.runs(&on(&[0]));
        let waits = [(); 2].map(|()| stage.waits(&on(&[0])));
        stage.edit(replace(vec![rate(1, period, calendar(ends))]));
        assert_eq!(stage.used(0, 0), 1);
        assert_eq!(stage.at(free - 1), []);
        assert_eq!(stage.at(free), [waits[0]]);
        assert_eq!(stage.at(free + period - 1), []);
        assert_eq!(stage.at(free + period), [waits[1]]);
    }
}

#[test]
fn a_bucket_that_gets_another_burst_still_owes_what_it_owed() {
    let bucket = |burst| tokens(10, 10_000, RateKind::Bucket { burst });
    let mut stage = Stage::of(&[bucket(10)]);
    stage.runs(&on(&[0]).tokens(8));
    stage.at(3_000);
    assert_eq!(stage.used(0, 0), 5);
    stage.edit(replace(vec![bucket(6)]));
    assert_eq!(stage.used(0, 0), 5);
    stage.runs(&on(&[0]).tokens(1));
    let waits = stage.waits(&on(&[0]).tokens(1));
    assert_eq!(stage.at(3_999), []);
    assert_eq!(stage.at(4_000), [waits]);
    // One that is full stays full.
    stage.at(100_000);
    stage.edit(replace(vec![bucket(20)]));
    stage.runs(&on(&[0]).tokens(20));
}

#[test]
fn budgets_are_matched_by_what_they_are_and_count_whatever_their_order() {
    let calls = rate(10, 10_000, SLIDING);
    let units = tokens(100, 10_000, SLIDING);
    let bucket = rate(10, 10_000, RateKind::Bucket { burst: 10 });
    let mut stage = Stage::of(&[slots(9)]);
    stage.edit(replace(vec![calls.clone(), units.clone(), slots(9)]));
    let ids = [(); 2].map(|()| stage.runs(&on(&[0]).tokens(30)));
    assert_eq!([0, 1, 2].map(|budget| stage.used(0, budget)), [2, 60, 2]);
    stage.edit(replace(vec![slots(9), bucket.clone(), units.clone(), calls.clone()]));
    assert_eq!([0, 1, 2, 3].map(|budget| stage.used(0, budget)), [2, 0, 60, 2]);
    stage.end(ids[0]);
    stage.runs(&on(&[0]).tokens(30));
    assert_eq!([0, 1, 2, 3].map(|budget| stage.used(0, budget)), [2, 1, 90, 3]);
    stage.edit(replace(vec![bucket, slots(5)]));
    assert_eq!([0, 1].map(|budget| stage.used(0, budget)), [1, 2]);
    let peak = match stage.budget(0, 1) {
        BudgetSnapshot::Concurrency { peak, .. } => peak,
        BudgetSnapshot::Rate { .. } => 0,
    };
    assert_eq!(peak, 2);
    stage.end(ids[1]);
    assert_eq!(stage.used(0, 1), 1);
    stage.runs(&on(&[0]).weight(4).tokens(1_000));
}

#[test]
fn those_who_wait_ask_of_other_budgets_what_they_asked_for_when_they_came() {
    let mut stage = Stage::of(&[slots(1)]);
    let holds = stage.runs(&on(&[0]));
    let many = stage.waits(&on(&[0]).tokens(7));
    let few = stage.waits(&on(&[0]).tokens(3).flow(2));
    let more = stage.waits(&on(&[0]).tokens(1).flow(3));
    stage.edit(replace(vec![tokens(10, 10_000, SLIDING), slots(4)]));
    assert!(
        stage.out.contains(&Output::Granted(many)) && stage.out.contains(&Output::Granted(few))
    );
    assert_eq!((stage.used(0, 0), stage.used(0, 1)), (10, 3));
    for id in [holds, many, few] {
        stage.end(id);
    }
    assert_eq!((stage.used(0, 0), stage.used(0, 1)), (10, 0));
    assert!(stage.gives_up(more).is_empty());
}

#[test]
fn slots_are_reserved_for_those_whose_weight_is_as_great_as_it_is_now() {
    let reserved = vec![(Priority(1), 1)];
    let mut stage = Stage::of(&[BudgetConfig::Concurrency { size: 2, reserved, lend: true }]);
    stage.runs(&on(&[0]).priority(2));
    let low = stage.waits(&on(&[0]).priority(2));
    assert_eq!(stage.edit(vec![Edit::Weights(vec![16, 4, 4])]), [low]);
    stage.edit(vec![Edit::Weights(vec![1, 4, 4])]);
    stage.end(low);
    let refusal = stage.refused(&on(&[0]).weight(2));
    assert_eq!(refusal.reason, Reason::TooLarge);
    stage.runs(&on(&[0]).priority(1));
}

#[test]
fn a_limit_that_is_added_is_found_by_its_number_and_one_that_is_removed_by_nobody() {
    let mut stage = Stage::of(&[slots(1)]);
    let limit = LimitConfig { name: "new".into(), budgets: vec![slots(2)], ..Default::default() };
    let added = stage.engine.edit(vec![Edit::Add(limit.clone()), Edit::Add(limit.clone())]);
    let added = added.unwrap().commit(stage.now, &mut stage.out);
    assert_eq!(added, [LimitId(1), LimitId(2)]);
    assert_eq!(stage.engine.limit_name(LimitId(2)), "new");
    stage.runs(&on(&[1, 2]).weight(2));
    let waits = stage.waits(&on(&[2]));
    assert_eq!(stage.edit(vec![Edit::Remove(LimitId(2))]), [waits]);
    assert_eq!(stage.refused(&on(&[2])).reason, Reason::Unsupported);
    let wrong = [
        vec![Edit::Pause(LimitId(2))],
        vec![Edit::Resume(LimitId(3))],
        vec![Edit::Remove(LimitId(2))],
        vec![Edit::Replace(LimitId(2), limit)],
        vec![Edit::Weights(vec![1, 2])],
    ];
    for edits in wrong {
        assert!(stage.engine.edit(edits.clone()).is_err(), "{edits:?}");
    }
    let per = LimitConfig { per: Some(LabelId(0)), budgets: vec![slots(1)], ..Default::default() };
    assert!(stage.engine.edit(vec![Edit::Replace(LimitId(0), per)]).is_err());
    // What is removed while it is paused leaves nothing behind.
    stage.edit(vec![Edit::Pause(LimitId(1))]);
    stage.edit(vec![Edit::Remove(LimitId(1))]);
    stage.edit(vec![Edit::Patience(Duration::from_secs(1))]);
    let holds = stage.runs(&on(&[0]));
    let next = stage.waits(&on(&[0]));
    stage.at(2_000);
    assert!(stage.explain(next).rescued);
    assert_eq!(stage.end(holds), [next]);
}

#[test]
fn those_who_wait_and_take_nothing_of_a_budget_that_comes_pass_those_who_do() {
    let mut stage = Stage::of(&[slots(1)]);
    let holds = stage.runs(&on(&[0]));
    let takes = [(); 2].map(|()| stage.waits(&on(&[0]).tokens(5)));
    let without = stage.waits(&on(&[0]));
    stage.edit(replace(vec![slots(1), tokens(5, 10_000, SLIDING)]));
    assert_eq!(stage.end(holds), [takes[0]]);
    assert_eq!(stage.end(takes[0]), [without]);
    assert_eq!(stage.end(without), []);
    assert_eq!(stage.at(10_000), [takes[1]]);
}

#[test]
fn what_was_used_of_a_day_is_not_taken_for_what_was_used_of_a_minute() {
    let (minute, day) = (rate(30, 60_000, SLIDING), rate(1_000, 86_400_000, SLIDING));
    let limit = |budgets| LimitConfig { budgets, ..LimitConfig::default() };
    let config = Config { limits: vec![limit(vec![minute, day.clone()])], ..Config::default() };
    let mut stage = Stage::new(config);
    for _ in 0..20 {
        let id = stage.runs(&on(&[0]));
        stage.end(id);
    }
    stage.at(70_000);
    let id = stage.runs(&on(&[0]));
    stage.end(id);
    assert_eq!([0, 1].map(|budget| stage.used(0, budget)), [1, 21]);
    stage.edit(replace(vec![day]));
    assert_eq!(stage.used(0, 0), 21);
}

#[test]
fn windows_of_a_calendar_that_go_on_do_so_for_values_that_come_later_as_well() {
    let calendar = |ends| rate(1, 10_000, RateKind::Calendar { ends: Instant::from_millis(ends) });
    let limit = |ends| LimitConfig {
        budgets: vec![calendar(ends)],
        per: Some(LabelId(0)),
        max_instances: 9,
        ..LimitConfig::default()
    };
    let mut stage = Stage::new(Config { limits: vec![limit(5_000)], ..config(&[]) });
    stage.runs(&on(&[0]).label("a"));
    stage.edit(vec![Edit::Replace(LimitId(0), limit(7_000))]);
    stage.runs(&on(&[0]).label("b"));
    let waits = ["a", "b"].map(|value| stage.waits(&on(&[0]).label(value)));
    assert_eq!(stage.at(4_999), []);
    assert_eq!(stage.at(5_000), waits);
}
