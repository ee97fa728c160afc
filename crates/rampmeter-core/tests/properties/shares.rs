//! Judge of the shares of property 5: who was served how much, and who is entitled to what.
//!
//! The bound: SFQ(D) promises that while two flows are backlogged, what each was served, divided
//! by its weight, differs by at most `(D + 1) · (c₁/w₁ + c₂/w₂)`: one largest cost `c` of each per
//! unit of depth `D` (slots; 1 for a rate), and one more. A cost is slot-seconds, or units. Here
//! calls are charged an estimate until they end, and `D` may run at once, so it is `2D + 1`.
//! Before a tool has been seen its estimate is a guess, so no cost counts as less than that.
//!
//! It does not hold for who starts nothing for 30 s, since nobody starves; so no history is longer.

use std::collections::BTreeMap;

use super::history::Run;
use super::world::{MS, Planned, World};
use rampmeter_core::{BudgetConfig, Config, LimitConfig};

/// What the engine assumes of a tool that it has not seen.
pub(crate) const GUESS: u64 = 100 * MS;

/// One limit of one budget, with a queue that never fills.
pub(crate) fn one_limit(budget: BudgetConfig, priorities: Vec<u32>) -> Config {
    Config { limits: vec![limit(budget)], priorities, ..Config::default() }
}

pub(crate) fn limit(budget: BudgetConfig) -> LimitConfig {
    LimitConfig {
        name: "limit".into(),
        budgets: vec![budget],
        per: None,
        max_instances: 1,
        queue_size: 1_000_000,
        ..LimitConfig::default()
    }
}

pub(crate) fn slots(size: u64) -> BudgetConfig {
    BudgetConfig::slots(size)
}

/// `many` such calls now, and another whenever one starts: a backlog until `until`.
pub(crate) fn backlog(call: &Planned, many: usize, until: u64) -> Vec<Planned> {
    (0..many).map(|_| call.clone().again_until(until)).collect()
}

/// Slot-nanoseconds that each key was served between two moments.
pub(crate) fn slot_time(
    run: &Run,
    (from, to): (u64, u64),
    key: impl Fn(&Planned) -> u64,
) -> BTreeMap<u64, f64> {
    let mut served = BTreeMap::new();
    for (at, call, _) in run.starts() {
        let call = &run.calls[call];
        let (start, end) = (at.clamp(from, to), (at + call.runs).clamp(from, to));
        *served.entry(key(call)).or_insert(0.0) += product(end - start, call.spec.takes[0].weight);
    }
    served
}

pub(crate) fn product(a: u64, b: u64) -> f64 {
    a as f64 * b as f64
}

/// Max-min fairness by weight: nobody gets more than they ask for, and what they leave is shared
/// among the others. Each claimant is `(weight, demand)`.
pub(crate) fn max_min(capacity: f64, claimants: &[(f64, f64)]) -> Vec<f64> {
    let mut shares = vec![0.0; claimants.len()];
    let mut open: Vec<usize> = (0..claimants.len()).collect();
    let mut left = capacity;
    loop {
        let weights: f64 = open.iter().map(|it| claimants[*it].0).sum();
        let fair = |it: usize| left * claimants[it].0 / weights;
        let content: Vec<usize> =
            open.iter().copied().filter(|it| claimants[*it].1 <= fair(*it)).collect();
        if content.is_empty() {
            open.iter().for_each(|it| shares[*it] = fair(*it));
            return shares;
        }
        for it in content {
            shares[it] = claimants[it].1;
            left -= shares[it];
            open.retain(|other| *other != it);
        }
    }
}

/// A backlogged party: its weight, its largest cost, and what it was served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    pub(crate) weight: f64,
    pub(crate) largest: f64,
    pub(crate) served: f64,
}

/// Every two backlogged parties are within the bound.
pub(crate) fn shares_are_within_the_bound(world: &World, depth: u64, parties: &[Party]) {
    for (place, one) in parties.iter().enumerate() {
        for other in &parties[..place] {
            let apart = (one.served / one.weight - other.served / other.weight).abs();
            let costs = one.largest / one.weight + other.largest / other.weight;
            let bound = (2 * depth + 1) as f64 * costs;
            assert!(
                apart <= bound,
                "seed {}: {apart:.0} apart, the bound is {bound:.0}: {one:?} {other:?}",
                world.seed
            );
        }
    }
}
