//! Latency, throughput and memory against concurrency: where the knee is, what law throughput follows,
//! and which concurrency is best.

mod memory;
pub(crate) mod nonneg;
mod over_seeds;
mod point;
#[cfg(test)]
mod tests;
pub mod usl;

pub use memory::{Memory, memory};
pub use over_seeds::OverSeeds;
pub use point::Point;
pub use usl::{Best, Fitted, Usl};

use std::collections::BTreeMap;

use super::regime::{Clock, Regime};
use super::study::{Entry, Study};
use point::Inside;

/// A scenario whose limit was given one size after the other, under one regime.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// The scenario.
    pub scenario: String,
    /// The limit that was swept.
    pub limit: String,
    /// Under what: `rampmeter` gives the limit the size, `semaphore` its permits.
    pub regime: Regime,
    /// In whose time.
    pub clock: Clock,
    /// What was measured, by size.
    pub points: Vec<Point>,
    /// The size at which power is greatest: goodput divided by how long a call stays inside. It
    /// does not move with what else was swept, as knees found by a curve's shape do.
    pub knee: Option<Knee>,
    /// The law of answers given inside the tools, while any call is there, against calls in flight
    /// there; or why there is none.
    pub fit: Result<Fitted, String>,
    /// The best concurrency by the law, fitted to each seed anew; nothing of seeds without one.
    pub best_by_fit: Option<OverSeeds>,
    /// How many seeds have a best by the law, of how many.
    pub fitted_seeds: (usize, usize),
    /// The size with the greatest median of goodput.
    pub best_by_search: Option<u64>,
    /// The size with the greatest goodput, over the seeds.
    pub search_spread: Option<OverSeeds>,
}

/// Where power is greatest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knee {
    /// At a size that lies between others.
    At(u64),
    /// At the smallest that was tried: a smaller one may be better.
    Smallest(u64),
    /// At the largest that was tried: a larger one may be better.
    Largest(u64),
}

/// The curves of all that was swept, in the order of scenarios, regimes and clocks.
pub fn curves(study: &Study) -> Vec<Curve> {
    let mut swept = BTreeMap::<_, Vec<(u64, &Entry)>>::new();
    for entry in study.entries.iter().filter(|entry| entry.is_whole()) {
        let job = &entry.played.job;
        let (Some(size), Some(sweep)) = (job.size, &entry.scenario.sweep) else { continue };
        let key = (job.scenario.as_str(), job.regime, job.clock, sweep.limit.as_str());
        swept.entry(key).or_default().push((size, entry));
    }
    let curve = |((scenario, regime, clock, limit), entries): ((&str, _, _, &str), Vec<_>)| {
        let (scenario, limit) = (scenario.to_owned(), limit.to_owned());
        curve(Curve { scenario, regime, clock, limit, ..Curve::EMPTY }, &entries)
    };
    swept.into_iter().map(curve).collect()
}

impl Curve {
    const EMPTY: Curve = Curve {
        scenario: String::new(),
        limit: String::new(),
        regime: Regime::Rampmeter,
        clock: Clock::Virtual,
        points: Vec::new(),
        knee: None,
        fit: Err(String::new()),
        best_by_fit: None,
        fitted_seeds: (0, 0),
        best_by_search: None,
        search_spread: None,
    };
}

fn curve(named: Curve, entries: &[(u64, &Entry)]) -> Curve {
    let mut by_size = BTreeMap::<u64, Vec<&Entry>>::new();
    let mut by_seed = BTreeMap::<u64, Vec<(u64, &Entry)>>::new();
    for (size, entry) in entries {
        by_size.entry(*size).or_default().push(entry);
        by_seed.entry(entry.played.job.seed).or_default().push((*size, entry));
    }
    let points: Vec<Point> = by_size.iter().map(|(size, them)| Point::of(*size, them)).collect();
    let bests: Vec<f64> = by_seed
        .values()
        .filter_map(|them| match fit(them).ok()?.best() {
            Best::At(best) => Some(best),
            Best::Rising(_) | Best::Flat => None,
        })
        .collect();
    let searched = by_seed.values().filter_map(|them| {
        let sized = them.iter().map(|(size, entry)| (*size, Point::of(*size, &[entry])));
        Some(greatest(sized.map(|(size, point)| (size, goodput(&point))))? as f64)
    });
    Curve {
        knee: knee(&points),
        fit: fit(entries),
        fitted_seeds: (bests.len(), by_seed.len()),
        best_by_fit: OverSeeds::of(bests),
        best_by_search: greatest(points.iter().map(|point| (point.size, goodput(point)))),
        search_spread: OverSeeds::of(searched),
        points,
        ..named
    }
}

/// Nothing of one size, which is no sweep.
fn knee(points: &[Point]) -> Option<Knee> {
    let [first, .., last] = points else { return None };
    let size = greatest(points.iter().map(|point| (point.size, point.power())))?;
    Some(match size {
        size if size == first.size && size > 1 => Knee::Smallest(size),
        size if size == last.size => Knee::Largest(size),
        size => Knee::At(size),
    })
}

fn fit(entries: &[(u64, &Entry)]) -> Result<Fitted, String> {
    let inside = entries.iter().filter_map(|(_, entry)| Inside::of(entry));
    usl::fit(&inside.map(|it| (it.in_flight, it.throughput)).collect::<Vec<_>>())
}

fn goodput(point: &Point) -> Option<f64> {
    Some(point.goodput?.median)
}

/// The first size that has the greatest of these.
fn greatest(sizes: impl Iterator<Item = (u64, Option<f64>)>) -> Option<u64> {
    let mut best: Option<(u64, f64)> = None;
    for (size, value) in sizes {
        let Some(value) = value else { continue };
        if best.is_none_or(|(_, greatest)| value > greatest) {
            best = Some((size, value));
        }
    }
    Some(best?.0)
}
