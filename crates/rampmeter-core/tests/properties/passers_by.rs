//! Tests of property 5: those who come and go, those who need much, and those who need several.

use rampmeter_core::{BudgetConfig, Config, Cost, Counts, RateKind, Unit};
use std::collections::BTreeMap;
use std::time::Duration;

use super::driver::play;
use super::history::{Run, What};
use super::seed::{Rng, seeds};
use super::shares::{backlog, limit, one_limit, product, slot_time, slots};
use super::world::{MS, Planned, SEC, Spec, World};

/// What flow 0 is entitled to while it is backlogged: at every moment its part of the weights of
/// the flows that wait.
fn entitled(run: &Run, (from, to): (u64, u64), capacity: u64) -> f64 {
    let mut waiting: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut entitled, mut since) = (0.0, from);
    for event in &run.events {
        let until = event.at.clamp(from, to);
        let flows = waiting.keys().filter(|flow| **flow != 0).count() + 1;
        entitled += product(until - since, capacity) / flows as f64;
        since = until;
        let flow = |call: usize| run.calls[call].spec.flow.id;
        match event.what {
            What::Waits(call) => *waiting.entry(flow(call)).or_default() += 1,
            What::Started(call, true) => {
                if let Some(count) = waiting.get_mut(&flow(call)) {
                    *count -= 1;
                }
                waiting.retain(|_, count| *count > 0);
            }
            _ => {}
        }
    }
    entitled
}

/// Each passer-by is a flow of its own and is served once. Were virtual time to stand still
/// meanwhile, they would all go before the flow that stays.
#[test]
fn flows_that_come_once_by_the_thousand_do_not_shut_out_the_one_that_stays() {
    for seed in seeds(6) {
        let rng = &mut Rng::new(seed);
        let (size, until) = (rng.range(1, 4u64), 25 * SEC);
        let runs = 20 * MS;
        let mut calls = backlog(&Spec::on(&[0]).flow(0, 1).at(0, runs), 8, until);
        // Somewhat more than there is room for.
        let every = runs * 9 / 10 / size;
        for number in 0..until / every {
            calls.push(Spec::on(&[0]).flow(1 + number, 1).at(number * every, runs));
        }
        let world = World::new(seed, one_limit(slots(size), vec![1]), calls);
        let run = play(&world);
        let span = (SEC, until);
        let got = slot_time(&run, span, |call| u64::from(call.spec.flow.id != 0));
        let due = entitled(&run, span, size);
        let bound = product((size + 1) * 2, 100 * MS);
        let got = got[&0];
        assert!(got >= due - bound, "seed {seed}: {got} of {due}");
    }
}

/// The bound of a newcomer: it is owed nothing and owes nothing, so it waits for two calls of each
/// flow that has a backlog, and for those that run; however many came before it.
#[test]
fn a_newcomer_waits_no_longer_than_two_rounds_of_the_backlogged_flows() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let (size, flows, until) = (rng.range(1, 4u64), rng.range(1, 20u64), 20 * SEC);
        let runs = 100 * MS;
        let mut calls: Vec<Planned> = Vec::new();
        for flow in 0..flows {
            calls.extend(backlog(&Spec::on(&[0]).flow(flow, 1).at(0, runs), 8, until));
        }
        for number in 0..30 {
            let at = SEC + number * SEC / 2 + rng.range(0, SEC / 4);
            calls.push(Spec::on(&[0]).flow(1_000 + number, 1).at(at, runs));
        }
        let world = World::new(seed, one_limit(slots(size), vec![1]), calls);
        let waits = play(&world).waits(|call| call.spec.flow.id >= 1_000);
        let bound = (2 * flows + size).div_ceil(size) * runs + runs;
        let longest = waits.last().copied().unwrap_or(0);
        assert!(longest <= bound, "seed {seed}: {longest}, the bound is {bound}");
        assert_eq!(waits.len(), 30, "seed {seed}");
    }
}

/// When its turn comes it claims what it needs: it waits for its turn, and then for the calls
/// that run.
#[test]
fn a_call_that_needs_a_whole_limit_is_served_within_a_bound_among_light_streams() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let (size, streams, until) = (rng.range(5, 50u64), rng.range(1, 8u64), 10 * SEC);
        let runs = 50 * MS;
        let mut calls: Vec<Planned> = Vec::new();
        for flow in 0..streams {
            let many = usize::try_from(size).unwrap();
            calls.extend(backlog(&Spec::on(&[0]).flow(flow, 1).at(0, runs), many, until));
        }
        let heavy = Spec::on(&[0]).flow(99, 1).weight(size).at(SEC, runs);
        calls.push(heavy);
        let world = World::new(seed, one_limit(slots(size), vec![1]), calls);
        let waits = play(&world).waits(|call| call.spec.takes[0].weight == size);
        let bound = 3 * runs;
        assert!(waits[0] <= bound, "seed {seed}: {waits:?}, the bound is {bound}");
    }
}

#[test]
fn a_call_that_needs_a_whole_burst_is_served_within_a_bound_among_light_streams() {
    for seed in seeds(10) {
        let rng = &mut Rng::new(seed);
        let (burst, streams, until) = (rng.range(5, 50u64), rng.range(1, 8u64), 10 * SEC);
        let counts = Counts::Unit(Unit(0));
        let kind = RateKind::Bucket { burst };
        let rate = BudgetConfig::Rate { counts, amount: 100, period: Duration::from_secs(1), kind };
        let of = |flow: u64, amount: u64| {
            let mut spec = Spec::on(&[0]).flow(flow, 1);
            spec.takes[0].costs.push(Cost { unit: Unit(0), amount });
            spec.at(0, 0)
        };
        let mut calls: Vec<Planned> = Vec::new();
        (0..streams).for_each(|flow| calls.extend(backlog(&of(flow, 1), 60, until)));
        calls.push(Planned { at: SEC, ..of(99, burst) });
        let world = World::new(seed, one_limit(rate, vec![1]), calls);
        let waits = play(&world).waits(|call| call.spec.flow.id == 99);
        // One round of the streams, and then the whole bucket refills.
        let bound = (burst + 2 * streams + 1) * 10 * MS;
        assert!(waits[0] <= bound, "seed {seed}: {waits:?}, the bound is {bound}");
    }
}

/// Critical calls need two limits, each of which the low calls saturate alone.
#[test]
fn critical_calls_over_two_saturated_limits_and_low_ones_beside_them_start_in_time() {
    for seed in seeds(6) {
        let rng = &mut Rng::new(seed);
        let (size, until) = (rng.range(4, 10u64), 100 * SEC);
        let config = Config {
            limits: vec![limit(slots(size)); 2],
            priorities: vec![64, 4, 1],
            ..Config::default()
        };
        let mut calls = Vec::new();
        for own in [0, 1] {
            let spec = Spec::on(&[own]).priority(1).flow(u64::from(own), 1).tool(1);
            for _ in 0..4 * size {
                let runs = rng.range(100 * MS, 900 * MS);
                calls.push(spec.clone().at(0, runs).again_until(until));
            }
        }
        let both = |priority: u8| Spec::on(&[0, 1]).priority(priority).flow(9, 1).tool(2);
        let mut at = SEC;
        while at < until {
            at += rng.range(SEC / 5, SEC);
            let mut critical = both(0);
            critical.queue_timeout = Duration::from_secs(20);
            calls.push(critical.at(at, rng.range(100 * MS, 900 * MS)));
            if rng.percent(20) {
                calls.push(both(2).at(at, rng.range(100 * MS, 900 * MS)));
            }
        }
        let world = World::new(seed, config, calls);
        let run = play(&world);
        for (priority, median, longest) in [(0, 500 * MS, 2 * SEC), (2, SEC, 5 * SEC)] {
            let mut all = run.calls.iter().filter(|call| call.spec.priority == priority).count();
            let waits = run.waits(|call| call.spec.priority == priority);
            all -= waits.len();
            let (middle, last) = (waits[waits.len() / 2], *waits.last().unwrap());
            let of = waits.len();
            println!(
                "seed {seed}: priority {priority}, {of} calls, median {} ms, longest {} ms",
                middle / MS,
                last / MS
            );
            assert_eq!(all, 0, "seed {seed}: priority {priority}: calls that never started");
            assert!(middle <= median && last <= longest, "seed {seed}: {middle} and {last} ns");
        }
    }
}
