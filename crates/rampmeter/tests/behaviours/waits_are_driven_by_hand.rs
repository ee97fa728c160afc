use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rampmeter::{Asking, Call, Gate, Outcome, Reason, Waiting};

use crate::support::{Wakes, World, assert_idle, assert_sums};

const ONE_SLOT: &str = r#"
    [limits.door]
    concurrency = 1
    [tools.enter]
    limits = ["door"]
    queue_timeout = "1s"
"#;

fn waiting(gate: &Gate) -> Waiting {
    match gate.ask("enter") {
        Asking::Waiting(waiting) => waiting,
        other => panic!("it should wait: {other:?}"),
    }
}

fn poll(
    waiting: &mut Waiting,
    wakes: &Arc<Wakes>,
) -> Poll<Result<rampmeter::Permit, Box<rampmeter::Refusal>>> {
    waiting.poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

#[test]
fn what_is_admitted_at_once_has_its_permit_at_once() {
    let World { gate, .. } = World::new(ONE_SLOT);
    let Asking::Granted(permit) = gate.ask(Call::new("enter")) else { panic!("there is room") };
    permit.finish(Outcome::Succeeded);
    assert_idle(&gate, "asked by hand");
}

#[test]
fn what_waits_is_woken_once_it_is_admitted() {
    let World { gate, .. } = World::new(ONE_SLOT);
    let held = gate.try_admit("enter").unwrap();
    let wakes = Wakes::new();
    let mut call = waiting(&gate);
    assert!(poll(&mut call, &wakes).is_pending());
    assert!(call.explain().is_some_and(|why| &*why.limit == "door"));
    held.finish(Outcome::Succeeded);
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Ok(permit)) = poll(&mut call, &wakes) else { panic!("it was admitted") };
    assert!(call.explain().is_none());
    assert!(poll(&mut call, &wakes).is_pending(), "an answer is fetched once");
    drop(call);
    permit.finish(Outcome::Succeeded);
    assert_idle(&gate, "waited by hand");
    assert_sums(&gate, "waited by hand");
}

#[test]
fn what_is_dropped_while_it_waits_gives_its_place_up_also_if_it_has_just_been_admitted() {
    let World { gate, .. } = World::new(ONE_SLOT);
    for admitted in [false, true] {
        let held = gate.try_admit("enter").unwrap();
        let wakes = Wakes::new();
        let mut call = waiting(&gate);
        assert!(poll(&mut call, &wakes).is_pending());
        if admitted {
            held.finish(Outcome::Succeeded);
            drop(call);
        } else {
            drop(call);
            held.finish(Outcome::Succeeded);
        }
        assert_idle(&gate, "dropped by hand");
    }
}

#[test]
fn the_time_of_one_that_is_polled_is_kept() {
    let world = World::new(ONE_SLOT);
    let _held = world.gate.try_admit("enter").unwrap();
    let wakes = Wakes::new();
    let mut call = waiting(&world.gate);
    assert!(poll(&mut call, &wakes).is_pending());
    world.run_until(1_000);
    let Poll::Ready(Err(refusal)) = poll(&mut call, &wakes) else { panic!("its time is over") };
    assert_eq!(refusal.reason, Reason::QueueTimeout);
}
