//! Limits that are per a label: one instance for each value, bounded in number.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{SLIDING, Stage, config, on, rate, tokens};

fn per(budget: BudgetConfig, most: u32) -> Stage {
    let mut config = config(&[budget]);
    config.limits[0].per = Some(LabelId(0));
    config.limits[0].max_instances = most;
    Stage::new(config)
}

fn labels(stage: &Stage) -> Vec<String> {
    let snapshot = stage.engine.snapshot(stage.now);
    snapshot.limits[0].instances.iter().filter_map(|it| it.label.clone()).collect()
}

fn too_many() -> Refusal {
    let (reason, limit) = (Reason::TooManyInstances, Some(LimitId(0)));
    Refusal { reason, limit, retry: Retry::OnRelease }
}

#[test]
fn a_value_gets_a_place_as_soon_as_another_is_done_and_no_sooner() {
    let mut stage = per(slots(2), 2);
    let firsts = [(); 2].map(|()| stage.runs(&on(&[0]).label("a")));
    let second = stage.runs(&on(&[0]).label("b"));
    assert_eq!(stage.refused(&on(&[0]).label("c")), too_many());
    stage.end(firsts[0]);
    assert_eq!(stage.refused(&on(&[0]).label("c")), too_many(), "one of it still runs");
    stage.end(firsts[1]);
    stage.runs(&on(&[0]).label("c"));
    assert_eq!(labels(&stage), ["b", "c"]);
    assert_eq!(stage.refused(&on(&[0]).label("a")), too_many());
    stage.end(second);
    stage.runs(&on(&[0]).label("a"));
    assert_eq!(labels(&stage), ["a", "c"]);
    assert_eq!(stage.engine.snapshot(stage.now).limits[0].peaks, [2], "of one that is gone");
}

#[test]
fn a_value_whose_rate_is_not_yet_forgotten_keeps_its_place() {
    let bucket = RateKind::Bucket { burst: 1 };
    let calendar = RateKind::Calendar { ends: Instant::from_millis(10_000) };
    for (kind, free) in [(SLIDING, 10_000), (bucket, 10_000), (calendar, 10_000)] {
        let mut stage = per(rate(1, 10_000, kind), 1);
        let id = stage.runs(&on(&[0]).label("a"));
        stage.end(id);
        assert_eq!(stage.refused(&on(&[0]).label("b")), too_many());
        stage.at(free - 1);
        assert_eq!(stage.refused(&on(&[0]).label("b")), too_many(), "{kind:?}");
        stage.at(free + 2);
        stage.runs(&on(&[0]).label("b"));
        assert_eq!(labels(&stage), ["b"]);
    }
}

#[test]
fn a_value_that_nobody_uses_is_forgotten_a_minute_later_when_another_comes() {
    let mut stage = per(slots(1), 10);
    for (at, label) in [(0, "a"), (30_000, "b"), (59_999, "c")] {
        stage.at(at);
        let id = stage.runs(&on(&[0]).label(label));
        stage.end(id);
    }
    assert_eq!(labels(&stage), ["a", "b", "c"]);
    // Other routes come and go in the meantime, so that none is kept for the next call.
    for weight in 0..200 {
        let id = stage.runs(&on(&[]).and(0, u64::from(weight % 2 == 0)).label("b").tokens(weight));
        stage.end(id);
    }
    stage.at(119_998);
    stage.runs(&on(&[0]).label("d"));
    assert_eq!(labels(&stage), ["a", "b", "c", "d"]);
    stage.at(119_999);
    stage.runs(&on(&[0]).label("e"));
    assert_eq!(labels(&stage), ["b", "d", "e"]);
}

#[test]
fn each_value_counts_for_itself_and_a_new_one_starts_from_nothing() {
    let mut stage = per(tokens(10, 10_000, SLIDING), 2);
    for label in ["a", "b"] {
        let id = stage.runs(&on(&[0]).label(label).tokens(10));
        stage.end(id);
        let waits = stage.waits(&on(&[0]).label(label).tokens(1));
        stage.gives_up(waits);
    }
    stage.at(10_000);
    stage.runs(&on(&[0]).label("c").tokens(10));
    assert_eq!(stage.engine.snapshot(stage.now).limits[0].instances.len(), 2);
}

#[test]
fn a_paused_limit_is_paused_for_values_that_come_later() {
    let mut stage = per(slots(1), 3);
    let id = stage.runs(&on(&[0]).label("a"));
    stage.edit(vec![Edit::Pause(LimitId(0)), Edit::Pause(LimitId(0))]);
    let waits = [stage.waits(&on(&[0]).label("b")), stage.waits(&on(&[0]).label("a"))];
    stage.end(id);
    assert!(stage.engine.snapshot(stage.now).limits[0].paused);
    let mut started = stage.edit(vec![Edit::Resume(LimitId(0))]);
    started.sort_unstable();
    assert_eq!(started, waits);
    assert!(!stage.engine.snapshot(stage.now).limits[0].paused);
    stage.runs(&on(&[0]).label("c"));
}

#[test]
fn a_window_that_is_moved_is_moved_for_every_value_and_for_those_that_come() {
    let calendar = RateKind::Calendar { ends: Instant::from_millis(50_000) };
    let mut stage = per(rate(1, 100_000, calendar), 3);
    let waits = ["a", "b"].map(|label| {
        stage.runs(&on(&[0]).label(label));
        stage.waits(&on(&[0]).label(label))
    });
    let ends = Instant::from_millis(2_000);
    assert!(stage.engine.align(stage.now, LimitId(0), 0, ends, &mut stage.out));
    stage.runs(&on(&[0]).label("c"));
    let last = stage.waits(&on(&[0]).label("c"));
    assert_eq!(stage.at(1_999), []);
    let mut started = stage.at(2_000);
    started.sort_unstable();
    assert_eq!(started, [waits[0], waits[1], last]);
    for (limit, budget) in [(0, 1), (1, 0)] {
        assert!(!stage.engine.align(stage.now, LimitId(limit), budget, ends, &mut stage.out));
    }
}

#[test]
fn a_value_that_takes_the_place_of_another_counts_by_the_budgets_that_there_are_now() {
    let mut stage = per(slots(1), 1);
    let id = stage.runs(&on(&[0]).label("a"));
    stage.end(id);
    let id = stage.runs(&on(&[0]).label("b"));
    let mut limit = config(&[slots(3)]).limits.remove(0);
    (limit.per, limit.max_instances) = (Some(LabelId(0)), 2);
    limit.budgets.push(rate(2, 10_000, SLIDING));
    stage.edit(vec![Edit::Replace(LimitId(0), limit)]);
    stage.end(id);
    let ids = [(); 2].map(|()| stage.runs(&on(&[0]).label("c")));
    stage.waits(&on(&[0]).label("c"));
    let snapshot = stage.engine.snapshot(stage.now);
    let budgets: Vec<_> = snapshot.limits[0].instances.iter().map(|it| it.budgets.len()).collect();
    assert_eq!(budgets, [2, 2]);
    for id in ids {
        assert_eq!(stage.end(id), []);
    }
}
