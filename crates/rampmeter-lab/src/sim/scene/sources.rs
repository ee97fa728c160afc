//! Who asks, and when.

use rampmeter_core::{BudgetConfig, Config};

use super::super::rng::Rng;
use super::FOREVER;

/// A source of calls.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The kinds that it asks for, as places in the scene's list.
    pub(crate) kinds: Vec<usize>,
    /// The flows that it asks for: so many from this place on, as far as there are.
    pub(crate) flows: (usize, usize),
    /// The priority of its calls; any if there is none.
    pub(crate) priority: Option<u8>,
    pub(crate) arrivals: Arrivals,
    /// The longest that its calls wait.
    pub(crate) queue_timeout: u64,
    /// Calls in a hundred with a deadline.
    pub(crate) deadlines: u64,
    /// Calls in a hundred that are given up while they wait, after about so long.
    pub(crate) gives_up: (u64, u64),
    /// Calls in a hundred that do not want to wait.
    pub(crate) tries: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrivals {
    /// So many calls at once, about every so often.
    Bursts { many: u64, every: u64 },
    /// So many clients, each of which asks again about so long after its answer's end.
    Closed { clients: u64, think: u64 },
}

pub(super) fn sources(rng: &mut Rng, config: &Config, pace: u64, kinds: usize) -> Vec<Source> {
    let many = rng.range(1, 5);
    // Calls per pace that the limits let through, very roughly.
    let sizes = config.limits.iter().flat_map(|limit| &limit.budgets).map(|budget| match budget {
        BudgetConfig::Concurrency { size, .. } => *size,
        BudgetConfig::Rate { .. } => 8,
    });
    let through = sizes.min().unwrap_or(4);
    (0..many).map(|_| source(rng, config, pace, kinds, through, many)).collect()
}

fn source(
    rng: &mut Rng,
    config: &Config,
    pace: u64,
    kinds: usize,
    through: u64,
    sources: u64,
) -> Source {
    let mine: Vec<usize> = (0..kinds).filter(|_| rng.percent(50)).collect();
    let kinds = if mine.is_empty() { vec![rng.index(kinds)] } else { mine };
    let priority = rng.index(config.priorities.len());
    let arrivals = if rng.percent(50) {
        let many = if rng.percent(40) { rng.range(2, 60) } else { 1 };
        let load = rng.pick(&[1, 2, 4, 6]);
        Arrivals::Bursts { many, every: pace * many * sources * 4 / (through * load) + 1 }
    } else {
        let think = if rng.percent(60) { 0 } else { pace * rng.range(1, 8) };
        Arrivals::Closed { clients: rng.range(1, 6 * through.min(20)), think }
    };
    Source {
        kinds,
        flows: (rng.index(40), rng.pick(&[1, 1, 3, 40])),
        priority: rng.percent(70).then(|| u8::try_from(priority).unwrap_or(0)),
        arrivals,
        queue_timeout: if rng.percent(50) { FOREVER } else { rng.scale(pace, 300 * pace) },
        deadlines: rng.pick(&[0, 0, 30]),
        gives_up: (rng.pick(&[0, 0, 0, 10, 50]), rng.scale(pace / 4 + 1, 50 * pace)),
        tries: rng.pick(&[0, 0, 0, 15]),
    }
}
