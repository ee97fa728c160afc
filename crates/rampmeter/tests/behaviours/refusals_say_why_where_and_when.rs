use std::pin::pin;
use std::time::Duration;

use rampmeter::{Call, EventKind, Reason, Retry};

use crate::support::{Wakes, World, assert_idle, assert_sums, poll_once};

const POLICY: &str = r#"
    [limits.door]
    concurrency = 1
    queue = { size = 2 }
    [limits.old]
    concurrency = 1
    queue = { age = "3s" }
    [limits.none]
    concurrency = 1
    queue = { size = 0 }
    [limits.key]
    concurrency = 1
    per = "api_key"
    instances = 2
    [limits.rate]
    requests = { rate = "1/h", kind = "calendar", zone = "UTC" }
    [tools.door]
    limits = ["door"]
    queue_timeout = "5s"
    [tools.old]
    limits = ["old"]
    queue_timeout = "5s"
    [tools.none]
    limits = ["none"]
    [tools.key]
    limits = ["key"]
    [tools.rate]
    limits = ["rate"]
    queue_timeout = "5s"
"#;

#[test]
fn try_admit_never_waits_and_says_what_it_would_have_waited_for() {
    let World { gate, .. } = World::new(POLICY);
    let _held = gate.try_admit("door").unwrap();
    let refusal = gate.try_admit("door").unwrap_err();
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::WouldWait, Some("door")));
    assert_eq!(refusal.retry, Retry::OnRelease);
    assert_eq!(
        refusal.to_string(),
        "door was refused by limit door: it would have to wait; try again when other calls have ended"
    );
    assert_eq!((gate.snapshot().waiting, gate.counters().of(EventKind::Queued)), (0, 0));
}

#[test]
fn a_full_queue_refuses_the_next_one_and_takes_one_again_when_one_has_left() {
    let World { gate, .. } = World::new(POLICY);
    let wakes = Wakes::new();
    let _held = gate.try_admit("door").unwrap();
    let mut first = Box::pin(gate.admit("door"));
    let mut second = pin!(gate.admit("door"));
    assert!(poll_once(first.as_mut(), &wakes).is_pending());
    assert!(poll_once(second.as_mut(), &wakes).is_pending());
    let std::task::Poll::Ready(Err(refusal)) = poll_once(pin!(gate.admit("door")), &wakes) else {
        panic!("the third has no place")
    };
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::QueueFull, Some("door")));
    assert_eq!(refusal.retry, Retry::OnRelease);
    drop(first);
    assert!(poll_once(pin!(gate.admit("door")), &wakes).is_pending());
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_queue_of_size_0_lets_nobody_wait() {
    let world = World::new(POLICY);
    let _held = world.gate.try_admit("none").unwrap();
    assert_eq!(world.run(world.gate.admit("none")).unwrap_err().reason, Reason::QueueFull);
}

#[test]
fn the_shortest_of_age_queue_time_out_and_deadline_ends_the_wait() {
    let cases = [
        ("door", None, 5_000, Reason::QueueTimeout),
        ("old", None, 3_000, Reason::QueueTimeout),
        ("door", Some(2_000), 2_000, Reason::Deadline),
        ("old", Some(4_000), 3_000, Reason::QueueTimeout),
    ];
    for (tool, deadline, at, reason) in cases {
        let world = World::new(POLICY);
        let _held = world.gate.try_admit(tool).unwrap();
        let call = Call::new(tool);
        let call = match deadline {
            Some(millis) => call.deadline(Duration::from_millis(millis)),
            None => call,
        };
        let refusal = world.run(world.gate.admit(call)).unwrap_err();
        assert_eq!((refusal.reason, world.now_ms()), (reason, at), "{tool} {deadline:?}");
        assert_eq!((refusal.limit.as_deref(), &*refusal.tool), (Some(tool), tool));
        assert_eq!(refusal.waited, Duration::from_millis(at));
        let text = refusal.to_string();
        assert!(text.contains("it could not start") && text.contains("(it waited"), "{text}");
    }
}

#[test]
fn a_deadline_that_has_come_is_refused_at_once_even_if_there_is_room() {
    let world = World::new(POLICY);
    let refusal = world.gate.try_admit(Call::new("door").deadline(Duration::ZERO)).unwrap_err();
    assert_eq!((refusal.reason, refusal.retry), (Reason::Deadline, Retry::Never));
    assert!(refusal.to_string().contains("it would not start before its deadline"), "{refusal}");
    assert_idle(&world.gate, "refused");
    assert_sums(&world.gate, "refused");
}

#[test]
fn a_wait_that_is_known_to_be_too_long_is_refused_at_once_and_says_when_to_come_back() {
    let world = World::new(POLICY);
    drop(world.gate.try_admit("rate").unwrap());
    world.run_until(600_000);
    let refusal = world.run(world.gate.admit("rate")).unwrap_err();
    assert_eq!(world.now_ms(), 600_000, "it did not wait");
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::QueueTimeout, Some("rate")));
    assert_eq!(refusal.retry, Retry::After(Duration::from_secs(3_000)));
    assert_eq!(
        refusal.to_string(),
        "rate was refused by limit rate: it would not start within the time it may wait; \
         try again in 3000.0s"
    );
}

#[test]
fn a_refusal_says_that_the_charge_was_an_estimate_if_it_was() {
    let policy = r#"
        [limits.model]
        tokens = "1000/min"
        [tools.ask]
        limits = ["model"]
        queue_timeout = "5s"
        [tools.ask_long]
        limits = { model = { tokens = 1000 } }
    "#;
    let World { gate, .. } = World::new(policy);
    for _ in 0..8 {
        drop(gate.try_admit("ask").unwrap());
    }
    let estimated = "its tokens were estimated: say its cost, or settle what calls took";
    let refused = gate.try_admit("ask").unwrap_err().to_string();
    assert!(refused.contains(estimated), "{refused}");
    let wakes = Wakes::new();
    let std::task::Poll::Ready(Err(refusal)) = poll_once(pin!(gate.admit("ask")), &wakes) else {
        panic!("it is known to wait for longer than it may")
    };
    let refused = refusal.to_string();
    assert!(refused.contains("it would not start") && refused.contains(estimated), "{refused}");
    for said in [Call::new("ask").cost(rampmeter::Unit::Tokens, 900), Call::new("ask_long")] {
        let refusal = gate.try_admit(said).unwrap_err();
        assert_eq!(refusal.detail, None, "{refusal}");
    }
}

#[test]
fn what_is_estimated_is_no_matter_where_slots_are_in_the_way() {
    let policy = r#"
        [limits.model]
        tokens = "1000/min"
        concurrency = 1
        [tools.ask]
        limits = ["model"]
    "#;
    let World { gate, .. } = World::new(policy);
    let _held = gate.try_admit("ask").unwrap();
    assert_eq!(gate.try_admit("ask").unwrap_err().detail, None);
}

#[test]
fn each_value_of_a_label_has_an_instance_of_its_own_up_to_their_number() {
    let World { gate, .. } = World::new(POLICY);
    let key = |value| gate.try_admit(Call::new("key").label("api_key", value));
    let held = (key("1").unwrap(), key("2").unwrap());
    assert_eq!(key("1").unwrap_err().reason, Reason::WouldWait);
    let refusal = key("3").unwrap_err();
    assert_eq!((refusal.reason, refusal.retry), (Reason::TooManyInstances, Retry::OnRelease));
    drop(held.0);
    assert!(key("3").is_ok(), "an idle instance makes room");
    let refusal = gate.try_admit("key").unwrap_err();
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::MissingLabel, Some("key")));
    assert_eq!(refusal.retry, Retry::Never);
    let text = refusal.to_string();
    assert!(text.contains("it lacks the label `api_key` that the limit is per"), "{text}");
    assert_eq!(gate.handle(&Call::new("key")).unwrap_err().detail, refusal.detail);
}

#[test]
fn an_unknown_priority_is_refused_with_the_names_of_the_known_ones() {
    let World { gate, .. } = World::new("[priorities]\nurgent = 9\nnormal = 3");
    let refusal = gate.try_admit(Call::new("t").priority("hihg")).unwrap_err();
    assert_eq!((refusal.reason, refusal.retry), (Reason::Unsupported, Retry::Never));
    let text = refusal.to_string();
    assert!(text.contains("\"hihg\"") && text.contains("urgent, normal"), "{text}");
    assert!(gate.handle(&Call::new("t").priority("hihg")).is_err());
    assert_sums(&gate, "a call that was refused was asked for");
}

#[test]
fn a_tool_that_the_policy_does_not_know_has_no_limits() {
    let World { gate, .. } = World::new(POLICY);
    let permits: Vec<_> = (0..1_000).map(|_| gate.try_admit("anything")).collect();
    assert!(permits.iter().all(Result::is_ok));
}
