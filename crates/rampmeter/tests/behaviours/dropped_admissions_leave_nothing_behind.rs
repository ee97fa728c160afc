use std::pin::pin;

use futures_util::future::{join, join_all};
use rampmeter::{Call, EventKind, Outcome, Reason};

use crate::support::{Wakes, World, assert_idle, assert_sums, poll_once};

const ONE_SLOT: &str = r#"
    [limits.door]
    concurrency = 1
    [tools.enter]
    limits = ["door"]
    queue_timeout = "1s"
"#;

#[test]
fn an_admission_that_was_never_polled_was_never_asked_for() {
    let world = World::new(ONE_SLOT);
    drop(world.gate.admit("enter"));
    assert!(world.gate.counters().iter().all(|(_, count)| count == 0));
    assert_idle(&world.gate, "never polled");
}

#[test]
fn an_admission_dropped_while_it_waits_gives_its_place_to_the_next() {
    let World { gate, .. } = World::new(ONE_SLOT);
    let wakes = [Wakes::new(), Wakes::new()];
    let held = gate.try_admit("enter").unwrap();
    let mut first = Box::pin(gate.admit("enter"));
    let mut second = pin!(gate.admit("enter"));
    assert!(poll_once(first.as_mut(), &wakes[0]).is_pending());
    assert!(poll_once(second.as_mut(), &wakes[1]).is_pending());
    drop(first);
    assert_eq!(gate.snapshot().waiting, 1);
    held.finish(Outcome::Succeeded);
    assert_eq!((wakes[0].count(), wakes[1].count()), (0, 1));
    assert!(poll_once(second.as_mut(), &wakes[1]).is_ready());
    assert_idle(&gate, "the permit was dropped with the answer");
    assert_sums(&gate, "one completed, two cancelled");
    assert_eq!(gate.counters().of(EventKind::Started), 2);
}

#[test]
fn a_permit_that_was_granted_but_never_fetched_goes_to_the_next() {
    let World { gate, .. } = World::new(ONE_SLOT);
    let wakes = [Wakes::new(), Wakes::new()];
    let held = gate.try_admit("enter").unwrap();
    let mut first = Box::pin(gate.admit("enter"));
    let mut second = pin!(gate.admit("enter"));
    assert!(poll_once(first.as_mut(), &wakes[0]).is_pending());
    assert!(poll_once(second.as_mut(), &wakes[1]).is_pending());
    drop(held);
    assert_eq!((wakes[0].count(), wakes[1].count()), (1, 0), "it is the first one's turn");
    drop(first);
    assert_eq!((wakes[0].count(), wakes[1].count()), (1, 1), "then the second one's");
    assert!(poll_once(second.as_mut(), &wakes[1]).is_ready());
    assert_idle(&gate, "granted, not fetched");
    assert_sums(&gate, "granted, not fetched");
}

#[test]
fn a_refusal_that_was_never_fetched_does_not_end_the_call_in_whose_place_it_was() {
    let world = World::new(ONE_SLOT);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let held = gate.try_admit("enter").unwrap();
    let mut refused = Box::pin(gate.admit("enter"));
    assert!(poll_once(refused.as_mut(), &wakes).is_pending());
    world.run_until(1_000);
    assert_eq!(wakes.count(), 1, "its queue time-out has come");
    // The engine gives a free place to the next call: this one has the refused one's.
    let other = gate.try_admit("free").unwrap();
    drop(refused);
    assert_eq!(gate.snapshot().running, 2, "both calls still run");
    drop((held, other));
    assert_idle(gate, "all dropped");
    assert_sums(gate, "all dropped");
    assert_eq!(gate.counters().of(EventKind::Refused), 1);
}

/// Regression: the answer of a call that expired was lost if, at that very moment and before the
/// timer ran, another call took its place in the engine. It waited for ever.
#[test]
fn a_call_that_expires_while_another_one_takes_its_place_is_still_answered() {
    for by_handle in [false, true] {
        let world = World::new(ONE_SLOT);
        let gate = &world.gate;
        let held = gate.try_admit("enter").unwrap();
        let handle = gate.handle(&Call::new("free")).unwrap();
        let answer = world.run(async {
            let asker = async { gate.admit("enter").await.map(drop) };
            let other = async {
                // This sleep is older than the timer's, so it is the first to be woken.
                world.until(1_000).await;
                if by_handle { gate.try_admit(&handle) } else { gate.try_admit("free") }
            };
            let (other, answer) = join(other, asker).await;
            drop(other.unwrap());
            answer
        });
        assert_eq!(answer.unwrap_err().reason, Reason::QueueTimeout);
        assert_eq!(world.now_ms(), 1_000);
        drop(held);
        assert_idle(gate, "all dropped");
        assert_sums(gate, "all dropped");
    }
}

/// The same, when more expire at once than the engine looks at in one go.
#[test]
fn of_a_thousand_calls_that_expire_while_others_take_their_places_each_is_answered() {
    let world = World::new(ONE_SLOT);
    let gate = &world.gate;
    let held = gate.try_admit("enter").unwrap();
    let others = world.run(async {
        let others = async {
            world.until(1_000).await;
            (0..50).map(|_| gate.try_admit("free").unwrap()).collect::<Vec<_>>()
        };
        let askers = (0..1_000).map(|_| gate.admit("enter"));
        let (others, answers) = join(others, join_all(askers)).await;
        assert!(answers.iter().all(Result::is_err));
        others
    });
    assert_eq!((world.now_ms(), gate.snapshot().running), (1_000, 51));
    drop((held, others));
    assert_idle(gate, "all dropped");
    assert_sums(gate, "all dropped");
}

#[test]
fn an_admission_polled_again_after_its_answer_holds_nothing() {
    let World { gate, .. } = World::new(ONE_SLOT);
    let wakes = Wakes::new();
    let mut admission = Box::pin(gate.admit("enter"));
    let permit = poll_once(admission.as_mut(), &wakes);
    assert!(poll_once(admission.as_mut(), &wakes).is_pending());
    drop(admission);
    assert_eq!(gate.snapshot().running, 1, "the permit outlives its admission");
    drop(permit);
    assert_idle(&gate, "permit dropped");
}

#[test]
fn a_permit_ends_its_call_once_as_it_was_told_or_as_cancelled() {
    let World { gate, .. } = World::new(ONE_SLOT);
    for outcome in [Outcome::Succeeded, Outcome::Failed, Outcome::Overloaded, Outcome::Cancelled] {
        gate.try_admit("enter").unwrap().finish(outcome);
    }
    drop(gate.try_admit("enter").unwrap());
    let counters = gate.counters();
    let of = |kind| counters.of(kind);
    assert_eq!(of(EventKind::Completed), 1);
    assert_eq!(of(EventKind::Failed), 2, "an overload is a failure too");
    assert_eq!(of(EventKind::Cancelled), 2);
    assert_idle(&gate, "all finished");
    assert_sums(&gate, "all finished");
}

#[test]
fn a_permit_may_outlive_every_other_handle_of_its_gate() {
    let world = World::new(ONE_SLOT);
    let mut events = world.gate.subscribe(10);
    let permit = world.gate.try_admit("enter").unwrap();
    drop(world);
    permit.finish(Outcome::Succeeded);
    let kinds: Vec<EventKind> = events.drain().iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Invoked, EventKind::Started, EventKind::Completed]);
}
