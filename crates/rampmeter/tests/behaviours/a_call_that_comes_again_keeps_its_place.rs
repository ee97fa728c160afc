use std::sync::{Arc, Mutex};

use rampmeter::{Call, Outcome};

use crate::support::{World, assert_idle};

const POLICY: &str = r#"
    [limits.door]
    concurrency = 1
    [tools.enter]
    limits = ["door"]
    queue_timeout = "1h"
    [tools.edit]
    limits = ["door"]
    writes = ["file:{path}"]
    queue_timeout = "1h"
"#;

/// The names of calls in the order in which they get in, who all wait for the one that is inside.
fn order(world: &World, calls: Vec<(&'static str, Call<'static>)>) -> Vec<&'static str> {
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = world.gate.try_admit(Call::new("enter").flow("other")).unwrap();
    for (name, call) in calls {
        let (world, order) = (world.clone(), order.clone());
        world.clone().spawn(async move {
            let permit = world.gate.admit(call).await.unwrap();
            order.lock().unwrap().push(name);
            world.sleep(10).await;
            permit.finish(Outcome::Succeeded);
        });
    }
    let until = world.now_ms() + 1_000;
    world.run(async {
        world.sleep(100).await;
        held.finish(Outcome::Succeeded);
        world.until(until).await;
    });
    assert_idle(&world.gate, "all got in");
    let order = order.lock().unwrap();
    order.clone()
}

#[test]
fn a_retry_goes_before_those_of_its_flow_that_came_after_its_first_try() {
    let world = World::new(POLICY);
    let first = world.gate.now();
    world.run_until(500);
    let second = world.gate.now();
    world.run_until(1_000);
    let enter = || Call::new("enter");
    let came = [
        ("new", enter()),
        ("second", enter().arrived(second)),
        ("first", enter().arrived(first)),
        ("newest", enter()),
    ];
    assert_eq!(order(&world, came.into()), ["first", "second", "new", "newest"]);
}

#[test]
fn a_retry_goes_before_those_that_came_later_at_its_key_too() {
    let world = World::new(POLICY);
    let first = world.gate.now();
    world.run_until(1_000);
    let edit = || Call::new("edit").writes("file:/a");
    let came = [("new", edit()), ("again", edit().arrived(first)), ("newest", edit())];
    assert_eq!(order(&world, came.into()), ["again", "new", "newest"]);
}
