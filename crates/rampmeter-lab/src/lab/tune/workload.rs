//! What limits are tuned for.

use super::replay::Replay;
use crate::lab::scenario::Scenario;
use crate::lab::script::Script;

/// Who asks for what, and what is behind it.
#[derive(Clone, Debug)]
pub enum Workload {
    /// A scenario: its loads, tools, servers and faults; not its policy.
    Scenario(Box<Scenario>),
    /// What was recorded in production.
    Replay(Box<Replay>),
}

impl Workload {
    pub(super) fn scenario(&self) -> &Scenario {
        match self {
            Workload::Scenario(scenario) => scenario,
            Workload::Replay(replay) => &replay.scenario,
        }
    }

    /// Everything with one seed, under a scenario that is this one's but for its policy.
    pub(super) fn script(&self, scenario: &Scenario, seed: u64) -> Script {
        match self {
            Workload::Scenario(_) => Script::of(scenario, seed),
            Workload::Replay(replay) => replay.script(seed),
        }
    }

    pub(super) fn remarks(&self) -> &[String] {
        match self {
            Workload::Scenario(_) => &[],
            Workload::Replay(replay) => &replay.remarks,
        }
    }
}
