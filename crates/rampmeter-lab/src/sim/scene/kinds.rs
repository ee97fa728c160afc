//! Kinds of calls at random.

use rampmeter_core::{BudgetConfig, Config, Cost, Counts, LimitConfig, RateKind, Unit};

use super::super::mix::Mix;
use super::super::rng::Rng;
use super::{Kind, KindDraw};

pub(super) fn kinds(rng: &mut Rng, mix: Mix, config: &Config, tools: usize) -> Vec<Kind> {
    (0..rng.range(1, 8)).map(|_| kind(rng, mix, config, tools)).collect()
}

pub(crate) fn kind(rng: &mut Rng, mix: Mix, config: &Config, tools: usize) -> Kind {
    let mut limits: Vec<usize> = (0..config.limits.len()).collect();
    let mut draws = Vec::new();
    let many = match rng.below(10) {
        0 => 0,
        1..=5 => 1,
        6..=8 => 2,
        _ => limits.len(),
    };
    for _ in 0..many.min(limits.len()) {
        let limit = limits.swap_remove(rng.index(limits.len()));
        draws.push(draw(rng, mix, limit, &config.limits[limit]));
    }
    Kind {
        tool: u16::try_from(rng.index(tools)).unwrap_or(0),
        draws,
        nests: mix.nested && rng.percent(50),
    }
}

fn draw(rng: &mut Rng, mix: Mix, limit: usize, config: &LimitConfig) -> KindDraw {
    let mut weight = 1;
    let mut costs: Vec<Cost> = Vec::new();
    for budget in &config.budgets {
        match budget {
            BudgetConfig::Concurrency { size, .. } => weight = share(rng, mix, *size),
            BudgetConfig::Rate { counts: Counts::Unit(unit), amount, kind, .. } => {
                let most = match kind {
                    RateKind::Bucket { burst } => *burst,
                    _ => *amount,
                };
                let part = rng.pick(&[1, 4, 20]);
                let amount = share(rng, mix, most / part);
                if costs.iter().all(|cost| cost.unit != *unit) {
                    costs.push(Cost { unit: *unit, amount });
                }
            }
            BudgetConfig::Rate { .. } => {}
        }
    }
    if rng.once_in(20) {
        costs.push(Cost { unit: Unit(0), amount: rng.below(3) });
    }
    KindDraw { limit: u16::try_from(limit).unwrap_or(0), weight, costs }
}

/// Mostly little, sometimes much or all of what there is, rarely nothing or too much.
fn share(rng: &mut Rng, mix: Mix, most: u64) -> u64 {
    match rng.below(40) {
        0 => most + 1,
        1 if mix.zeros => 0,
        2 | 3 => most.max(1),
        4..=9 => rng.range(1, most.max(1)),
        10..=14 => rng.range(1, (most / 3).max(1)),
        _ => 1,
    }
}
