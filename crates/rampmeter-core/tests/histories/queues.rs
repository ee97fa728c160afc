//! Who makes room when a queue is full.

use rampmeter_core::*;

use crate::slots;
use crate::stage::{Ask, Stage, config, on};

/// One slot, which is held, and a queue of four that evicts.
fn evicting() -> Stage {
    let mut config = config(&[slots(1), slots(1)]);
    config.limits[0].queue_size = 4;
    config.limits[0].overflow = Overflow::Evict;
    let mut stage = Stage::new(config);
    stage.runs(&on(&[0]).flow(99));
    stage
}

fn full() -> Refusal {
    Refusal { reason: Reason::QueueFull, limit: Some(LimitId(0)), retry: Retry::OnRelease }
}

/// One that comes while the queue is full, and who goes for it.
fn evicts(stage: &mut Stage, ask: &Ask) -> (CallId, Vec<(CallId, Reason)>) {
    let id = stage.waits(ask);
    (id, stage.refusals())
}

#[test]
fn the_newest_of_the_flow_that_has_the_most_beside_its_weight_makes_room() {
    let mut stage = evicting();
    let one = on(&[0]).flow(1);
    let two = on(&[0]).flow(2).share(4);
    let ones = [(); 3].map(|()| stage.waits(&one));
    let first_of_two = stage.waits(&two);
    let (third, gone) = evicts(&mut stage, &on(&[0]).flow(3));
    assert_eq!(gone, [(ones[2], Reason::Evicted)], "three of weight 1");
    assert_eq!(stage.refused(&one), full(), "it would be the newest of three");
    assert_eq!(stage.refusals(), []);
    let (_, gone) = evicts(&mut stage, &two);
    assert_eq!(gone, [(ones[1], Reason::Evicted)], "two of weight 1");
    let (_, gone) = evicts(&mut stage, &two);
    assert_eq!(gone, [(third, Reason::Evicted)], "the newer of two alike; three of weight 4");
    assert_eq!(stage.refused(&two), full(), "four of weight 4 are as much as one, and newer");
    let (_, gone) = evicts(&mut stage, &on(&[0]).flow(5).share(5));
    assert_eq!(gone, [(ones[0], Reason::Evicted)], "one of weight 1");
    assert!(stage.engine.explain(stage.now, first_of_two).is_some());
    assert_eq!(stage.engine.waiting(), 4);
}

#[test]
fn the_priority_that_has_the_most_beside_its_weight_makes_room() {
    let mut stage = evicting();
    let (high, middle, low) = (on(&[0]), on(&[0]).priority(1), on(&[0]).priority(2));
    let highs = [(); 2].map(|()| stage.waits(&high));
    let lows = [(); 2].map(|()| stage.waits(&low));
    for low in [lows[1], lows[0]] {
        assert_eq!(evicts(&mut stage, &high).1, [(low, Reason::Evicted)]);
    }
    assert_eq!(stage.refused(&low), full(), "1 of weight 1 is more than 4 of weight 16");
    assert_eq!(stage.refused(&middle), full(), "1 of weight 4 is as much, and weighs less");
    assert_eq!(stage.refused(&high), full());
    stage.gives_up(highs[0]);
    let (middle, gone) = evicts(&mut stage, &middle);
    assert_eq!(gone, []);
    let (_, gone) = evicts(&mut stage, &high);
    assert_eq!(gone, [(middle, Reason::Evicted)]);
}

#[test]
fn nobody_makes_room_for_a_call_that_another_limit_refuses() {
    let mut config = config(&[slots(1), slots(1)]);
    config.limits[0].queue_size = 1;
    config.limits[0].overflow = Overflow::Evict;
    config.limits[1].queue_size = 1;
    let mut stage = Stage::new(config);
    stage.runs(&on(&[0, 1]).flow(99));
    let low = stage.waits(&on(&[0]).priority(2));
    let behind = stage.waits(&on(&[1]));
    let refusal = stage.refused(&on(&[0, 1]));
    assert_eq!((refusal.reason, refusal.limit), (Reason::QueueFull, Some(LimitId(1))));
    assert_eq!(stage.refusals(), []);
    stage.gives_up(behind);
    stage.waits(&on(&[0, 1]));
    assert_eq!(stage.refusals(), [(low, Reason::Evicted)]);
}

#[test]
fn no_more_of_a_flow_wait_than_may_at_whatever_priority() {
    let mut config = config(&[slots(1)]);
    config.limits[0].queue_per_flow = Some(2);
    let mut stage = Stage::new(config);
    let holds = stage.runs(&on(&[0]).flow(9));
    let first = stage.waits(&on(&[0]));
    let second = stage.waits(&on(&[0]).priority(1));
    assert_eq!(stage.refused(&on(&[0]).priority(2)), full());
    let other = stage.waits(&on(&[0]).flow(2));
    assert_eq!(stage.gives_up(first), []);
    let third = stage.waits(&on(&[0]).priority(2));
    assert_eq!(stage.refused(&on(&[0])), full());
    assert_eq!(stage.end(holds), [other], "its priority weighs more");
    assert_eq!(stage.end(other), [second]);
    stage.waits(&on(&[0]));
    assert_eq!(stage.refused(&on(&[0])), full());
    assert_eq!(stage.engine.waiting(), 2);
    let _ = third;
}

#[test]
fn a_queue_that_refuses_holds_as_many_as_it_may_and_one_of_none_refuses_whoever_would_wait() {
    for size in [0u32, 1, 3] {
        for overflow in [Overflow::Refuse, Overflow::Evict] {
            let mut config = config(&[slots(1)]);
            (config.limits[0].queue_size, config.limits[0].overflow) = (size, overflow);
            let mut stage = Stage::new(config);
            stage.runs(&on(&[0]));
            for _ in 0..size {
                stage.waits(&on(&[0]));
            }
            assert_eq!(stage.refused(&on(&[0])), full());
            assert_eq!(stage.engine.waiting(), size as usize);
        }
    }
}

#[test]
fn a_limit_that_is_told_to_evict_knows_who_waits_already() {
    let mut config = config(&[slots(1)]);
    config.limits[0].queue_size = 3;
    let mut stage = Stage::new(config.clone());
    let holds = stage.runs(&on(&[0]).flow(99));
    let ones = [(); 2].map(|()| stage.waits(&on(&[0])));
    let two = stage.waits(&on(&[0]).flow(2));
    let limit = LimitConfig { overflow: Overflow::Evict, ..config.limits[0].clone() };
    assert_eq!(stage.edit(vec![Edit::Replace(LimitId(0), limit.clone())]), []);
    let (third, gone) = evicts(&mut stage, &on(&[0]).flow(3));
    assert_eq!(gone, [(ones[1], Reason::Evicted)]);
    // A queue that is made shorter than it is only drains.
    let shorter = LimitConfig { queue_size: 1, ..limit };
    assert_eq!(stage.edit(vec![Edit::Replace(LimitId(0), shorter)]), []);
    assert_eq!(stage.refused(&on(&[0]).flow(4)), full());
    assert_eq!(stage.refusals(), []);
    assert_eq!(stage.one_by_one(holds, 1), [ones[0], two, third]);
}

#[test]
fn shares_of_a_queue_are_compared_as_fractions() {
    let mut config = config(&[slots(1)]);
    (config.limits[0].queue_size, config.limits[0].overflow) = (7, Overflow::Evict);
    let mut stage = Stage::new(config);
    stage.runs(&on(&[0]).flow(99));
    let (high, middle) = (on(&[0]), on(&[0]).priority(1));
    for _ in 0..5 {
        stage.waits(&high);
    }
    let middles = [(); 2].map(|()| stage.waits(&middle));
    let (_, gone) = evicts(&mut stage, &high);
    assert_eq!(gone, [(middles[1], Reason::Evicted)], "6 of weight 16 are less than 2 of 4");
    assert_eq!(stage.refused(&high), full(), "7 of weight 16 are more than 1 of 4");
}

#[test]
fn a_queue_that_refuses_evicts_nobody_though_it_counts_the_calls_of_each_flow() {
    let mut config = config(&[slots(1)]);
    (config.limits[0].queue_size, config.limits[0].queue_per_flow) = (2, Some(2));
    let mut stage = Stage::new(config);
    stage.runs(&on(&[0]).flow(99));
    for _ in 0..2 {
        stage.waits(&on(&[0]));
    }
    assert_eq!(stage.refused(&on(&[0]).flow(2)), full());
    assert_eq!(stage.refusals(), []);
}
