//! Queues that are filled, and what is done while that is severe.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Ask, Stage, config, on};

const SEC: u64 = 1_000;

/// One slot, which is held, and a queue of ten: filled from 5 down to 2, severely from 8 down to 4.
fn pressed(spared: &[u8]) -> (Stage, CallId) {
    let mut config = config(&[slots(1), slots(9)]);
    config.limits[0].queue_size = 10;
    let mut stage = Stage::new(config);
    let mark = |enter_per_mille, leave_per_mille| Mark { enter_per_mille, leave_per_mille };
    stage.engine.set_pressure(PressureMarks {
        marks: [mark(500, 250), mark(800, 400)],
        spared: spared.iter().copied().map(Priority).collect(),
        shares: true,
    });
    let running = stage.runs(&on(&[0]).flow(99));
    (stage, running)
}

fn shortened(stage: &mut Stage) -> Vec<(CallId, Reason)> {
    stage.out.clear();
    stage.engine.shorten(stage.now, &mut stage.out);
    stage.refusals()
}

fn fill(stage: &mut Stage, many: usize, ask: &Ask) {
    for _ in 0..many {
        stage.waits(ask);
    }
}

fn low() -> Ask {
    on(&[0]).priority(2)
}

#[test]
fn a_queue_is_filled_from_a_mark_on_until_it_is_down_to_a_lower_one() {
    let (mut stage, _) = pressed(&[]);
    let mut waiting = Vec::new();
    let mut fills = Vec::new();
    for _ in 0..8 {
        waiting.push(stage.waits(&low()));
        fills.push(stage.engine.fills());
    }
    assert_eq!(fills[3..], [[0, 0], [1, 0], [1, 0], [1, 0], [1, 1]]);
    let fullest = stage.engine.fullest();
    assert_eq!(fullest, Some(Filled { limit: LimitId(0), waiting: 8, size: 10 }));
    fills.clear();
    for id in waiting.drain(1..).rev() {
        stage.gives_up(id);
        fills.push(stage.engine.fills());
    }
    let expected = [[1, 1], [1, 1], [1, 1], [1, 0], [1, 0], [0, 0], [0, 0]];
    assert_eq!(fills, expected, "7 calls, 6, 5, 4, 3, 2 and 1");
    assert_eq!(stage.engine.fullest(), None);
}

#[test]
fn a_limit_of_another_size_or_none_is_counted_anew() {
    let (mut stage, _) = pressed(&[]);
    fill(&mut stage, 5, &low());
    let longer = LimitConfig { queue_size: 100, ..config(&[slots(1)]).limits[0].clone() };
    stage.edit(vec![Edit::Replace(LimitId(0), longer.clone())]);
    assert_eq!(stage.engine.fills(), [0, 0]);
    stage.edit(vec![Edit::Replace(LimitId(0), LimitConfig { queue_size: 5, ..longer })]);
    assert_eq!(stage.engine.fills(), [1, 1]);
    stage.edit(vec![Edit::Remove(LimitId(0))]);
    assert_eq!(stage.engine.fills(), [0, 0]);
    assert_eq!(stage.engine.waiting(), 0, "they need it no longer");
}

#[test]
fn a_queue_is_shortened_by_the_newest_calls_of_priorities_over_their_share() {
    let (mut stage, _) = pressed(&[]);
    stage.waits(&on(&[0]));
    let lows = [(); 3].map(|()| stage.waits(&low()));
    stage.waits(&on(&[0]).priority(1));
    stage.waits(&on(&[0]).priority(1));
    let more = [(); 2].map(|()| stage.waits(&low().flow(7)));
    let gone: Vec<CallId> = shortened(&mut stage).into_iter().map(|(id, _)| id).collect();
    // 4 are kept: of weights 16, 4 and 1 the lows have the most beside theirs.
    assert_eq!(gone, [lows[2], more[1], lows[1], more[0]]);
    assert_eq!(shortened(&mut stage), [], "it is short now");
    assert_eq!(stage.engine.fills(), [1, 0]);
}

#[test]
fn who_is_spared_or_within_its_share_is_not_refused_when_a_queue_is_shortened() {
    let (mut stage, _) = pressed(&[2]);
    let highs = [(); 2].map(|()| stage.waits(&on(&[0])));
    fill(&mut stage, 7, &low());
    assert_eq!(shortened(&mut stage), [], "2 highs are less than 16 of 17 parts of 4");
    let middle = stage.waits(&on(&[0]).priority(1));
    assert_eq!(shortened(&mut stage), [(middle, Reason::Pressure)], "1 is more than 4 of 21");
    assert!(stage.engine.explain(stage.now, highs[1]).is_some());
    assert_eq!(stage.engine.waiting(), 9);
}

#[test]
fn calls_of_running_calls_are_neither_shortened_nor_refused_early() {
    let (mut stage, _) = pressed(&[]);
    stage.engine.set_refuses_early(true);
    let parent = stage.runs(&on(&[1]).priority(2));
    let nested = low().made_by(parent);
    let children = [(); 8].map(|()| stage.waits(&nested));
    assert_eq!(shortened(&mut stage), []);
    stage.waits(&nested);
    assert!(stage.engine.explain(stage.now, children[7]).is_some());
    assert_eq!(stage.refused(&low()).reason, Reason::Pressure);
}

#[test]
fn a_call_of_a_priority_that_has_its_share_of_a_filled_queue_is_refused_early() {
    let (mut stage, _) = pressed(&[1]);
    stage.engine.set_refuses_early(true);
    fill(&mut stage, 5, &low());
    let refused =
        Refusal { reason: Reason::Pressure, limit: Some(LimitId(0)), retry: Retry::OnRelease };
    assert_eq!(stage.refused(&low()), refused);
    fill(&mut stage, 3, &on(&[0]));
    assert_eq!(stage.refused(&on(&[0])), refused, "4 highs are more than 16 of 17 parts of 4");
    stage.waits(&on(&[0]).priority(1));
    stage.engine.set_refuses_early(false);
    stage.waits(&low());
}

#[test]
fn a_call_that_could_not_start_in_time_is_refused_early_and_told_when_it_could() {
    let (mut stage, running) = pressed(&[]);
    stage.at(SEC);
    stage.end(running);
    let second = stage.runs(&on(&[0]).flow(99));
    stage.waits(&on(&[0]).flow(99));
    stage.at(2 * SEC);
    assert_eq!(stage.end(second).len(), 1, "a second each");
    stage.waits(&on(&[0]));
    let hasty = on(&[0]).may_wait(SEC * 3 / 2);
    let patient = stage.waits(&hasty);
    stage.gives_up(patient);
    stage.engine.set_refuses_early(true);
    let refusal = stage.refused(&hasty);
    assert_eq!((refusal.reason, refusal.limit), (Reason::Pressure, Some(LimitId(0))));
    assert_eq!(refusal.retry, Retry::At(Instant::from_millis(4 * SEC)));
    stage.waits(&on(&[0]).may_wait(SEC * 5 / 2));
}
