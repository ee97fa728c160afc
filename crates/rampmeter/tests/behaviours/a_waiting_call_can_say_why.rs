use std::pin::pin;
use std::time::Duration;

use rampmeter::{Call, Explanation, Outcome, WaitsFor};

use crate::support::{Wakes, World, poll_once};

const POLICY: &str = r#"
    [limits.pool]
    concurrency = 1
    [limits.quota]
    requests = { rate = "1/min", kind = "bucket" }
    [tools.t]
    limits = ["pool"]
    [tools.q]
    limits = ["quota"]
    queue_timeout = "5m"
"#;

fn only(waiting: &[Explanation]) -> Explanation {
    let [one] = waiting else { panic!("{waiting:#?}") };
    one.clone()
}

#[test]
fn it_names_its_limit_and_what_must_happen_first() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let held = gate.try_admit("t").unwrap();
    let call = Call::new("t").flow("maya").priority("high").id("c1").turn(4);
    let mut waits = pin!(gate.admit(call));
    assert_eq!(waits.explain(), None, "it has not been asked for yet");
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    world.run_until(1_500);
    let why = waits.explain().unwrap();
    assert_eq!((&*why.call.tool, &*why.call.id, why.call.turn), ("t", "c1", Some(4)));
    assert_eq!((&*why.limit, &why.waits_for), ("pool", &WaitsFor::Release));
    assert_eq!((why.waited, why.ahead, why.waiting), (Duration::from_millis(1_500), 0, 1));
    let sentence = why.to_string();
    let start =
        "t (flow maya, priority high) has waited 1.5s for limit pool, where another call must end";
    assert!(sentence.starts_with(start), "{sentence}");
    assert_eq!(only(&gate.waiting(100)), why);
    held.finish(Outcome::Succeeded);
    assert!(gate.waiting(100).is_empty());
    assert_eq!(waits.explain(), None, "it has its answer");
}

#[test]
fn it_says_when_time_will_let_it_start() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    gate.try_admit("q").unwrap().finish(Outcome::Succeeded);
    let mut waits = pin!(gate.admit("q"));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    world.run_until(20_000);
    let why = only(&gate.waiting(100));
    let WaitsFor::Time(left) = why.waits_for else { panic!("{why:?}") };
    assert!((39..=40).contains(&left.as_secs()), "{left:?}");
    assert!(why.to_string().contains("limit quota, which has room in 4"), "{why}");
}

#[test]
fn it_says_when_it_should_start_once_it_is_known_how_long_calls_take() {
    let world = World::new(POLICY);
    let gate = &world.gate;
    for _ in 0..20 {
        let (gate, inner) = (gate.clone(), world.clone());
        world.spawn(async move {
            let permit = gate.admit("t").await.unwrap();
            inner.sleep(1_000).await;
            permit.finish(Outcome::Succeeded);
        });
    }
    world.run_until(1);
    assert!(gate.waiting(100).iter().all(|why| why.starts_in.is_none()), "nothing is known yet");
    world.run_until(10_500);
    let waiting = gate.waiting(100);
    assert_eq!(waiting.len(), 9, "one runs, ten have ended");
    let last = waiting[8].starts_in.unwrap();
    assert!((7..=10).contains(&last.as_secs()), "8 calls and a half are before it: {last:?}");
    assert!(waiting[8].to_string().contains("; it should start in "), "{}", waiting[8]);
}

#[test]
fn it_counts_who_of_its_flow_is_ahead_and_those_that_came_first_come_first() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    let _held = gate.try_admit("t").unwrap();
    let ids: Vec<String> = (0..4).map(|id| id.to_string()).collect();
    let mut waiting: Vec<_> =
        ids.iter().map(|id| Box::pin(gate.admit(Call::new("t").id(id)))).collect();
    for (at, call) in waiting.iter_mut().enumerate() {
        world.run_until(at as u64);
        assert!(poll_once(call.as_mut(), &wakes).is_pending());
    }
    let all = gate.waiting(100);
    let seen: Vec<_> = all.iter().map(|why| (why.call.id.to_string(), why.ahead)).collect();
    assert_eq!(seen, [("0".into(), 0), ("1".into(), 1), ("2".into(), 2), ("3".into(), 3)]);
    assert_eq!(gate.waiting(2), all[..2]);
    assert!(all[3].to_string().contains("3 calls of its flow are ahead of it"), "{}", all[3]);
}

#[test]
fn a_paused_limit_is_said_to_be_paused() {
    let world = World::new(POLICY);
    let (gate, wakes) = (&world.gate, Wakes::new());
    gate.pause("pool").unwrap();
    let mut waits = pin!(gate.admit("t"));
    assert!(poll_once(waits.as_mut(), &wakes).is_pending());
    let why = only(&gate.waiting(100));
    assert_eq!(why.waits_for, WaitsFor::Resume);
    assert!(why.to_string().contains("limit pool, which is paused"), "{why}");
}
