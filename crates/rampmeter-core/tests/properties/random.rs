//! Worlds at random: small limits of every kind, many ties, impatient callers, late timers.

use std::time::Duration;

use rampmeter_core::{
    BudgetConfig, Config, Cost, Counts, Flow, Instant, LabelId, LimitConfig, LimitId, Outcome,
    RateKind, Unit,
};

use super::seed::Rng;
use super::world::{Align, MS, Planned, SEC, Spec, Take, Via, World};

const VALUES: [&str; 5] = ["a", "b", "c", "d", ""];

/// A world in which anything may happen.
pub(crate) fn world(seed: u64) -> World {
    let rng = &mut Rng::new(seed);
    let config = config(rng);
    let kinds: Vec<Spec> = (0..rng.range(2, 10u32)).map(|_| spec(rng, &config)).collect();
    let span = rng.pick(&[SEC / 2, 2 * SEC, 8 * SEC, 100 * SEC]);
    let grain = rng.pick(&[1, MS, 20 * MS]);
    let calls: Vec<Planned> = (0..rng.range(20, 180u32))
        .map(|_| {
            let kind = rng.below(kinds.len());
            planned(rng, &kinds[kind], kind, span, grain)
        })
        .collect();
    let aligns = aligns(rng, &config, span);
    World { seed, config, calls, aligns, late: rng.pick(&[0, 0, MS, 60 * MS, SEC]), mischief: 20 }
}

fn config(rng: &mut Rng) -> Config {
    let limits = (0..rng.range(1, 4u32)).map(|place| limit(rng, place)).collect();
    let priorities = (0..rng.range(1, 4u32)).map(|_| rng.pick(&[0, 1, 4, 16, 64])).collect();
    Config { limits, priorities, ..Config::default() }
}

fn limit(rng: &mut Rng, place: u32) -> LimitConfig {
    LimitConfig {
        name: format!("limit {place}"),
        budgets: (0..rng.pick(&[1, 1, 1, 2, 3])).map(|_| budget(rng)).collect(),
        per: if rng.percent(35) { Some(LabelId(rng.range(0, 1u16))) } else { None },
        max_instances: rng.range(1, 5u32),
        queue_size: rng.pick(&[0, 1, 3, 10, 1000, 1000]),
        queue_age: if rng.percent(20) { Some(duration(rng, 50 * MS, 3 * SEC)) } else { None },
        ..LimitConfig::default()
    }
}

pub(crate) fn budget(rng: &mut Rng) -> BudgetConfig {
    let period = Duration::from_nanos(rng.pick(&[20 * MS, 99 * MS, SEC, 2 * SEC + 1]));
    let counts = if rng.percent(50) { Counts::Calls } else { Counts::Unit(unit(rng)) };
    let few = rng.range(1, 12u64);
    let (counts, amount, kind) = match rng.below(7) {
        0..3 => return BudgetConfig::slots(rng.range(1, 8u64)),
        3 => (counts, few, RateKind::Sliding { transit: transit(rng) }),
        4 => {
            let kind = RateKind::Sliding { transit: transit(rng) };
            (Counts::Unit(unit(rng)), rng.range(1025, 3000u64), kind)
        }
        5 => (counts, rng.pick(&[few, 50, 333]), RateKind::Bucket { burst: rng.range(1, 20u64) }),
        _ => {
            let ends = Instant::from_nanos(rng.range(0, 2 * SEC));
            (counts, few, RateKind::Calendar { ends })
        }
    };
    BudgetConfig::Rate { counts, amount, period, kind }
}

fn transit(rng: &mut Rng) -> Duration {
    Duration::from_nanos(rng.pick(&[0, 0, 5 * MS + 7]))
}

fn unit(rng: &mut Rng) -> Unit {
    Unit(rng.range(0, 1u8))
}

fn duration(rng: &mut Rng, least: u64, most: u64) -> Duration {
    Duration::from_nanos(rng.range(least, most))
}

fn spec(rng: &mut Rng, config: &Config) -> Spec {
    let mut takes: Vec<Take> = Vec::new();
    for limit in 0..config.limits.len() {
        if rng.percent(60) {
            takes.push(take(rng, u16::try_from(limit).unwrap(), &config.limits[limit]));
        }
    }
    if rng.percent(50) {
        takes.reverse();
    }
    let mut labels = Vec::new();
    for label in 0..2 {
        if rng.percent(95) {
            labels.push((LabelId(label), rng.pick(&VALUES).to_owned()));
        }
    }
    let most = u8::try_from(config.priorities.len() - 1).unwrap();
    Spec {
        tool: rng.range(0, 3u16),
        flow: flow(rng),
        priority: rng.range(0, most),
        labels,
        takes,
        queue_timeout: Duration::from_nanos(rng.pick(&[
            0,
            MS,
            150 * MS,
            2 * SEC,
            60 * SEC,
            900 * SEC,
        ])),
    }
}

/// No more than the limit ever has: what borrows is judged by the simulator.
fn take(rng: &mut Rng, limit: u16, config: &LimitConfig) -> Take {
    let cost = |rng: &mut Rng| Cost { unit: unit(rng), amount: rng.pick(&[0, 1, 1, 2, 5, 700]) };
    let mut costs: Vec<Cost> = (0..rng.range(0, 3u32)).map(|_| cost(rng)).collect();
    for unit in [Unit(0), Unit(1)] {
        let mut left = config.budgets.iter().map(|it| capacity(it, unit)).min().unwrap_or(u64::MAX);
        for cost in costs.iter_mut().filter(|cost| cost.unit == unit) {
            cost.amount = cost.amount.min(left);
            left -= cost.amount;
        }
    }
    Take { limit, weight: rng.pick(&[0, 1, 1, 1, 2, 5]), costs }
}

/// Few flows, and each always of the same weight.
fn flow(rng: &mut Rng) -> Flow {
    let id = rng.range(0, 5u64);
    Flow { id, weight: [0, 1, 1, 2, 3, 10][usize::try_from(id).unwrap()] }
}

fn planned(rng: &mut Rng, spec: &Spec, kind: usize, span: u64, grain: u64) -> Planned {
    let at = rng.range(0, span / grain) * grain;
    let mut spec = spec.clone();
    if rng.percent(50) {
        spec.flow = flow(rng);
    }
    let via = [Via::Admit, Via::Admit, Via::Admit, Via::TryAdmit, Via::Prepared, Via::TryPrepared];
    let outcome = [Outcome::Succeeded, Outcome::Failed, Outcome::Overloaded, Outcome::Cancelled];
    let soon = [0, MS, 20 * MS, 100 * MS, SEC];
    Planned {
        at,
        spec,
        kind,
        via: rng.pick(&via),
        // Where there is much time, some take so long that others lose patience.
        runs: rng.pick(&[0, 1, 10 * MS, 40 * MS, 200 * MS, span / 8]),
        outcome: rng.pick(&outcome),
        patience: if rng.percent(20) { Some(rng.pick(&soon)) } else { None },
        deadline: if rng.percent(25) {
            Instant::from_nanos(at + rng.pick(&soon))
        } else {
            Instant::NEVER
        },
        again_until: 0,
    }
}

/// A clock step now and then, on budgets of any kind.
fn aligns(rng: &mut Rng, config: &Config, span: u64) -> Vec<Align> {
    let count = rng.pick(&[0, 0, 2, 6]);
    let one = |rng: &mut Rng| {
        let limit = rng.below(config.limits.len());
        let at = rng.range(0, span);
        Align {
            at,
            limit: LimitId(u16::try_from(limit).unwrap()),
            budget: rng.below(config.limits[limit].budgets.len() + 1),
            ends: (at + rng.range(0, 2 * SEC)).saturating_sub(SEC / 4),
        }
    };
    (0..count).map(|_| one(rng)).collect()
}

/// Little but calendar windows that the caller moves about, each value with windows of its own.
pub(crate) fn moving_windows(seed: u64) -> World {
    let rng = &mut Rng::new(seed ^ 0xCA1E);
    let budgets = (0..rng.range(1, 2u32)).map(|_| {
        let kind = RateKind::Calendar { ends: Instant::from_nanos(rng.range(0, SEC)) };
        let period = Duration::from_nanos(rng.range(SEC / 10, SEC));
        BudgetConfig::Rate { counts: Counts::Calls, amount: rng.range(1, 3u64), period, kind }
    });
    let limit = LimitConfig { budgets: budgets.collect(), ..limit(rng, 0) };
    let limit = LimitConfig { per: Some(LabelId(0)), max_instances: rng.range(1, 2u32), ..limit };
    let config = Config { limits: vec![limit], priorities: vec![1], ..Config::default() };
    let calls = (0..rng.range(20, 80u32)).map(|_| {
        let mut spec = Spec::on(&[0]);
        spec.labels.push((LabelId(0), rng.pick(&VALUES[..3]).to_owned()));
        spec.queue_timeout = Duration::from_nanos(rng.pick(&[0, SEC / 10, 5 * SEC]));
        Planned { via: Via::Admit, ..planned(rng, &spec, 0, 4 * SEC, MS) }
    });
    let calls = calls.collect();
    let mut world = World::new(seed, config, calls);
    world.aligns = (0..3).flat_map(|_| aligns(rng, &world.config, 4 * SEC)).collect();
    world.mischief = 20;
    world
}

/// The most of a unit that a budget ever has.
fn capacity(budget: &BudgetConfig, unit: Unit) -> u64 {
    match budget {
        BudgetConfig::Rate { counts, amount, kind, .. } if *counts == Counts::Unit(unit) => {
            if let RateKind::Bucket { burst } = kind {
                *burst
            } else {
                *amount
            }
        }
        _ => u64::MAX,
    }
}
