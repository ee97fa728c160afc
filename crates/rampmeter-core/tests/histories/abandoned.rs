//! Work that goes on after its call has given its slots up.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Ask, Stage, config, on};

fn abandon(stage: &mut Stage, id: CallId) -> (Abandoned, Vec<CallId>) {
    stage.out.clear();
    let left = stage.engine.abandon(stage.now, id, Outcome::Overloaded, &mut stage.out);
    let started = stage.out.iter().filter_map(|output| match output {
        Output::Granted(id) => Some(*id),
        _ => None,
    });
    (left.unwrap(), started.collect())
}

/// What is held, abandoned, and was both at once at the most.
fn figures(stage: &Stage) -> (u64, u64, u64) {
    match stage.budget(0, 0) {
        BudgetSnapshot::Concurrency { held, abandoned, peak, .. } => (held, abandoned, peak),
        BudgetSnapshot::Rate { .. } => unreachable!(),
    }
}

#[test]
fn what_it_uses_is_free_for_others_and_counts_in_the_peak_until_it_ends() {
    let mut stage = Stage::of(&[slots(4)]);
    let gone = stage.runs(&on(&[0]).weight(3));
    let next = stage.waits(&on(&[0]).weight(2));
    let (left, started) = abandon(&mut stage, gone);
    assert_eq!((started, figures(&stage)), (vec![next], (2, 3, 5)));
    stage.runs(&on(&[0]).weight(2));
    assert_eq!(figures(&stage), (4, 3, 7));
    stage.waits(&on(&[0]));
    stage.engine.abandoned_ended(left);
    assert_eq!(figures(&stage), (4, 0, 7), "nobody starts, since nothing was held");
    let again = stage.engine.abandon(stage.now, gone, Outcome::Failed, &mut stage.out);
    assert!(again.is_none(), "it is no running call");
}

#[test]
fn of_slots_that_are_lent_it_gives_up_its_own_only() {
    let mut stage = Stage::of(&[slots(4)]);
    let parent = stage.runs(&on(&[0]).weight(2));
    let child = stage.runs(&on(&[0]).weight(3).made_by(parent));
    let (left, _) = abandon(&mut stage, child);
    assert_eq!(figures(&stage), (2, 1, 3));
    stage.engine.abandoned_ended(left);
    stage.end(parent);
    assert_eq!(figures(&stage), (0, 0, 3));
}

#[test]
fn a_value_of_a_label_is_kept_while_abandoned_work_counts_there_and_found_again_when_it_ends() {
    let mut config = config(&[slots(1)]);
    (config.limits[0].per, config.limits[0].max_instances) = (Some(LabelId(0)), 1);
    let mut stage = Stage::new(config);
    let of = |value: &str| -> Ask { on(&[0]).label(value) };
    let gone = stage.runs(&of("a"));
    let (left, _) = abandon(&mut stage, gone);
    stage.at(600_000);
    assert_eq!(stage.refused(&of("b")).reason, Reason::TooManyInstances);
    let next = stage.runs(&of("a"));
    assert_eq!(figures(&stage), (1, 1, 2));
    stage.end(next);
    stage.engine.abandoned_ended(left);
    assert_eq!(figures(&stage), (0, 0, 2));
    stage.at(1_200_000);
    stage.runs(&of("b"));
}

#[test]
fn it_outlives_a_resize_and_the_end_of_its_limit() {
    let mut stage = Stage::of(&[slots(2), slots(2)]);
    let (gone, other) = (stage.runs(&on(&[0])), stage.runs(&on(&[0]).and(1, 2)));
    let (left, _) = abandon(&mut stage, gone);
    let (more, _) = abandon(&mut stage, other);
    let resized = LimitConfig { name: "0".into(), budgets: vec![slots(7)], ..Default::default() };
    stage.edit(vec![Edit::Replace(LimitId(0), resized), Edit::Remove(LimitId(1))]);
    assert_eq!(figures(&stage), (0, 2, 2));
    stage.engine.abandoned_ended(left);
    stage.engine.abandoned_ended(more);
    assert_eq!(figures(&stage), (0, 0, 2));
}

#[test]
fn no_call_that_it_makes_starts_after_the_moment_by_which_a_running_call_must_have_ended() {
    let mut stage = Stage::of(&[slots(1)]);
    let parent = stage.runs(&on(&[]).until(5_000));
    assert!(stage.engine.must_end_by(parent, Instant::from_millis(3_000)));
    assert!(stage.engine.must_end_by(parent, Instant::from_millis(4_000)), "no later than before");
    assert_eq!(stage.engine.ends_by(parent), Some(Instant::from_millis(3_000)));
    stage.runs(&on(&[0]));
    let child = stage.waits(&on(&[0]).made_by(parent).until(9_000));
    assert_eq!(stage.at(2_999), []);
    assert_eq!(stage.refusals(), []);
    stage.at(3_000);
    assert_eq!(stage.refusals(), [(child, Reason::Deadline)]);
    assert_eq!(stage.refused(&on(&[]).made_by(parent)).reason, Reason::Deadline);
    stage.end(parent);
    assert!(!stage.engine.must_end_by(parent, Instant::EPOCH));
    assert_eq!(stage.engine.ends_by(parent), None);
}
