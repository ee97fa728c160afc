//! What limits are tuned for.

use rampmeter::Policy;

use super::replay::Replay;
use crate::lab::scenario::{self, Scenario};
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
    /// Reads a scenario, or the events of a recording, whichever the text is; `name` is what errors
    /// call it. The policy is the one under which the calls of a recording run.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the one or the other.
    pub fn read(name: &str, text: &str, policy: &Policy) -> Result<Workload, String> {
        // An event is an object of JSON, and no TOML begins so.
        if text.trim_start().starts_with('{') {
            let replay = super::replay(name, text.as_bytes(), policy)?;
            return Ok(Workload::Replay(Box::new(replay)));
        }
        if text.trim().is_empty() {
            return Err(format!(
                "{name} is empty; name a scenario, or a file that `rampmeter run --events` wrote"
            ));
        }
        let scenario = scenario::read(name, text).map_err(|error| error.to_string())?;
        Ok(Workload::Scenario(Box::new(scenario)))
    }

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
