//! Limits whose number of slots is learned, through the gate.

use rampmeter::{BudgetSnapshot, Gate, Outcome};

use crate::support::{World, assert_idle, policy};

fn learns(size: u64, max: u64) -> String {
    format!(
        "[limits.pool]\nconcurrency = {{ size = {size}, adaptive = \"aimd\", max = {max} }}\n\
         [tools.\"*\"]\nlimits = [\"pool\"]"
    )
}

fn size(gate: &Gate) -> u64 {
    match &gate.snapshot().limits[0].instances[0].budgets[0] {
        BudgetSnapshot::Concurrency { size, .. } => *size,
        BudgetSnapshot::Rate { .. } => panic!("slots come first"),
    }
}

fn round(world: &World, outcome: Outcome) {
    let calls: Vec<_> = std::iter::from_fn(|| world.gate.try_admit("t").ok()).collect();
    world.run_until(world.now_ms() + 10);
    calls.into_iter().for_each(|permit| permit.finish(outcome));
}

#[test]
fn how_calls_end_changes_the_size_which_is_told_and_outlives_a_change_of_policy() {
    let world = World::new(&learns(40, 50));
    let mut events = world.gate.subscribe(1_000);
    round(&world, Outcome::Cancelled);
    assert_eq!(size(&world.gate), 40, "whoever is given up teaches nothing");
    round(&world, Outcome::Succeeded);
    assert_eq!(size(&world.gate), 41);
    round(&world, Outcome::Overloaded);
    assert_eq!(size(&world.gate), 39);
    let told = events.drain().into_iter().filter(|event| event.call.is_none());
    let told: Vec<_> =
        told.map(|event| format!("{} {}", event.kind, event.limit.unwrap())).collect();
    assert_eq!(told, ["limit.resized pool", "limit.resized pool"]);
    world.gate.apply(&policy(&learns(10, 60))).unwrap();
    assert_eq!(size(&world.gate), 39, "what was learned stays learned");
    world.gate.apply(&policy(&learns(10, 20))).unwrap();
    assert_eq!(size(&world.gate), 20, "as far as it may");
    assert_idle(&world.gate, "at the end");
}
