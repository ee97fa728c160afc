use std::sync::{Arc, Mutex};

use rampmeter::{Call, EventKind, Outcome, Reason};

use crate::support::{Inside, World, assert_idle};

const FOUR: &str = r#"
    [limits.door]
    concurrency = 4
    [tools.enter]
    limits = ["door"]
    queue_timeout = "1h"
    [tools.wide]
    limits = { door = { weight = 3 } }
    queue_timeout = "1h"
    [flows]
    heavy = { weight = 3 }
"#;

#[test]
fn the_peak_counted_by_the_callers_is_the_size_and_the_gates_own() {
    let (world, inside) = (World::new(FOUR), Arc::<Inside>::default());
    for caller in 0..100 {
        let (world, inside) = (world.clone(), inside.clone());
        world.clone().spawn(async move {
            world.sleep(caller % 7).await;
            let permit = world.gate.admit("enter").await.unwrap();
            let here = Inside::enter(&inside);
            world.sleep(caller % 5 + 1).await;
            drop(here);
            permit.finish(Outcome::Succeeded);
        });
    }
    world.run_until(10_000);
    assert_eq!((inside.peak(), inside.entered()), (4, 100));
    assert_eq!(world.gate.snapshot().limits[0].peaks, [4]);
    assert_idle(&world.gate, "all served");
}

/// The order in which callers get in that all wait for one slot, each with a name.
fn order(world: &World, calls: Vec<(String, Call<'static>)>) -> Vec<String> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let held: Vec<_> = (0..4).map(|_| world.gate.try_admit("enter").unwrap()).collect();
    for (name, call) in calls {
        let (world, order) = (world.clone(), order.clone());
        world.clone().spawn(async move {
            let permit = world.gate.admit(call).await.unwrap();
            order.lock().unwrap().push(name);
            world.sleep(10).await;
            permit.finish(Outcome::Succeeded);
        });
    }
    world.run(async {
        world.sleep(1).await;
        // Only one slot is worked with from here on.
        let mut held = held;
        held.pop().unwrap().finish(Outcome::Succeeded);
        world.sleep(5_000).await;
    });
    let order = order.lock().unwrap();
    order.clone()
}

fn named(count: usize, flow: &'static str, priority: &'static str) -> Vec<(String, Call<'static>)> {
    let call = || Call::new("enter").flow(flow).priority(priority);
    (0..count).map(|at| (format!("{flow}{at}"), call())).collect()
}

#[test]
fn within_a_flow_calls_start_in_the_order_of_their_asking() {
    let order = order(&World::new(FOUR), named(30, "f", "normal"));
    assert_eq!(order, (0..30).map(|at| format!("f{at}")).collect::<Vec<_>>());
}

#[test]
fn a_higher_priority_goes_first_and_a_lower_one_is_not_starved() {
    let mut calls = named(64, "low", "low");
    calls.extend(named(64, "critical", "critical"));
    let order = order(&World::new(FOUR), calls);
    let critical = |among: &[String]| among.iter().filter(|it| it.starts_with("crit")).count();
    assert_eq!(order.len(), 128);
    assert!(critical(&order[..66]) >= 63, "64 : 1, {:?}", &order[..66]);
    assert!(critical(&order[..66]) < 66, "the low ones move too");
}

#[test]
fn flows_share_by_their_weights() {
    let mut calls = named(60, "light", "normal");
    calls.extend(named(60, "heavy", "normal"));
    let order = order(&World::new(FOUR), calls);
    let heavy = order[..40].iter().filter(|it| it.starts_with("heavy")).count();
    assert!((28..=32).contains(&heavy), "3 : 1 of 40 is 30, not {heavy}");
}

#[test]
fn a_heavy_call_is_not_passed_over_for_ever() {
    let (world, inside) = (World::new(FOUR), Arc::<Inside>::default());
    for caller in 0..200 {
        let (world, inside) = (world.clone(), inside.clone());
        world.clone().spawn(async move {
            world.sleep(caller).await;
            let tool = if caller == 20 { "wide" } else { "enter" };
            let permit = world.gate.admit(tool).await.unwrap();
            if tool == "wide" {
                assert!(inside.entered() < 100, "{} went before it", inside.entered());
            }
            let _here = Inside::enter(&inside);
            world.sleep(9).await;
            permit.finish(Outcome::Succeeded);
        });
    }
    world.run_until(60_000);
    assert_eq!(world.gate.counters().of(EventKind::Completed), 200);
}

#[test]
fn a_weight_above_the_size_is_never_admitted_and_says_so() {
    let text = "[limits.a]\nconcurrency = 2\n[tools.t]\nlimits = [\"a\"]";
    let world = World::new(text);
    let mut wide = crate::support::policy(text);
    wide.tools[0].draws[0].weight = 3;
    let time: Arc<dyn rampmeter::runtime::Runtime> = Arc::new(world.time.clone());
    let gate = rampmeter::Gate::with_runtime(&wide, time).unwrap();
    assert_eq!(gate.try_admit("t").unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn all_limits_of_a_call_admit_it_at_one_instant_or_it_holds_nothing() {
    let world = World::new(
        r#"
        [limits.a]
        concurrency = 1
        [limits.b]
        concurrency = 1
        [tools.a]
        limits = ["a"]
        [tools.b]
        limits = ["b"]
        [tools.both]
        limits = ["a", "b"]
        "#,
    );
    let gate = &world.gate;
    let a = gate.try_admit("a").unwrap();
    assert_eq!(gate.try_admit("both").unwrap_err().limit.as_deref(), Some("a"));
    let b = gate.try_admit("b").expect("the refused call holds nothing of b");
    drop(a);
    assert_eq!(gate.try_admit("both").unwrap_err().limit.as_deref(), Some("b"));
    drop(b);
    let both = gate.try_admit("both").unwrap();
    assert!(gate.try_admit("a").is_err() && gate.try_admit("b").is_err());
    drop(both);
    assert_idle(gate, "all dropped");
}

#[test]
fn a_handle_a_name_and_a_clone_are_decided_alike() {
    let world = World::new(FOUR);
    let (gate, clone) = (&world.gate, world.gate.clone());
    let handle = clone.handle(&Call::new("enter").flow("f").priority("high")).unwrap();
    let mut permits = Vec::new();
    for turn in 0..4 {
        permits.push(if turn % 2 == 0 {
            gate.try_admit(&handle)
        } else {
            clone.try_admit("enter")
        });
    }
    assert!(permits.iter().all(Result::is_ok), "{permits:?}");
    let by_name = gate.try_admit(Call::new("enter").flow("f").priority("high")).unwrap_err();
    assert_eq!(clone.try_admit(&handle).unwrap_err(), by_name);
    assert_eq!(by_name.reason, Reason::WouldWait);
    drop((permits, handle));
    assert_idle(gate, "all dropped");
}

/// Regression: a handle is numbers, and those of one gate mean something else at another.
#[test]
fn a_handle_of_another_gate_is_refused_and_says_why() {
    let (world, other) = (World::new(FOUR), World::new(""));
    let handle = world.gate.handle(&Call::new("enter")).unwrap();
    let refusal = other.gate.try_admit(&handle).unwrap_err();
    assert_eq!(refusal.reason, Reason::Unsupported);
    assert!(refusal.to_string().contains("another gate"), "{refusal}");
    assert!(other.run(other.gate.admit(&handle)).is_err());
}
