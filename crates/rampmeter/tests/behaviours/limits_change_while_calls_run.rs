use std::pin::pin;
use std::task::Poll;

use rampmeter::{BudgetSnapshot, Call, EventKind, Events, Gate, Outcome, Reason, Retry};

use crate::support::{Wakes, World, assert_idle, assert_sums, policy, poll_once};

fn pool(slots: u64) -> String {
    format!("[limits.pool]\nconcurrency = {slots}\n[tools.\"*\"]\nlimits = [\"pool\"]")
}

fn apply(gate: &Gate, text: &str) {
    gate.apply(&policy(text)).unwrap();
}

fn held(gate: &Gate) -> (u64, u64) {
    match &gate.snapshot().limits[0].instances[0].budgets[0] {
        BudgetSnapshot::Concurrency { size, held, .. } => (*held, *size),
        BudgetSnapshot::Rate { .. } => panic!("slots come first"),
    }
}

fn told(events: &mut Events) -> Vec<String> {
    let of_limits = events.drain().into_iter().filter(|event| event.call.is_none());
    of_limits.map(|event| format!("{} {}", event.kind, event.limit.unwrap())).collect()
}

#[test]
fn a_limit_that_shrinks_keeps_its_counts_and_lets_no_running_call_go() {
    let world = World::new(&pool(4));
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut running: Vec<_> = (0..4).map(|_| gate.try_admit("t").unwrap()).collect();
    let mut waits = pin!(gate.admit("t"));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    let mut events = gate.subscribe(100);
    apply(gate, &pool(2));
    assert_eq!(held(gate), (4, 2), "above its size until calls end");
    running.pop().unwrap().finish(Outcome::Succeeded);
    running.pop().unwrap().finish(Outcome::Succeeded);
    assert!(poll_once(waits.as_mut(), &wakes).is_pending(), "2 of 2 are held");
    running.pop().unwrap().finish(Outcome::Succeeded);
    let Poll::Ready(Ok(permit)) = poll_once(waits.as_mut(), &wakes) else { panic!() };
    assert_eq!(held(gate), (2, 2));
    drop((running, permit));
    assert_eq!(told(&mut events), ["limit.resized pool", "limit.relieved pool"]);
    assert_idle(gate, "at the end");
    assert_sums(gate, "at the end");
}

#[test]
fn a_limit_that_grows_starts_whom_it_has_room_for_at_once() {
    let world = World::new(&pool(1));
    let (gate, wakes) = (&world.gate, Wakes::new());
    let _running = gate.try_admit("t").unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(gate.admit("t"))).collect();
    for call in &mut waiting {
        assert!(poll_once(call.as_mut(), &wakes).is_pending());
    }
    apply(gate, &pool(3));
    assert_eq!(wakes.count(), 2, "exactly those that may start");
    let started: Vec<_> = waiting.iter_mut().map(|call| poll_once(call.as_mut(), &wakes)).collect();
    assert_eq!(started.iter().filter(|poll| poll.is_ready()).count(), 2);
    assert_eq!(held(gate), (3, 3));
}

#[test]
fn a_waiting_call_that_can_never_start_any_more_is_refused_by_the_change() {
    let text = |slots| {
        format!(
            "[limits.pool]\nconcurrency = {slots}\n[tools.t]\nlimits = {{ pool = {{ weight = 3 }} }}"
        )
    };
    let world = World::new(&text(4));
    let (gate, wakes) = (&world.gate, Wakes::new());
    let running = gate.try_admit("t").unwrap();
    let mut waits = pin!(gate.admit("t"));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    apply(gate, &pool(2));
    let Poll::Ready(Err(refusal)) = poll_once(waits.as_mut(), &wakes) else { panic!() };
    assert_eq!((refusal.reason, refusal.limit.as_deref()), (Reason::TooLarge, Some("pool")));
    running.finish(Outcome::Succeeded);
    assert_idle(gate, "at the end");
}

#[test]
fn a_paused_limit_starts_nothing_and_goes_on_where_it_stopped() {
    let world = World::new(&pool(2));
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut events = gate.subscribe(100);
    let running = gate.try_admit("t").unwrap();
    gate.pause("pool").unwrap();
    gate.pause("pool").unwrap();
    let refusal = gate.try_admit("t").unwrap_err();
    assert_eq!((refusal.reason, refusal.retry), (Reason::WouldWait, Retry::OnResume));
    assert!(refusal.to_string().ends_with("try again when the limit is resumed"), "{refusal}");
    let mut waits = pin!(gate.admit("t"));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    running.finish(Outcome::Succeeded);
    assert!(poll_once(waits.as_mut(), &wakes).is_pending(), "there is room, but it is paused");
    apply(gate, &pool(3));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending(), "a change of figures resumes nothing");
    gate.resume("pool").unwrap();
    let Poll::Ready(Ok(permit)) = poll_once(waits.as_mut(), &wakes) else { panic!() };
    permit.finish(Outcome::Succeeded);
    let told = told(&mut events);
    let told: Vec<_> =
        told.iter().filter(|line| !line.contains("ated") && !line.contains("relieved")).collect();
    assert_eq!(told, ["limit.paused pool", "limit.resized pool", "limit.resumed pool"]);
    let pause = |limit: &str| gate.pause(limit).unwrap_err().to_string();
    assert_eq!(pause("pol"), "there is no limit \"pol\"; did you mean \"pool\"?");
    assert_eq!(pause("lake"), "there is no limit \"lake\"; the policy has pool");
}

#[test]
fn a_call_still_gives_up_its_wait_at_a_paused_limit() {
    let world = World::new(&(pool(2) + "\nqueue_timeout = \"1s\""));
    let gate = &world.gate;
    gate.pause("pool").unwrap();
    let refusal = world.run(gate.admit("t")).unwrap_err();
    assert_eq!((refusal.reason, world.now_ms()), (Reason::QueueTimeout, 1_000));
}

#[test]
fn limits_come_and_go_by_name_and_waiting_calls_need_those_that_are_gone_no_more() {
    let two = "[limits.a]\nconcurrency = 1\n[limits.b]\nconcurrency = 1\n\
               [tools.t]\nlimits = [\"a\", \"b\"]\n[tools.a]\nlimits = [\"a\"]";
    let moved = "[limits.c]\nconcurrency = 2\n[limits.a]\nconcurrency = 1\n\
                 [tools.t]\nlimits = [\"c\"]\n[tools.a]\nlimits = [\"a\"]";
    let world = World::new(two);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let mut events = gate.subscribe(100);
    let on_both = gate.try_admit("t").unwrap();
    let mut waits = pin!(gate.admit("t"));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    apply(gate, moved);
    let limits: Vec<String> = gate.snapshot().limits.into_iter().map(|it| it.name).collect();
    assert!(limits.contains(&"c".into()) && !limits.contains(&"b".into()), "{limits:?}");
    assert!(gate.try_admit("a").is_err(), "what is held of a stays held");
    let new = gate.try_admit("t").expect("new calls draw on what the policy says now");
    on_both.finish(Outcome::Succeeded);
    let Poll::Ready(Ok(later)) = poll_once(waits.as_mut(), &wakes) else { panic!("b is gone") };
    assert!(gate.try_admit("a").is_err(), "it drew on a when it asked");
    drop((new, later));
    let told = told(&mut events);
    assert!(told.contains(&"limit.removed b".into()) && told.contains(&"limit.added c".into()));
    assert!(!told.contains(&"limit.resized a".into()), "{told:?}");
    assert_idle(gate, "at the end");
    assert_sums(gate, "at the end");
}

#[test]
fn a_handle_made_before_a_change_asks_for_what_the_policy_says_after_it() {
    let before = "[limits.a]\nconcurrency = 1\n[tools.t]\nlimits = [\"a\"]";
    let after = "[limits.b]\nconcurrency = 2\n[tools.t]\nlimits = [\"b\"]";
    let world = World::new(before);
    let gate = &world.gate;
    let handle = gate.handle(&Call::new("t")).unwrap();
    let old = gate.try_admit(&handle).unwrap();
    assert!(gate.try_admit(&handle).is_err());
    apply(gate, after);
    for round in 0..3 {
        let permits: Vec<_> = std::iter::from_fn(|| gate.try_admit(&handle).ok()).take(9).collect();
        assert_eq!(permits.len(), 2, "round {round}");
        assert_eq!(
            world.run(async { gate.try_admit(&handle) }).unwrap_err().limit.as_deref(),
            Some("b")
        );
    }
    drop(old);
    apply(
        gate,
        "[limits.b]\nconcurrency = 2\n[limits.u]\nconcurrency = 1\nper = \"user\"\n[tools.t]\nlimits = [\"u\"]",
    );
    assert_eq!(gate.try_admit(&handle).unwrap_err().reason, Reason::MissingLabel);
    apply(gate, before);
    let last = gate.try_admit(&handle).unwrap();
    drop((last, handle));
    assert_idle(gate, "at the end");
}

#[test]
fn what_cannot_change_is_an_error_that_names_it_and_changes_nothing() {
    let text = "[limits.a]\nconcurrency = 1\nper = \"user\"\n[labels.user]\nsecret = true\n\
                [tools.t]\nlimits = [\"a\"]";
    let world = World::new(text);
    let gate = &world.gate;
    let before = gate.snapshot();
    let cases = [
        (
            "[priorities]\nnormal = 1",
            "the priorities are critical, high, normal, low, and cannot become normal",
        ),
        (
            "[priorities]\nurgent = 9\nhigh = 4\nnormal = 2\nlow = 1",
            "cannot become urgent, high, normal, low",
        ),
        ("[limits.a]\nconcurrency = 1", "limit a is per user, and cannot become one for all calls"),
        ("[limits.a]\nconcurrency = 1\nper = \"team\"", "cannot become per team while calls run"),
        ("[limits.a]\nconcurrency = 9\nper = \"user\"", "is secret cannot change while calls run"),
    ];
    for (text, fragment) in cases {
        let error = gate.apply(&policy(text)).unwrap_err().to_string();
        assert!(error.contains(fragment), "no {fragment:?} in {error}");
        assert_eq!(gate.snapshot().limits, before.limits);
    }
    assert!(gate.try_admit(Call::new("t").label("user", "x")).is_ok());
}

#[test]
fn weights_of_priorities_may_change_in_whatever_order_they_then_stand() {
    let weights = |low: u32, high: u32| {
        format!("{}\n[priorities]\nnormal = 1\nhigh = {high}\nlow = {low}", pool(1))
    };
    let world = World::new(&weights(1, 9));
    let gate = world.gate.clone();
    apply(&gate, &weights(9, 1));
    let order = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let running = gate.try_admit("t").unwrap();
    for (letter, priority) in ["h", "l"].iter().zip(["high", "low"]).cycle().take(20) {
        let (gate, order, world) = (gate.clone(), order.clone(), world.clone());
        let inner = world.clone();
        world.spawn(async move {
            let permit = gate.admit(Call::new("t").priority(priority)).await.unwrap();
            inner.sleep(10).await;
            order.lock().unwrap().push_str(letter);
            permit.finish(Outcome::Succeeded);
        });
    }
    world.run_until(1);
    running.finish(Outcome::Succeeded);
    world.run_until(101);
    let low = order.lock().unwrap().matches('l').count();
    assert!(low >= 8, "low weighs 9 of 10 now: {}", order.lock().unwrap());
}

#[test]
fn a_calendar_rate_of_a_new_policy_follows_the_calendar() {
    let rate = |amount: u32, period: &str| {
        format!(
            "[limits.q]\nrequests = {{ rate = \"{amount}/{period}\", kind = \"calendar\" }}\n\
             [tools.t]\nlimits = [\"q\"]"
        )
    };
    let world = World::new(&rate(2, "h"));
    let gate = &world.gate;
    let admitted = || std::iter::from_fn(|| gate.try_admit("t").ok()).take(50).count();
    world.run_until(90_000);
    assert_eq!(admitted(), 2);
    apply(gate, &rate(3, "h"));
    assert_eq!(admitted(), 1, "two of three are used");
    world.run_until(3_599_999);
    assert_eq!(admitted(), 0);
    world.run_until(3_600_000);
    assert_eq!(admitted(), 3, "the hour is full");
    apply(
        gate,
        &(rate(3, "h")
            + "\n[limits.new]\nrequests = { rate = \"1/min\", kind = \"calendar\" }\n[tools.u]\nlimits = [\"new\"]"),
    );
    world.run_until(3_630_000);
    assert!(gate.try_admit("u").is_ok());
    assert!(gate.try_admit("u").is_err());
    world.run_until(3_660_000);
    assert!(gate.try_admit("u").is_ok(), "the minute is full");
    apply(gate, &rate(3, "h").replace("[tools", "concurrency = 9\n[tools"));
    world.run_until(7_199_999);
    assert_eq!(admitted(), 0, "the same rate, at another place in its limit");
    world.run_until(7_200_000);
    assert_eq!(admitted(), 3);
}

#[test]
fn the_engines_patience_and_depth_follow_the_policy() {
    let world = World::new(&pool(1));
    let gate = &world.gate;
    let parent = gate.try_admit("t").unwrap();
    let nested = || Call::new("t").parent(&parent);
    assert!(gate.try_admit(nested()).is_ok());
    apply(gate, &(pool(1) + "\n[calls]\nmax_depth = 0\npatience = \"1s\""));
    assert_eq!(gate.try_admit(nested()).unwrap_err().reason, Reason::TooDeep);
    assert_eq!(gate.counters().of(EventKind::Resized), 0);
}
