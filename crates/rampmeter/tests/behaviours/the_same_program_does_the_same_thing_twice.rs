use std::sync::Arc;

use rampmeter::{Call, Outcome, TurnRequest};

use crate::support::{Inside, Rng, World, openai};

const POLICY: &str = r#"
    undeclared = "read"
    [limits.host]
    concurrency = 5
    [limits.rate]
    requests = { rate = "40/s", kind = "bucket", burst = 3 }
    [limits.tenant]
    concurrency = 2
    per = "tenant"
    [tools.work]
    limits = ["host", "rate"]
    queue_timeout = "2s"
    timeout = "90ms"
    [tools.query]
    limits = ["host", "tenant"]
    queue_timeout = "300ms"
    [flows]
    b = { weight = 2 }
"#;

fn transcript(seed: u64) -> Vec<String> {
    let world = World::new(POLICY);
    let mut events = world.gate.subscribe(1_000_000);
    let inside = Arc::<Inside>::default();
    let executor =
        world.executor([world.sleeper("work", &inside), world.sleeper("query", &inside)]);
    for task in 0..300 {
        let (world, executor) = (world.clone(), executor.clone());
        let mut rng = Rng::new(seed * 1_000 + task);
        world.clone().spawn(async move {
            world.sleep(rng.below(3_000)).await;
            let flow = rng.pick(&["a", "b", "c"]);
            if rng.percent(30) {
                let arguments = format!(r#"{{"ms":{}}}"#, rng.below(120));
                let calls: Vec<_> = ["1", "2", "3", "4"]
                    .map(|id| (id, rng.pick(&["work", "query", "none"]), arguments.as_str()))
                    .to_vec();
                let turn = executor.resolve(&openai(&calls)).unwrap();
                let request = TurnRequest::new(turn).flow(flow).label("tenant", flow).number(task);
                executor.run_turn(request).await;
                return;
            }
            let call = Call::new(rng.pick(&["work", "query"])).flow(flow).label("tenant", flow);
            let priority = rng.pick(&["critical", "normal", "low"]);
            if let Ok(permit) = world.gate.admit(call.priority(priority)).await {
                world.sleep(rng.below(100)).await;
                permit.finish(rng.pick(&[Outcome::Succeeded, Outcome::Failed]));
            }
        });
    }
    world.run_until(100_000);
    events.drain().iter().map(|event| format!("{event:?}")).collect()
}

#[test]
fn two_runs_of_one_seed_tell_the_same_events_to_the_nanosecond() {
    for seed in 0..3 {
        let (one, other) = (transcript(seed), transcript(seed));
        assert!(one.len() > 1_000, "{} events; seed {seed}", one.len());
        for (at, (one, other)) in one.iter().zip(&other).enumerate() {
            assert_eq!(one, other, "event {at}; seed {seed}");
        }
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
    assert_ne!(transcript(1), transcript(2), "the seed makes the difference");
}
