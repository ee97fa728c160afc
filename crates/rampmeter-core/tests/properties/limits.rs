//! Judge of property 1: is anything admitted above a limit? By each kind's definition, by brute
//! force over the starts.

use rampmeter_core::{BudgetConfig, RateKind};

use super::amounts::{Charge, budgets, charges};
use super::history::{Run, What};
use super::world::MS;

/// A bucket may start a small charge this much early, once.
const TOLERANCE: u64 = 2 * MS;
/// Small is what refills in less than this.
const SMALL: u64 = 200 * MS;

pub(crate) fn nothing_is_above_a_limit(run: &Run) {
    for (limit, budget) in budgets(run) {
        for (value, charges) in charges(run, limit, budget, run.events.len()) {
            let excess = match run.world.config.limits[limit].budgets[budget] {
                BudgetConfig::Concurrency { size, .. } => slots(&charges, size),
                BudgetConfig::Rate { amount, period, kind, .. } => {
                    let taken: Vec<_> = charges.into_iter().filter(|it| it.taken).collect();
                    let period = nanos(period);
                    match kind {
                        RateKind::Sliding { transit } => {
                            sliding(&taken, amount, period + nanos(transit))
                        }
                        RateKind::Bucket { burst } => bucket(&taken, amount, period, burst),
                        RateKind::Calendar { ends } => {
                            let windows = Windows::new(run, limit, budget, ends.as_nanos(), period);
                            calendar(&taken, amount, &windows)
                        }
                    }
                }
            };
            let seed = run.world.seed;
            let config = &run.world.config.limits[limit].budgets[budget];
            assert_eq!(excess, None, "seed {seed}, limit {limit} of {value:?}: above {config:?}");
        }
    }
}

pub(crate) fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// Held at any instant. The answer is when, and how much there was.
fn slots(charges: &[Charge], size: u64) -> Option<(u64, u64)> {
    let mut held = 0;
    for charge in charges {
        held = if charge.taken { held + charge.amount } else { held - charge.amount };
        if charge.taken && charge.amount > 0 && held > size {
            return Some((charge.at, held));
        }
    }
    None
}

/// In any half-open window of this length: it is enough to let one begin at each start.
fn sliding(taken: &[Charge], most: u64, window: u64) -> Option<(u64, u64)> {
    taken.iter().enumerate().find_map(|(first, begin)| {
        let inside = taken[first..].iter().take_while(|it| it.at - begin.at < window);
        let sum = inside.map(|it| it.amount).sum();
        (sum > most).then_some((begin.at, sum))
    })
}

/// In any span of length `t` at most `burst + t·N/P`, and 2 ms more if it begins with a small
/// charge. Times `P`, in whole numbers.
fn bucket(taken: &[Charge], most: u64, period: u64, burst: u64) -> Option<(u64, u64)> {
    let wide = u128::from;
    taken.iter().enumerate().find_map(|(first, begin)| {
        let small = wide(begin.amount) * wide(period) < wide(SMALL) * wide(most);
        let early = if small { TOLERANCE } else { 0 };
        let mut sum = 0;
        taken[first..].iter().find_map(|it| {
            sum += it.amount;
            let allowed = wide(burst) * wide(period) + wide(it.at - begin.at + early) * wide(most);
            (begin.amount > 0 && wide(sum) * wide(period) > allowed).then_some((it.at, sum))
        })
    })
}

/// In each window, as the caller aligned them.
fn calendar(taken: &[Charge], most: u64, windows: &Windows) -> Option<(u64, u64)> {
    taken.iter().find_map(|begin| {
        let window = windows.of(begin);
        let inside = taken.iter().filter(|it| windows.of(it) == window);
        let sum = inside.map(|it| it.amount).sum();
        (sum > most).then_some((begin.at, sum))
    })
}

/// Which calendar window each call started in. A window ends once, when the time reaches its
/// end; until then the caller may say otherwise.
pub(crate) struct Windows {
    of_call: Vec<u64>,
    pub(crate) after: Vec<u64>,
}

impl Windows {
    pub(crate) fn new(run: &Run, limit: usize, budget: usize, ends: u64, period: u64) -> Windows {
        let (mut ends, mut number) = (ends, 0);
        let mut of_call = vec![0; run.calls.len()];
        let mut after = Vec::new();
        for event in &run.events {
            while event.at >= ends {
                ends += period;
                number += 1;
            }
            match &event.what {
                What::Started(call, _) => of_call[*call] = number,
                What::Aligned(align)
                    if (usize::from(align.limit.0), align.budget) == (limit, budget) =>
                {
                    ends = align.ends;
                    while event.at >= ends {
                        ends += period;
                        number += 1;
                    }
                }
                _ => {}
            }
            after.push(number);
        }
        Windows { of_call, after }
    }

    pub(crate) fn of(&self, charge: &Charge) -> u64 {
        self.of_call[charge.call]
    }
}
