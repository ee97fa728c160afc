//! What tuning comes to: the setting, how it does, what holds it back, and the policy to use.

use serde::Serialize;

use super::bench::{Bench, Setting};
use super::goal::{Bound, Outcome};
use crate::lab::curves::OverSeeds;
use crate::lab::figures::Unit;

/// The limits that meet the aims at the greatest goodput, or the nearest to them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tuned {
    /// Whether every aim holds on every seed, fresh ones included.
    pub met: bool,
    /// The seeds that it was searched for on.
    pub seeds: Vec<u64>,
    /// Seeds that the search had not seen, on which it was tried afterwards.
    pub fresh: Vec<u64>,
    /// The numbers of the policy.
    pub knobs: Vec<TunedKnob>,
    /// Good answers in time per second.
    pub goodput: Under,
    /// The share of the calls asked for that came to a good end.
    pub good: Under,
    /// Whether the search ended because it had tried as many settings as it may.
    pub cut_short: bool,
    /// What was asked for.
    pub aims: Vec<TunedAim>,
    /// Settings that were tried, in that order: values of the knobs, goodput, and whether the aims
    /// held on all seeds.
    pub tried: Vec<Tried>,
    /// Numbers of the policy that were not tuned, each with why.
    pub left_alone: Vec<(String, String)>,
    /// What else there is to know.
    pub remarks: Vec<String>,
    /// The policy to use: the text that was given, with the numbers that were found.
    pub policy: String,
}

/// A figure under what was given and under what was found.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Under {
    /// Under the policy as given.
    pub given: Option<OverSeeds>,
    /// Under what was found.
    pub found: OverSeeds,
    /// Under what was found, on fresh seeds.
    pub fresh: Option<OverSeeds>,
}

/// One number of the policy.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TunedKnob {
    /// `limits.api.concurrency`.
    pub name: String,
    /// What it was.
    pub given: u64,
    /// What it should be.
    pub found: u64,
    /// The least and the most that it was searched between.
    pub between: (u64, u64),
    /// The most that the recording had at once, or in a period: what is above was never seen. Nothing
    /// where the workload is a scenario.
    pub seen: Option<u64>,
    /// What a little more of it would do; nothing where it is at its most already, or was not tried.
    pub up: Option<Step>,
}

/// What one step away from what was found would do.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    /// The values of the knobs there.
    pub setting: Vec<u64>,
    /// By how much goodput would be more, as a share; less where it is negative.
    pub gain: f64,
    /// The aims that it would break, by their place, each with its worst figure there and by what
    /// share of its bound that is beyond it.
    pub breaks: Vec<(usize, Option<f64>, f64)>,
    /// Whether fewer calls would come to a good end than under the policy as given, where no aim says
    /// how many have to.
    pub fewer_good: bool,
}

/// One aim.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TunedAim {
    /// As it was written.
    pub aim: String,
    /// What its figure is in: `time` (seconds), `bytes`, `per second`, `count`, `share` or `plain`.
    #[serde(skip)]
    pub unit: Unit,
    /// Its bound.
    pub bound: f64,
    /// Under the policy as given.
    pub given: Option<Reached>,
    /// Under what was found.
    pub found: Reached,
    /// Under what was found, on fresh seeds.
    pub fresh: Option<Reached>,
    /// The nearest to its bound, or the best beyond it, that any setting had, whatever the other aims.
    pub best_seen: Option<f64>,
    /// What relaxing it by a tenth would do; where no share of it makes a difference, what leaving it
    /// out would. Nothing where the aims cannot be met.
    pub relaxed: Option<Relaxed>,
}

/// Where the figure of an aim lies over seeds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Reached {
    /// The figure; nothing where no seed had it.
    pub value: Option<OverSeeds>,
    /// On how many seeds the aim holds.
    pub holds: usize,
    /// Of how many.
    pub of: usize,
    /// By what share of its bound it is missed on the worst seed; 0 where it holds on all.
    pub missed: f64,
}

/// What one aim costs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Relaxed {
    /// The bound that was tried instead; nothing if the aim was left out.
    pub bound: Option<f64>,
    /// The best setting then.
    pub setting: Vec<u64>,
    /// By how much goodput would be more, as a share.
    pub gain: f64,
}

/// One setting that was tried.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tried {
    /// The values of the knobs.
    pub setting: Vec<u64>,
    /// Over the seeds that it was tried on.
    pub goodput: OverSeeds,
    /// The worst figure of each aim.
    pub worst: Vec<Option<f64>>,
    /// Whether all aims held on all of those seeds.
    pub met: bool,
}

impl Reached {
    pub(super) fn of(outcomes: &[&Outcome], at: usize, bound: &Bound) -> Reached {
        let values: Vec<Option<f64>> = outcomes.iter().map(|it| it.aims[at]).collect();
        let misses = values.iter().map(|value| bound.miss(*value));
        Reached {
            value: OverSeeds::of(values.iter().copied().flatten()),
            holds: misses.clone().filter(|miss| *miss == 0.0).count(),
            of: values.len(),
            missed: misses.fold(0.0, f64::max),
        }
    }
}

/// The figure of an aim that is nearest to where it should be, of all that was tried.
pub(super) fn best_seen(bench: &Bench<'_>, at: usize, bound: &Bound, seeds: &[u64]) -> Option<f64> {
    let worst = |setting: &Setting| {
        let outcomes = bench.outcomes(setting, seeds)?;
        bound.worst(outcomes.iter().map(|it| it.aims[at]))
    };
    let figures = bench.tried().iter().filter_map(worst);
    figures.reduce(|a, b| if bound.is_better(b, a) { b } else { a })
}

/// All that was tried on at least these seeds; `stated` is how many of the aims were asked for.
pub(super) fn tried(bench: &Bench<'_>, aims: &[Bound], stated: usize, seeds: &[u64]) -> Vec<Tried> {
    let one = |setting: &Setting| {
        let outcomes = bench.outcomes(setting, seeds)?;
        let worst = aims.iter().enumerate().take(stated);
        let worst = worst.map(|(at, aim)| aim.worst(outcomes.iter().map(|it| it.aims[at])));
        Some(Tried {
            setting: setting.clone(),
            goodput: OverSeeds::of(outcomes.iter().map(|it| it.goodput))?,
            met: bench.score(setting, seeds, aims)?.meets(),
            worst: worst.collect(),
        })
    };
    bench.tried().iter().filter_map(one).collect()
}
