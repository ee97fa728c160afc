//! Breakers, through the gate.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rampmeter::{Outcome, Reason, Retry};

use crate::support::{Wakes, World, assert_idle, assert_sums, poll_once};

const POLICY: &str = "[limits.flaky]\nbreaker = { failures = \"50%\", over = \"10s\", \
                      min_calls = 4, open = \"5s\", probes = 1 }\n\
                      [tools.t]\nlimits = [\"flaky\"]";

#[test]
fn an_open_breaker_refuses_with_the_moment_lets_one_probe_out_and_tells_each_step() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut events = gate.subscribe(1_000);
    for _ in 0..4 {
        gate.try_admit("t").unwrap().finish(Outcome::Failed);
    }
    let mut call = pin!(gate.admit("t"));
    let Poll::Ready(Err(refusal)) = poll_once(call.as_mut(), &wakes) else { panic!() };
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::Open, Some("flaky")));
    assert_eq!(refusal.retry, Retry::After(Duration::from_secs(5)));
    world.run_until(5_000);
    let probe = gate.try_admit("t").unwrap();
    let mut next = pin!(gate.admit("t"));
    assert!(poll_once(next.as_mut(), &wakes).is_pending(), "one probe at a time");
    probe.finish(Outcome::Succeeded);
    let Poll::Ready(Ok(permit)) = poll_once(next.as_mut(), &wakes) else { panic!() };
    permit.finish(Outcome::Succeeded);
    let told = events.drain().into_iter().filter(|event| event.call.is_none());
    let told: Vec<_> = told.map(|event| event.kind.as_str()).collect();
    assert_eq!(
        told,
        ["limit.opened", "limit.half_open", "limit.saturated", "limit.closed", "limit.relieved"]
    );
    assert_idle(gate, "at the end");
    assert_sums(gate, "at the end");
}
