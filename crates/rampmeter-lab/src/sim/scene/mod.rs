//! What a seed makes before the first input: limits, kinds of calls, flows, tools, and who asks.

mod kinds;
mod learned;
mod policy;
mod sources;
mod tools;

use rampmeter_core::{Config, Cost, Flow};

use super::mix::Mix;
use super::rng::Rng;
pub(crate) use kinds::kind as new_kind;
pub(crate) use policy::limit as new_limit;
pub(crate) use sources::{Arrivals, Source};
pub(crate) use tools::Tool;

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SEC: u64 = 1_000 * MS;

/// A wait without an end of its own.
pub(crate) const FOREVER: u64 = u64::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) mix: Mix,
    pub(crate) config: Config,
    /// For each label the values that calls may have.
    pub(crate) values: Vec<Vec<String>>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) sources: Vec<Source>,
    /// The most by which the engine's timer is late.
    pub(crate) late: u64,
    /// How long a call takes in the mean; everything else is scaled by it.
    pub(crate) pace: u64,
}

/// Calls that draw alike, but for the values of their labels.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) tool: u16,
    pub(crate) draws: Vec<KindDraw>,
    /// Whether running calls of this kind make calls of their own.
    pub(crate) nests: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct KindDraw {
    pub(crate) limit: u16,
    pub(crate) weight: u64,
    pub(crate) costs: Vec<Cost>,
}

impl Scene {
    pub(crate) fn new(rng: &mut Rng, allowed: Mix) -> Scene {
        let mix = allowed.part(rng);
        let pace = rng.scale(MS, 2 * SEC);
        let values = (0..2).map(|label| names(label, rng.range(1, 5))).collect();
        let mut later = rng.later();
        let mut config = policy::config(rng, mix, pace);
        config.seed = later.fork().below(u64::MAX);
        config.limits.iter_mut().for_each(|limit| limit.learns = later.percent(80));
        let tools = tools::tools(rng, pace);
        let kinds = kinds::kinds(rng, mix, &config, tools.len());
        let many = if rng.percent(20) { rng.range(10, 40) } else { rng.range(1, 6) };
        let flow = |id| Flow { id: id * 7919, weight: rng.pick(&[0, 1, 1, 1, 2, 3, 10]) };
        let flows = (0..many).map(flow).collect();
        let sources = sources::sources(rng, &config, pace, kinds.len());
        let late = if mix.clocks { rng.pick(&[0, 0, MS / 2, 2 * MS, 20 * MS, SEC]) } else { 0 };
        Scene { mix, config, values, kinds, flows, tools, sources, late, pace }
    }

    /// The longest that a call of this scene takes by itself.
    pub(crate) fn longest(&self) -> u64 {
        self.tools.iter().map(|tool| tool.longest).max().unwrap_or(0)
    }
}

fn names(label: u64, many: u64) -> Vec<String> {
    (0..many)
        .map(|value| format!("{}{value}", ["tenant-", "key-"][usize::from(label > 0)]))
        .collect()
}
