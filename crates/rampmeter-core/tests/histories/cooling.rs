//! Cool-down: a throttled call stops its limit for all; then calls are let out one by one, two by
//! two, and so on.

use std::time::Duration;

use rampmeter_core::*;

use crate::stage::{Stage, config, on, rate};

impl Stage {
    fn throttled(&mut self, id: CallId, millis: Option<u64>) {
        self.out.clear();
        let delay = millis.map(Duration::from_millis);
        assert!(self.engine.throttled(self.now, id, delay, &mut self.out));
    }

    /// Until when the limit cools down, in milliseconds, rounded up.
    fn cooling(&self) -> Option<u64> {
        let until = self.engine.snapshot(self.now).limits[0].instances[0].cooling;
        until.map(|at| at.as_nanos().div_ceil(1_000_000))
    }
}

#[test]
fn one_throttled_call_stops_all_until_the_servers_delay_is_over() {
    let mut stage = Stage::of(&[BudgetConfig::slots(10), BudgetConfig::slots(10)]);
    let first = stage.runs(&on(&[0]));
    stage.throttled(first, Some(1_600));
    let until = stage.cooling().unwrap();
    assert!(
        (1_600..=1_701).contains(&until),
        "never sooner, and a sixteenth later at most: {until}"
    );
    let others: Vec<_> = (2..5).map(|flow| stage.waits(&on(&[0]).flow(flow))).collect();
    stage.runs(&on(&[1]));
    assert!(matches!(stage.explain(others[0]).waits_for, WaitsFor::Until(_)));
    assert_eq!(stage.at(1_599), []);
    assert_eq!(stage.at(until).len(), 1, "the probe");
    assert_eq!(stage.at(60_000), [], "the others wait for its end");
}

#[test]
fn a_call_that_cannot_wait_so_long_is_refused_at_once_with_the_moment() {
    let mut stage = Stage::of(&[BudgetConfig::slots(1)]);
    let first = stage.runs(&on(&[0]));
    let short = stage.waits(&on(&[0]).may_wait(5_000));
    let long = stage.waits(&on(&[0]).may_wait(50_000).flow(2));
    let due = stage.waits(&on(&[0]).until(9_000).flow(3));
    stage.throttled(first, Some(10_000));
    assert_eq!(stage.refusals(), [(short, Reason::QueueTimeout), (due, Reason::Deadline)]);
    let until = |refusal: &Refusal| match refusal.retry {
        Retry::At(at) => at.as_nanos() / 1_000_000,
        _ => 0,
    };
    for output in &stage.out {
        if let Output::Refused(_, refusal) = output {
            assert!((10_000..=10_625).contains(&until(refusal)), "{refusal:?}");
        }
    }
    let refusal = stage.refused(&on(&[0]).may_wait(100));
    assert_eq!((refusal.reason, refusal.limit), (Reason::QueueTimeout, Some(LimitId(0))));
    assert!((10_000..=10_625).contains(&until(&refusal)), "{refusal:?}");
    stage.end_as(first, Outcome::Overloaded);
    assert_eq!(stage.at(11_000), [long]);
}

/// A thousand wait when it lifts, each call takes 100 ms: how many are out doubles with each round.
#[test]
fn a_thousand_that_waited_come_as_a_ramp() {
    let mut stage = Stage::of(&[BudgetConfig::slots(1_000)]);
    let first = stage.runs(&on(&[0]));
    stage.throttled(first, Some(1_000));
    stage.end_as(first, Outcome::Overloaded);
    for flow in 0..1_000 {
        stage.waits(&on(&[0]).flow(flow));
    }
    let (mut ends, mut starts): (Vec<(u64, CallId)>, Vec<u64>) = (Vec::new(), Vec::new());
    for now in 0..5_000 {
        let mut started = stage.at(now);
        while let Some(at) = ends.iter().position(|(end, _)| *end <= now) {
            let (_, id) = ends.remove(at);
            started.extend(stage.end(id));
        }
        starts.extend(started.iter().map(|_| now));
        ends.extend(started.into_iter().map(|id| (now + 100, id)));
    }
    assert_eq!(starts.len(), 1_000);
    let began = starts[0];
    let rounds: Vec<usize> = (0..20)
        .map(|round| began + round * 100)
        .map(|from| starts.iter().filter(|at| (from..from + 100).contains(*at)).count())
        .collect();
    println!("a thousand that waited start, per 100 ms: {rounds:?}");
    assert_eq!(rounds[0], 1);
    for pair in rounds.windows(2) {
        assert!(pair[1] <= 2 * pair[0] + 1, "{rounds:?}");
    }
    // Within a round they do not start together.
    let most = starts.chunk_by(|a, b| a == b).map(<[u64]>::len).max().unwrap();
    assert!(most <= 16, "{most} in one millisecond of a round of hundreds");
    assert!(starts[999] - began <= 2_000, "{rounds:?}");
    assert_eq!(stage.cooling(), None, "it is over");
}

#[test]
fn a_delay_is_never_shortened_and_the_last_moment_counts() {
    let mut stage = Stage::of(&[BudgetConfig::slots(10)]);
    let ids = [1, 2, 3].map(|flow| stage.runs(&on(&[0]).flow(flow)));
    stage.throttled(ids[0], Some(10_000));
    let until = stage.cooling();
    stage.throttled(ids[1], Some(100));
    assert_eq!(stage.cooling(), until);
    stage.throttled(ids[2], Some(20_000));
    assert!(stage.cooling() >= Some(20_000));
}

#[test]
fn without_a_delay_it_is_made_up_and_doubles_only_when_a_later_call_is_throttled() {
    let mut stage = Stage::of(&[BudgetConfig::slots(10)]);
    let ids = [1, 2].map(|flow| stage.runs(&on(&[0]).flow(flow)));
    stage.throttled(ids[0], None);
    let first = stage.cooling().unwrap();
    assert!((1_000..=1_063).contains(&first), "{first}");
    stage.at(500);
    stage.throttled(ids[1], None);
    assert_eq!(stage.cooling(), Some(first), "it tells what is known");
    for id in ids {
        stage.end_as(id, Outcome::Overloaded);
    }
    let mut began = first;
    for least in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        stage.at(began);
        let probe = stage.runs(&on(&[0]));
        stage.throttled(probe, None);
        stage.end_as(probe, Outcome::Overloaded);
        let until = stage.cooling().unwrap();
        assert!((least..=least + least / 16 + 1).contains(&(until - began)), "{until} {least}");
        began = until;
    }
}

#[test]
fn a_probe_that_is_given_up_says_nothing_and_the_next_one_goes() {
    let mut stage = Stage::of(&[BudgetConfig::slots(10)]);
    let first = stage.runs(&on(&[0]));
    stage.throttled(first, Some(1_000));
    stage.end_as(first, Outcome::Overloaded);
    let waits = [1, 2, 3].map(|flow| stage.waits(&on(&[0]).flow(flow)));
    assert_eq!(stage.at(1_100), [waits[0]]);
    assert_eq!(stage.end_as(waits[0], Outcome::Cancelled), [waits[1]], "one, and not two");
    let mut rest = stage.end_as(waits[1], Outcome::Failed);
    rest.extend(stage.at(1_200));
    assert_eq!(rest, [waits[2]], "the server took it in");
}

#[test]
fn what_a_running_call_makes_is_stopped_and_not_paced() {
    let mut stage = Stage::of(&[BudgetConfig::slots(10)]);
    let first = stage.runs(&on(&[0]));
    stage.throttled(first, Some(1_000));
    stage.end_as(first, Outcome::Overloaded);
    let probe = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.at(1_100), [probe]);
    let child = stage.runs(&on(&[0]).made_by(probe));
    stage.throttled(child, Some(1_000));
    let stopped = stage.waits(&on(&[0]).made_by(probe));
    assert_eq!(stage.at(2_300), [stopped]);
}

#[test]
fn a_limit_that_does_not_learn_goes_on() {
    let mut config = config(&[BudgetConfig::slots(10), BudgetConfig::slots(10)]);
    config.limits[1].learns = false;
    let mut stage = Stage::new(config);
    let both = stage.runs(&on(&[0, 1]));
    stage.throttled(both, Some(1_000));
    stage.runs(&on(&[1]));
    stage.waits(&on(&[0]));
}

#[test]
fn each_instance_cools_down_by_itself_also_when_it_is_collected_meanwhile() {
    let mut config = config(&[rate(100, 1_000, crate::stage::SLIDING)]);
    (config.limits[0].per, config.limits[0].max_instances) = (Some(LabelId(0)), 1);
    let mut stage = Stage::new(config);
    let first = stage.runs(&on(&[0]).label("a"));
    stage.throttled(first, Some(5_000));
    stage.end_as(first, Outcome::Overloaded);
    let refusal = stage.refused(&on(&[0]).label("b"));
    assert_eq!(refusal.reason, Reason::TooManyInstances, "it is kept as long as it cools down");
    stage.at(6_000);
    stage.runs(&on(&[0]).label("b"));
    stage.at(7_500);
}

#[test]
fn the_same_seed_waits_the_same_and_another_one_otherwise() {
    let until = |seed: u64| {
        let config = Config { seed, ..config(&[BudgetConfig::slots(10)]) };
        let mut stage = Stage::new(config);
        let first = stage.runs(&on(&[0]));
        stage.throttled(first, Some(100_000));
        stage.cooling().unwrap()
    };
    assert_eq!(until(7), until(7));
    let all: std::collections::BTreeSet<u64> = (0..20).map(until).collect();
    assert!(all.len() > 15, "{all:?}");
}

#[test]
fn a_limit_that_is_removed_while_it_cools_down_is_in_nobodys_way() {
    let mut stage = Stage::of(&[BudgetConfig::slots(1), BudgetConfig::slots(1)]);
    let first = stage.runs(&on(&[0]));
    stage.throttled(first, Some(5_000));
    let waits = stage.waits(&on(&[0, 1]).flow(2));
    assert_eq!(stage.edit(vec![Edit::Remove(LimitId(0))]), [waits]);
    stage.end(first);
}

#[test]
fn a_new_call_that_cannot_wait_so_long_is_refused_wherever_it_would_wait() {
    let mut stage = Stage::of(&[BudgetConfig::slots(1), BudgetConfig::slots(9)]);
    let first = stage.runs(&on(&[1]));
    stage.runs(&on(&[0]));
    stage.throttled(first, Some(10_000));
    let refusal = stage.refused(&on(&[0, 1]).may_wait(5_000));
    assert_eq!((refusal.reason, refusal.limit), (Reason::QueueTimeout, Some(LimitId(1))));
    assert!(matches!(refusal.retry, Retry::At(at) if at >= Instant::from_millis(10_000)));
    stage.waits(&on(&[0, 1]).may_wait(50_000));
}

#[test]
fn many_calls_that_tell_of_one_throttle_are_one_piece_of_news() {
    let mut stage = Stage::of(&[BudgetConfig::slots(10)]);
    let ids = [1, 2, 3].map(|flow| stage.runs(&on(&[0]).flow(flow)));
    let mut told = Vec::new();
    for (id, millis) in ids.into_iter().zip([10_000, 100, 20_000]) {
        stage.throttled(id, Some(millis));
        let cooling = stage.out.iter().filter(|it| matches!(it, Output::Cooling { .. }));
        told.push(cooling.count());
    }
    assert_eq!(told, [1, 0, 1]);
}
