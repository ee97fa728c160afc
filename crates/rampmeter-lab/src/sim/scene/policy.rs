//! Limits at random.

use std::time::Duration;

use rampmeter_core::{
    BudgetConfig, Config, Counts, Instant, LabelId, LimitConfig, Overflow, Priority, RateKind, Unit,
};

use super::super::mix::Mix;
use super::super::rng::Rng;
use super::{MS, SEC};

pub(super) fn config(rng: &mut Rng, mix: Mix, pace: u64) -> Config {
    let priorities: Vec<u32> = match rng.below(4) {
        0 => vec![1],
        1 => vec![64, 16, 4, 1],
        2 => (0..rng.range(2, 4)).map(|_| rng.pick(&[1, 2, 3, 7, 64])).collect(),
        _ => vec![16, 1],
    };
    let many = priorities.len();
    let limits = (0..rng.range(1, 6)).map(|number| limit(rng, mix, pace, number, many)).collect();
    let patience = if mix.patience { rng.scale(pace, 60 * SEC) } else { 30 * SEC };
    let max_depth = if rng.percent(80) { 8 } else { u8::try_from(rng.below(4)).unwrap_or(0) };
    let patience = Duration::from_nanos(patience);
    let backfill = rng.percent(70);
    Config { limits, priorities, patience, max_depth, backfill, ..Config::default() }
}

/// One limit; `number` goes into its name.
pub(crate) fn limit(
    rng: &mut Rng,
    mix: Mix,
    pace: u64,
    number: u64,
    priorities: usize,
) -> LimitConfig {
    let size = match rng.below(4) {
        0 => 1,
        1 => rng.range(2, 4),
        2 => rng.range(2, 16),
        _ => rng.range(8, 64),
    };
    let mut budgets = Vec::new();
    let shape = rng.below(10);
    if shape < 7 {
        budgets.push(slots(rng, mix, size, priorities));
    }
    if shape >= 5 {
        for _ in 0..rng.range(1, 2) {
            budgets.push(rate(rng, pace, size));
        }
    }
    let per = rng.percent(25).then(|| LabelId(u16::try_from(rng.below(2)).unwrap_or(0)));
    let queue_size = match rng.below(5) {
        0 => rng.range(0, 4),
        1 => rng.range(5, 40),
        _ => 10_000,
    };
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    LimitConfig {
        adaptive: None,
        name: format!("limit-{number}"),
        budgets,
        per,
        max_instances: if per.is_none() { 1 } else { rng.pick(&[1, 2, 3, 5, 100]) },
        queue_size: narrow(queue_size),
        queue_per_flow: (mix.per_flow && rng.percent(40)).then(|| narrow(rng.range(1, 20))),
        queue_age: rng.percent(10).then(|| Duration::from_nanos(rng.scale(pace, pace * 200))),
        overflow: if mix.evict && rng.percent(50) { Overflow::Evict } else { Overflow::Refuse },
        ..LimitConfig::default()
    }
}

fn slots(rng: &mut Rng, mix: Mix, size: u64, priorities: usize) -> BudgetConfig {
    let mut reserved = Vec::new();
    if mix.reserved && rng.percent(60) {
        for priority in 0..priorities {
            if rng.percent(50) {
                let priority = Priority(u8::try_from(priority).unwrap_or(0));
                reserved.push((priority, rng.range(0, size / 2)));
            }
        }
    }
    BudgetConfig::Concurrency { size, reserved, lend: rng.percent(70) }
}

/// A rate in the order of what `size` slots at this pace let through.
fn rate(rng: &mut Rng, pace: u64, size: u64) -> BudgetConfig {
    let unit = |rng: &mut Rng| Counts::Unit(Unit(u8::try_from(rng.below(2)).unwrap_or(0)));
    let (counts, amount) = match rng.below(4) {
        0 => (unit(rng), rng.range(10, 400)),
        1 => (unit(rng), rng.range(1_025, 6_000)),
        _ => (Counts::Calls, rng.range(1, 30)),
    };
    let calls = if counts == Counts::Calls { amount } else { rng.range(2, 20) };
    let period = pace * calls / size * rng.pick(&[1, 1, 2, 3]);
    let period = Duration::from_nanos(period.clamp(MS / 10, 3_600 * SEC));
    let transit = rng.pick(&[0, 0, u64::try_from(period.as_nanos() / 128).unwrap_or(0), 3 * MS]);
    let kind = match rng.below(3) {
        0 => RateKind::Sliding { transit: Duration::from_nanos(transit) },
        1 => {
            RateKind::Bucket { burst: if rng.percent(50) { amount } else { rng.range(1, amount) } }
        }
        _ => {
            let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
            RateKind::Calendar { ends: Instant::from_nanos(rng.range(1, nanos)) }
        }
    };
    BudgetConfig::Rate { counts, amount, period, kind }
}
