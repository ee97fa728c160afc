//! What a seed makes: few keys, limits of every kind, and kinds of calls that name both.

use std::time::Duration;

use rampmeter_core::{BudgetConfig, Config, Counts, LimitConfig, Priority, RateKind};

use super::super::rng::Rng;
use super::super::scene::MS;

#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) config: Config,
    pub(super) names: Vec<String>,
    pub(super) kinds: Vec<Kind>,
    pub(super) flows: u64,
    /// The most calls that wait or run at once.
    pub(super) crowd: usize,
    pub(super) steps: u64,
    /// Of a hundred running calls so many make calls, and so many of those end before them.
    pub(super) nests: u64,
    pub(super) leaves: u64,
    pub(super) pauses: bool,
}

/// Calls that draw alike.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) tool: u16,
    /// Keys, and whether it writes them.
    pub(super) keys: Vec<(usize, bool)>,
    /// Limits and weights.
    pub(super) draws: Vec<(u16, u64)>,
    pub(super) runs: u64,
}

impl Scene {
    pub(super) fn new(rng: &mut Rng) -> Scene {
        let limits: Vec<LimitConfig> = (0..rng.below(4)).map(|_| limit(rng)).collect();
        let names: Vec<String> = (0..rng.range(1, 5)).map(|key| format!("file:/{key}")).collect();
        let writes = rng.range(10, 70);
        let kinds = (0..rng.range(2, 9)).map(|_| kind(rng, &limits, names.len(), writes)).collect();
        let config = Config {
            limits,
            priorities: vec![64, 16, 4, 1],
            patience: Duration::from_nanos(rng.scale(20 * MS, 5_000 * MS)),
            max_depth: 4,
            backfill: rng.percent(60),
            inherit: rng.percent(80),
            ..Config::default()
        };
        Scene {
            config,
            names,
            kinds,
            flows: rng.range(1, 8),
            crowd: usize::try_from(rng.range(4, 40)).unwrap_or(4),
            steps: rng.range(200, 600),
            nests: rng.pick(&[0, 20, 50]),
            leaves: rng.pick(&[0, 0, 30]),
            pauses: rng.percent(30),
        }
    }
}

fn limit(rng: &mut Rng) -> LimitConfig {
    let size = rng.range(1, 5);
    let kept = if rng.percent(30) { vec![(Priority(1), rng.below(size))] } else { Vec::new() };
    let mut budgets = vec![BudgetConfig::Concurrency { size, reserved: kept, lend: true }];
    if rng.percent(30) {
        let period = Duration::from_nanos(rng.scale(50 * MS, 2_000 * MS));
        let kind = match rng.percent(50) {
            true => RateKind::Bucket { burst: 2 },
            false => RateKind::Sliding { transit: Duration::ZERO },
        };
        budgets.push(BudgetConfig::Rate { counts: Counts::Calls, amount: 4, period, kind });
    }
    LimitConfig { budgets, ..LimitConfig::default() }
}

fn kind(rng: &mut Rng, limits: &[LimitConfig], keys: usize, writes: u64) -> Kind {
    let named = (0..keys).filter(|_| rng.percent(45)).collect::<Vec<_>>();
    let keys = named.into_iter().map(|key| (key, rng.percent(writes))).collect();
    let mut draws = Vec::new();
    for (limit, config) in limits.iter().zip(0u16..).map(|(config, limit)| (limit, config)) {
        let BudgetConfig::Concurrency { size, reserved, .. } = &config.budgets[0] else { continue };
        let most = size - reserved.first().map_or(0, |(_, kept)| *kept);
        if rng.percent(40) {
            let weight = if rng.percent(25) { rng.range(1, most) } else { 1 };
            draws.push((limit, weight));
        }
    }
    let tool = u16::try_from(rng.below(4)).unwrap_or(0);
    Kind { tool, keys, draws, runs: rng.scale(MS, 300 * MS) }
}
