use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rampmeter::{Call, Event, EventKind, Events, Instant, Outcome, Reason};

use crate::support::{Wakes, World, poll_once};

const POLICY: &str = r#"
    [limits.door]
    concurrency = 1
    [tools.enter]
    limits = ["door"]
    queue_timeout = "1s"
"#;

fn lines(events: &mut Events) -> Vec<String> {
    let line = |event: &Event| {
        let id = event.call.as_ref().map_or("", |call| &call.id);
        format!("{} {} {id}", event.at.as_nanos() / 1_000_000, event.kind).trim_end().to_owned()
    };
    events.drain().iter().map(line).collect()
}

#[test]
fn the_life_of_calls_is_told_in_one_vocabulary() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut events = gate.subscribe(1_000);
    let a = gate.try_admit(Call::new("enter").id("a")).unwrap();
    let mut b = pin!(gate.admit(Call::new("enter").id("b")));
    let mut c = Box::pin(gate.admit(Call::new("enter").id("c")));
    let mut d = pin!(gate.admit(Call::new("enter").id("d")));
    assert!(poll_once(b.as_mut(), &wakes).is_pending());
    assert!(poll_once(c.as_mut(), &wakes).is_pending());
    world.run_until(300);
    assert!(poll_once(d.as_mut(), &wakes).is_pending());
    drop(c);
    a.finish(Outcome::Failed);
    let Poll::Ready(Ok(b)) = poll_once(b.as_mut(), &wakes) else { panic!() };
    world.run_until(1_400);
    assert!(gate.try_admit(Call::new("enter").id("e")).is_err());
    b.finish(Outcome::Succeeded);
    let expected = [
        "0 tool.invoked a",
        "0 tool.started a",
        "0 tool.invoked b",
        "0 tool.queued b",
        "0 limit.saturated",
        "0 tool.invoked c",
        "0 tool.queued c",
        "300 tool.invoked d",
        "300 tool.queued d",
        "300 tool.cancelled c",
        "300 tool.failed a",
        "300 tool.started b",
        "1300 limit.relieved",
        "1300 tool.refused d",
        "1400 tool.invoked e",
        "1400 tool.refused e",
        "1400 tool.completed b",
    ];
    assert_eq!(lines(&mut events), expected);
}

#[test]
fn events_carry_what_is_known_of_the_call_its_limit_its_reason_and_its_times() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut events = gate.subscribe(1_000);
    let call = || Call::new("enter").flow("f").priority("high").id("x").turn(7);
    let held = gate.try_admit(call()).unwrap();
    let mut waiter = pin!(gate.admit(call()));
    assert!(poll_once(waiter.as_mut(), &wakes).is_pending());
    world.run_until(250);
    held.finish(Outcome::Overloaded);
    let Poll::Ready(Ok(permit)) = poll_once(waiter.as_mut(), &wakes) else { panic!() };
    assert_eq!(permit.waited(), Duration::from_millis(250));
    let refused = gate.try_admit("enter");
    let events = events.drain();
    let find = |kind, nth| events.iter().filter(|event| event.kind == kind).nth(nth).unwrap();
    for event in events.iter().filter(|it| it.call.is_some()).take(5) {
        let call = event.call.as_ref().unwrap();
        assert_eq!((&*call.tool, &*call.flow, &*call.priority), ("enter", "f", "high"));
        assert_eq!((&*call.id, call.turn), ("x", Some(7)));
    }
    let failed = find(EventKind::Failed, 0);
    assert_eq!(failed.outcome, Some(Outcome::Overloaded));
    assert_eq!(failed.took, Some(Duration::from_millis(250)));
    assert_eq!(find(EventKind::Started, 0).took, Some(Duration::ZERO));
    let started = find(EventKind::Started, 1);
    assert_eq!((started.at, started.took), (Instant::from_millis(250), failed.took));
    let refusal = find(EventKind::Refused, 0);
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Some(Reason::WouldWait), Some("door")));
    assert_eq!(find(EventKind::Saturated, 0).limit.as_deref(), Some("door"));
    drop(refused);
}

const TWO_DOORS: &str = r#"
    [limits.front]
    concurrency = 1
    [limits.back]
    concurrency = 1
    [tools.front]
    limits = ["front"]
    [tools.back]
    limits = ["back"]
    [tools.both]
    limits = ["front", "back"]
"#;

#[test]
fn it_is_told_where_a_call_waits_and_when_its_lane_waits_elsewhere() {
    let world = World::new(TWO_DOORS);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let (mut events, mut other) = (gate.subscribe(1_000), gate.subscribe(1_000));
    let front = gate.try_admit("front").unwrap();
    let back = gate.try_admit("back").unwrap();
    let mut both: Vec<_> = (0..2).map(|_| Box::pin(gate.admit("both"))).collect();
    for one in &mut both {
        assert!(poll_once(one.as_mut(), &wakes).is_pending());
    }
    front.finish(Outcome::Succeeded);
    assert!(poll_once(both[0].as_mut(), &wakes).is_pending(), "the back door is shut");
    back.finish(Outcome::Succeeded);
    let Poll::Ready(Ok(first)) = poll_once(both[0].as_mut(), &wakes) else { panic!() };
    let told = events.drain();
    assert_eq!(told, other.drain(), "each reader is told the same");
    let of = |kind| told.iter().filter(move |event| event.kind == kind);
    let spots: Vec<_> = of(EventKind::Queued)
        .chain(of(EventKind::Moved))
        .map(|event| (event.limit.as_deref().unwrap(), event.obstacle.unwrap().as_str()))
        .collect();
    assert_eq!(spots[..3], [("front", "slots"), ("front", "turn"), ("back", "slots")]);
    let queued: Vec<_> = of(EventKind::Queued).collect();
    let moved = of(EventKind::Moved).next().unwrap();
    assert!(queued.iter().all(|event| event.lane.is_some() && event.lane == moved.lane));
    assert_eq!(moved.place, queued[0].place, "the first of the lane stands for all");
    assert_ne!(queued[0].place, queued[1].place);
    let started = of(EventKind::Started).next_back().unwrap();
    assert_eq!((started.place, started.limit.as_deref()), (queued[0].place, None));
    assert_eq!(gate.counters().of(EventKind::Moved), of(EventKind::Moved).count() as u64);
    drop(first);
}

#[test]
fn the_guide_has_every_kind_of_event() {
    let guide = include_str!("../../../../docs/telemetry.md");
    for (kind, _) in World::new(POLICY).gate.counters().iter() {
        assert!(guide.contains(&format!("`{kind}`")), "no {kind} in docs/telemetry.md");
    }
}

#[test]
fn numbers_have_no_gaps_and_counters_are_exact_although_a_slow_reader_misses_some() {
    let World { gate, .. } = World::new(POLICY);
    let (mut slow, mut quick) = (gate.subscribe(5), gate.subscribe(10_000));
    for _ in 0..1_000 {
        gate.try_admit("enter").unwrap().finish(Outcome::Succeeded);
    }
    let all = quick.drain();
    assert!(all.iter().enumerate().all(|(at, event)| event.seq == at as u64));
    assert_eq!((all.len(), quick.missed()), (3_000, 0));
    let seen = slow.drain();
    assert!(seen.len() <= 5 && seen.len() as u64 + slow.missed() == 3_000, "{}", seen.len());
    assert_eq!(seen, all[..seen.len()], "the first ones, in order");
    for (kind, count) in gate.counters().iter() {
        assert_eq!(all.iter().filter(|event| event.kind == kind).count() as u64, count, "{kind}");
    }
    drop(gate.try_admit("enter"));
    assert_eq!(slow.drain().len(), 3, "there is room again");
}

#[test]
fn a_subscription_holds_what_comes_after_it() {
    let World { gate, .. } = World::new(POLICY);
    drop(gate.try_admit("enter"));
    let mut events = gate.subscribe(10);
    drop(gate.try_admit("enter"));
    let seen: Vec<_> = events.drain().iter().map(|event| event.seq).collect();
    assert_eq!(seen, [3, 4, 5]);
}

#[test]
fn a_subscriber_that_is_gone_is_forgotten() {
    let World { gate, .. } = World::new(POLICY);
    let mut kept = gate.subscribe(100);
    for _ in 0..10 {
        drop(gate.subscribe(100));
        drop(gate.try_admit("enter"));
    }
    assert_eq!((kept.drain().len(), kept.missed()), (30, 0));
}

#[test]
fn next_waits_for_an_event_and_ends_when_the_gate_is_gone() {
    let world = World::new(POLICY);
    let wakes = Wakes::new();
    let mut events = world.gate.subscribe(10);
    assert!(poll_once(pin!(events.next()), &wakes).is_pending());
    let permit = world.gate.try_admit("enter").unwrap();
    assert_eq!(wakes.count(), 1);
    let Poll::Ready(Some(event)) = poll_once(pin!(events.next()), &wakes) else { panic!() };
    assert_eq!(event.kind, EventKind::Invoked);
    let World { time, gate, .. } = world;
    drop(gate);
    let mut rest = Vec::new();
    assert_eq!(wakes.count(), 1, "the permit is still the gate's");
    drop(permit);
    while let Some(event) = time.block_on(events.next()).unwrap() {
        rest.push(event.kind);
    }
    assert_eq!(rest, [EventKind::Started, EventKind::Cancelled]);
    assert_eq!(time.block_on(events.next()), Some(None), "and it stays at its end");
}

#[test]
fn a_reader_that_waits_learns_that_the_gate_is_gone() {
    let World { gate, .. } = World::new(POLICY);
    let (mut events, wakes) = (gate.subscribe(10), Wakes::new());
    let mut next = pin!(events.next());
    assert!(poll_once(next.as_mut(), &wakes).is_pending());
    drop(gate);
    assert_eq!(wakes.count(), 1);
    assert_eq!(poll_once(next.as_mut(), &wakes), Poll::Ready(None));
}

/// Regression: what time alone had made due was told after the call that found it.
#[test]
fn what_was_due_before_a_call_came_is_told_before_it() {
    let world = World::new(POLICY);
    let mut events = world.gate.subscribe(100);
    let _held = world.gate.try_admit(Call::new("enter").id("held")).unwrap();
    let late = world.run(async {
        let asker = async { drop(world.gate.admit(Call::new("enter").id("due")).await) };
        let other = async {
            // This sleep is older than the timer's, so it is the first to be woken.
            world.until(1_000).await;
            world.gate.try_admit(Call::new("free").id("late"))
        };
        futures_util::future::join(other, asker).await.0
    });
    drop(late);
    let told = lines(&mut events);
    let at = |line: &str| told.iter().position(|it| it == line).unwrap();
    assert!(at("1000 tool.refused due") < at("1000 tool.invoked late"), "{told:#?}");
}

#[test]
fn events_of_several_threads_are_numbered_in_one_order() {
    let World { gate, .. } = World::new(POLICY);
    let mut events = gate.subscribe(100_000);
    let gate = Arc::new(gate);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    drop(gate.try_admit("enter"));
                }
            });
        }
    });
    let all = events.drain();
    assert!(all.iter().enumerate().all(|(at, event)| event.seq == at as u64));
    let mut inside = 0_i64;
    for event in &all {
        inside += match event.kind {
            EventKind::Started => 1,
            EventKind::Cancelled => -1,
            _ => 0,
        };
        assert!((0..=1).contains(&inside), "a fold of the events knows what is held");
    }
}
