//! Tests of property 5: shares under a backlog.

use std::time::Duration;

use rampmeter_core::{BudgetConfig, Cost, Counts, RateKind, Unit};

use super::driver::play;
use super::history::Run;
use super::seed::{Rng, seeds};
use super::shares::{
    GUESS, Party, backlog, max_min, one_limit, product, shares_are_within_the_bound, slot_time,
    slots,
};
use super::world::{MS, Planned, SEC, Spec, World};

/// Backlogged flows of several priorities, whose calls take from 20 ms to 1 s each.
fn backlogged_world(seed: u64, until: u64) -> (World, u64) {
    let rng = &mut Rng::new(seed ^ 0x5A4E);
    let size = rng.range(1, 8u64);
    let priorities: Vec<u32> = (0..rng.range(1, 4u32)).map(|_| rng.pick(&[1, 2, 4, 16])).collect();
    let mut calls = Vec::new();
    let mut tool = 0;
    for priority in 0..priorities.len() {
        for _ in 0..rng.range(1, 3u32) {
            tool += 1;
            let runs = rng.pick(&[20 * MS, 80 * MS, 300 * MS, SEC]);
            let spec = Spec::on(&[0])
                .priority(u8::try_from(priority).unwrap())
                .flow(u64::from(tool), rng.range(1, 4u32))
                .tool(tool);
            calls.extend(backlog(&spec.at(0, runs), 12, until));
        }
    }
    (World::new(seed, one_limit(slots(size), priorities), calls), size)
}

/// One party per group of calls, with what it was served of the slots.
fn parties(
    run: &Run,
    span: (u64, u64),
    groups: &[(u64, f64)],
    key: fn(&Planned) -> u64,
) -> Vec<Party> {
    let served = slot_time(run, span, key);
    let largest = |group: u64| {
        let calls = run.calls.iter().filter(|call| key(call) == group);
        let costs = calls.map(|call| product(call.runs.max(GUESS), call.spec.takes[0].weight));
        costs.fold(0.0, f64::max)
    };
    let party = |&(group, weight): &(u64, f64)| Party {
        weight,
        largest: largest(group),
        served: served.get(&group).copied().unwrap_or(0.0),
    };
    groups.iter().map(party).collect()
}

fn flow_of(call: &Planned) -> u64 {
    call.spec.flow.id
}

fn priority_of(call: &Planned) -> u64 {
    u64::from(call.spec.priority)
}

const SPANS: [(u64, u64); 4] =
    [(0, 28 * SEC), (0, 5 * SEC), (9 * SEC, 28 * SEC), (11 * SEC, 18 * SEC)];

#[test]
fn backlogged_priorities_share_slots_by_weight_whatever_their_calls_take() {
    for seed in seeds(16) {
        let (world, size) = backlogged_world(seed, 28 * SEC);
        let run = play(&world);
        let weights = world.config.priorities.iter().map(|weight| f64::from(*weight));
        let groups: Vec<_> = (0..).zip(weights).collect();
        for span in SPANS {
            let parties = parties(&run, span, &groups, priority_of);
            shares_are_within_the_bound(&world, size, &parties);
            let used: f64 = parties.iter().map(|party| party.served).sum();
            let all = product(span.1 - span.0, size);
            assert!(used >= all * 0.999, "seed {seed}: idle while somebody waits: {used} of {all}");
        }
    }
}

#[test]
fn backlogged_flows_of_a_priority_share_it_by_weight_in_slot_seconds_not_in_calls() {
    for seed in seeds(16) {
        let (world, size) = backlogged_world(seed, 28 * SEC);
        let run = play(&world);
        for priority in 0..world.config.priorities.len() as u64 {
            let mut groups: Vec<(u64, f64)> = Vec::new();
            for call in world.calls.iter().filter(|call| priority_of(call) == priority) {
                let group = (flow_of(call), f64::from(call.spec.flow.weight));
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
            for span in SPANS {
                let parties = parties(&run, span, &groups, flow_of);
                shares_are_within_the_bound(&world, size, &parties);
            }
        }
    }
}

/// The estimate is per tool, so it is wrong for both flows: what they owe is corrected by what
/// their calls really took.
#[test]
fn a_flow_of_slow_calls_gets_no_more_than_one_of_quick_calls_of_the_same_tool() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let size = rng.range(1, 6u64);
        let (slow, quick) = (rng.range(SEC / 2, SEC), rng.range(20 * MS, 100 * MS));
        let mut calls = backlog(&Spec::on(&[0]).flow(1, 1).at(0, slow), 12, 28 * SEC);
        calls.extend(backlog(&Spec::on(&[0]).flow(2, 1).at(0, quick), 12, 28 * SEC));
        let world = World::new(seed, one_limit(slots(size), vec![1]), calls);
        let groups = [(1, 1.0), (2, 1.0)];
        let parties = parties(&play(&world), (0, 28 * SEC), &groups, flow_of);
        shares_are_within_the_bound(&world, size, &parties);
    }
}

#[test]
fn a_rate_is_shared_by_weight_in_units_not_in_calls() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let until = 20 * SEC;
        let counts = Counts::Unit(Unit(0));
        let kind = match rng.below(2) {
            0 => RateKind::Bucket { burst: 50 },
            _ => RateKind::Sliding { transit: Duration::ZERO },
        };
        let rate = BudgetConfig::Rate { counts, amount: 100, period: Duration::from_secs(1), kind };
        let costs = [1, 5, 20];
        let weights: Vec<u32> = costs.iter().map(|_| rng.range(1, 5u32)).collect();
        let mut calls = Vec::new();
        for (flow, (amount, weight)) in costs.iter().zip(&weights).enumerate() {
            let mut spec = Spec::on(&[0]).flow(flow as u64, *weight);
            spec.takes[0].costs.push(Cost { unit: Unit(0), amount: *amount });
            calls.extend(backlog(&spec.at(0, 0), 120, until));
        }
        let world = World::new(seed, one_limit(rate, vec![1]), calls);
        let run = play(&world);
        let parties = costs.iter().zip(&weights).enumerate().map(|(flow, (cost, weight))| {
            let starts = run.starts().filter(|(at, call, _)| {
                // The first period's burst is taken by who comes first.
                (SEC..until).contains(at) && flow_of(&run.calls[*call]) == flow as u64
            });
            let served = product(starts.count() as u64, *cost);
            Party { weight: f64::from(*weight), largest: *cost as f64, served }
        });
        shares_are_within_the_bound(&world, 1, &parties.collect::<Vec<_>>());
    }
}

/// What a modest flow leaves is shared by the others, by the independent allocator.
#[test]
fn a_flow_that_asks_for_less_than_its_share_gets_all_of_it_and_leaves_the_rest() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let (size, until) = (rng.range(2, 6u64), 28 * SEC);
        let mut calls = backlog(&Spec::on(&[0]).flow(1, 1).at(0, 300 * MS), 12, until);
        calls.extend(backlog(&Spec::on(&[0]).flow(2, 3).tool(1).at(0, 500 * MS), 12, until));
        // A tenth of a slot, of at least two fifths that it could have.
        for number in 0..28 {
            let at = number * SEC + rng.range(0, SEC / 2);
            calls.push(Spec::on(&[0]).flow(3, 1).tool(2).at(at, 100 * MS));
        }
        let world = World::new(seed, one_limit(slots(size), vec![1]), calls);
        let run = play(&world);
        let demand = product(28, 100 * MS);
        let all = product(until, size);
        let due = max_min(all, &[(1.0, f64::INFINITY), (3.0, f64::INFINITY), (1.0, demand)]);
        let got = slot_time(&run, (0, until), flow_of);
        let bound = (size + 1) as f64 * 2.0 * 500.0 * MS as f64;
        for (flow, due) in (1..).zip(due) {
            assert!(
                (got[&flow] - due).abs() <= bound,
                "seed {seed}, flow {flow}: {got:?}, not {due}"
            );
        }
        // It waits for the next slot, and for those that were promised one before it.
        let longest = run.waits(|call| flow_of(call) == 3).last().copied().unwrap_or(0);
        assert!(longest <= SEC, "seed {seed}: {longest}");
    }
}

#[test]
fn a_flow_that_was_idle_gets_no_credit_for_it() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let (size, back, until) = (rng.range(1, 4u64), 15 * SEC, 25 * SEC);
        let weights = [rng.range(1, 3u32), rng.range(1, 3u32)];
        // It may have been here before, and it comes back in another's backlog.
        let mut calls = backlog(&Spec::on(&[0]).flow(1, weights[0]).at(0, 100 * MS), 12, until);
        let idler = Spec::on(&[0]).flow(2, weights[1]).tool(1);
        if rng.percent(50) {
            calls.extend(backlog(&idler.clone().at(0, 100 * MS), 12, 5 * SEC));
        }
        calls.extend(backlog(&idler.at(back, 100 * MS), 12, until));
        let world = World::new(seed, one_limit(slots(size), vec![1]), calls);
        let run = play(&world);
        for to in [back + SEC, back + 3 * SEC, until] {
            let groups = [(1, f64::from(weights[0])), (2, f64::from(weights[1]))];
            let parties = parties(&run, (back, to), &groups, flow_of);
            shares_are_within_the_bound(&world, size, &parties);
        }
    }
}
