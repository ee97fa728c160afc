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
            _ if is_of("fairness") && has_one_flow(script) => {
                "it is between flows, and all of the workload is of one"
            }
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

fn has_one_flow(script: &Script) -> bool {
    let mut flows = script.turns.iter().map(|turn| &turn.flow);
    let first = flows.next();
    flows.all(|flow| Some(flow) == first)
}

/// That some figure can meet an aim and each of these.
pub(super) fn fit(aim: &Aim, others: &[Aim]) -> Result<(), String> {
    let same = others.iter().filter(|other| other.figure() == aim.figure());
    for other in same {
        let (low, high) = (aim.bound().min(other.bound()), aim.bound().max(other.bound()));
        // If there is one, it is at a bound, between the two, or beyond both.
        let figures = [low - 1.0, low, f64::midpoint(low, high), high, high + 1.0];
        if !figures.iter().any(|it| aim.holds(*it) && other.holds(*it)) {
            return Err(format!(
                "the aims `{other}` and `{aim}` contradict each other; leave one of them out"
            ));
        }
    }
    Ok(())
}
