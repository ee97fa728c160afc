use std::pin::pin;
use std::task::Poll;

use rampmeter::{Call, Outcome, Reason, Retry};

use crate::support::{Wakes, World, assert_idle, assert_sums, poll_once};

#[test]
fn the_last_slots_are_kept_for_those_who_may_have_them() {
    let world = World::new(
        "[limits.host]\nconcurrency = 8\nreserved = { critical = 2, high = 5 }\n\
         [tools.t]\nlimits = [\"host\"]",
    );
    let gate = &world.gate;
    let fill = |priority: &'static str| {
        let call = move || Call::new("t").priority(priority);
        std::iter::from_fn(|| gate.try_admit(call()).ok()).take(99).collect::<Vec<_>>()
    };
    let low = fill("low");
    let normal = fill("normal");
    let high = fill("high");
    let critical = fill("critical");
    let counts = [low.len(), normal.len(), high.len(), critical.len()];
    assert_eq!(counts, [3, 0, 3, 2], "of 8 slots, 5 are kept for high and above, 2 for critical");
    assert_eq!(gate.snapshot().limits[0].peaks[0], 8);
    let refusal = gate.try_admit(Call::new("t").priority("low")).unwrap_err();
    assert_eq!((refusal.reason, refusal.retry), (Reason::WouldWait, Retry::OnRelease));
    drop((low, high, critical));
    assert_eq!(fill("low").len(), 3);
    assert_idle(gate, "at the end");
}

#[test]
fn a_waiting_low_call_does_not_take_a_kept_slot_when_it_is_given_back() {
    let world = World::new(
        "[limits.host]\nconcurrency = 2\nreserved = { critical = 1 }\n[tools.t]\nlimits = [\"host\"]",
    );
    let (gate, wakes) = (&world.gate, Wakes::new());
    let low = gate.try_admit(Call::new("t").priority("low")).unwrap();
    let critical = gate.try_admit(Call::new("t").priority("critical")).unwrap();
    let mut waits = pin!(gate.admit(Call::new("t").priority("low")));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    critical.finish(Outcome::Succeeded);
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    low.finish(Outcome::Succeeded);
    assert!(poll_once(waits.as_mut(), &wakes).is_ready());
}

#[test]
fn a_weight_that_a_calls_own_priority_can_never_have_is_refused_as_never() {
    let world = World::new(
        "[limits.host]\nconcurrency = 4\nreserved = { critical = 2 }\n\
         [tools.t]\npriority = \"critical\"\nlimits = { host = { weight = 3 } }",
    );
    let gate = &world.gate;
    assert!(gate.try_admit("t").is_ok());
    let refusal = world.run(gate.admit(Call::new("t").priority("low"))).unwrap_err();
    assert_eq!((refusal.reason, refusal.retry), (Reason::TooLarge, Retry::Never));
}

#[test]
fn one_flow_cannot_fill_a_queue_that_is_bounded_per_flow() {
    let world = World::new(
        "[limits.door]\nconcurrency = 1\nqueue = { size = 5, per_flow = 2 }\n[tools.t]\nlimits = [\"door\"]",
    );
    let (gate, wakes) = (&world.gate, Wakes::new());
    let _held = gate.try_admit("t").unwrap();
    let mut calls: Vec<_> =
        (0..3).map(|_| Box::pin(gate.admit(Call::new("t").flow("batch")))).collect();
    let polls: Vec<_> = calls.iter_mut().map(|call| poll_once(call.as_mut(), &wakes)).collect();
    assert!(polls[0].is_pending() && polls[1].is_pending());
    let Poll::Ready(Err(refusal)) = &polls[2] else { panic!("two of the flow may wait") };
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::QueueFull, Some("door")));
    let mut other = pin!(gate.admit(Call::new("t").flow("maya")));
    assert!(poll_once(other.as_mut(), &wakes).is_pending(), "another flow has its own places");
}

#[test]
fn a_full_queue_makes_room_for_a_flow_that_has_less_of_it() {
    let world = World::new(
        "[limits.door]\nconcurrency = 1\nqueue = { size = 3, overflow = \"evict\" }\n[tools.t]\nlimits = [\"door\"]",
    );
    let (gate, wakes) = (&world.gate, Wakes::new());
    let held = gate.try_admit("t").unwrap();
    let batch = || Box::pin(gate.admit(Call::new("t").flow("batch")));
    let mut calls = [batch(), batch(), batch()];
    for call in &mut calls {
        assert!(poll_once(call.as_mut(), &wakes).is_pending());
    }
    let mut maya = pin!(gate.admit(Call::new("t").flow("maya")));
    assert!(poll_once(maya.as_mut(), &wakes).is_pending(), "it has a place");
    assert_eq!(wakes.count(), 1, "and one was told that it has none any more");
    let Poll::Ready(Err(refusal)) = poll_once(calls[2].as_mut(), &wakes) else {
        panic!("the newest of the flow that has most of the queue goes")
    };
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::Evicted, Some("door")));
    assert!(refusal.to_string().contains("made room for a flow that had less of it"), "{refusal}");
    let mut again = batch();
    let Poll::Ready(Err(refusal)) = poll_once(again.as_mut(), &wakes) else {
        panic!("nobody has more of it than batch itself")
    };
    assert!(matches!(refusal.reason, Reason::QueueFull | Reason::Evicted), "{refusal}");
    drop((again, calls));
    held.finish(Outcome::Succeeded);
    let Poll::Ready(Ok(permit)) = poll_once(maya.as_mut(), &wakes) else { panic!() };
    permit.finish(Outcome::Succeeded);
    assert_idle(gate, "at the end");
    assert_sums(gate, "at the end");
}
