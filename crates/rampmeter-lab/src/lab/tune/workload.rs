//! What limits are tuned for.

use super::replay::Replay;
use crate::lab::figures::Aim;
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

    /// That an aim can be judged on what is played of it.
    pub(super) fn check(&self, aim: &Aim, script: &Script) -> Result<(), String> {
        let figure = aim.figure().to_string();
        let is_of = |measure: &str| figure.split([' ', '/']).any(|word| word == measure);
        let why = match self {
            _ if is_of("lag") || is_of("cpu") => {
                "it is measured in real time only, and limits are tuned on virtual time"
            }
            _ if figure.contains("past deadline") && script.deadline.is_none() => {
                "the workload has no deadline"
            }
            _ if is_of("recovery") && script.faults.is_empty() => "nothing goes wrong in it",
            Workload::Replay(_) if is_of("memory") => "a recording says nothing of memory",
            _ => return aim.check(script).map_err(|what| format!("the aim `{aim}`: {what}")),
        };
        Err(format!("the aim `{aim}` cannot be judged: {why}; leave it out"))
    }

    pub(super) fn remarks(&self) -> &[String] {
        match self {
            Workload::Scenario(_) => &[],
            Workload::Replay(replay) => &replay.remarks,
        }
    }
}
