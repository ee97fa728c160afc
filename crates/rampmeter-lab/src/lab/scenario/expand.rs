//! From a scenario and a seed to the script that every regime is given.
//!
//! Each call draws from a stream of its own, which its load's name and its place in it make. So what
//! one load asks for moves no draw of another, and one more turn moves none of those before it.

use std::collections::BTreeMap;

use super::Scenario;
use super::arrivals::{askers, nanos};
use super::types::{Arrive, Calls, FaultKind, FaultPlace, Load};
use crate::lab::script::{
    FaultAt, FaultWhat, Script, ScriptCall, ScriptFault, ScriptQuota, ScriptServer, ScriptTool,
    Session, Turn,
};
use crate::sim::rng::Rng;

/// The stream of when a load's turns come; those of its calls count from 0.
const ARRIVALS: u64 = u64::MAX;

impl Script {
    /// All that is asked for in a scenario, and what chance says of it with this seed. The same seed
    /// always says the same.
    pub fn of(scenario: &Scenario, seed: u64) -> Script {
        let mut writer = Writer::new(scenario, seed);
        for load in &scenario.loads {
            writer.load(load);
        }
        writer.script
    }
}

struct Writer<'a> {
    scenario: &'a Scenario,
    /// By name.
    tools: BTreeMap<&'a str, usize>,
    script: Script,
}

impl<'a> Writer<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Writer<'a> {
        let script = Script {
            scenario: scenario.name.clone(),
            seed,
            ends: nanos(scenario.ends),
            deadline: scenario.deadline.map(nanos),
            pipeline: scenario.pipeline,
            tools: tools(scenario),
            servers: servers(scenario),
            faults: faults(scenario),
            sessions: Vec::new(),
            turns: Vec::new(),
            calls: Vec::new(),
        };
        let tools = scenario.tools.iter().enumerate().map(|(at, tool)| (tool.name.as_str(), at));
        Writer { scenario, tools: tools.collect(), script }
    }

    fn load(&mut self, load: &Load) {
        let mut arrivals = self.stream(load, &[ARRIVALS]);
        let think = if let Arrive::Users(_, think) = load.arrive { nanos(think) } else { 0 };
        for (index, asker) in askers(load, &mut arrivals).into_iter().enumerate() {
            let mut turns = Vec::new();
            for place in asker.turns {
                // A user stays with its flow.
                let is_user = matches!(load.arrive, Arrive::Users(..));
                let flow = load.flow(if is_user { index } else { place });
                turns.push(self.turn(load, place, &flow));
            }
            let pulled = load.arrive == Arrive::Pulled;
            self.script.sessions.push(Session { at: asker.at, turns, think, pulled });
        }
    }

    /// Writes a turn, first the calls that it asks for, then those that they make in turn.
    fn turn(&mut self, load: &Load, place: usize, flow: &str) -> usize {
        let turn = self.script.turns.len();
        let first = self.script.calls.len();
        let writing = Writing { load, place, flow, turn, first };
        self.calls(writing, &load.calls, None);
        let calls = (first..self.script.calls.len()).collect();
        let mut at = first;
        while at < self.script.calls.len() {
            let scenario = self.scenario;
            let nested = &scenario.tools[self.script.calls[at].tool].calls;
            let from = self.script.calls.len();
            self.calls(writing, nested, Some(at));
            self.script.calls[at].children = (from..self.script.calls.len()).collect();
            at += 1;
        }
        self.script.turns.push(Turn {
            load: load.name.clone(),
            flow: flow.to_owned(),
            priority: load.priority.clone(),
            sequence: load.sequence,
            calls,
        });
        turn
    }

    fn calls(&mut self, writing: Writing<'_>, asked: &[Calls], parent: Option<usize>) {
        for Calls { tool, count, arguments } in asked {
            let tool = self.tools.get(tool.as_str()).copied().unwrap_or_default();
            for _ in 0..*count {
                let arguments = arguments.as_deref().unwrap_or("{}");
                let call = self.call(writing, tool, arguments, parent);
                self.script.calls.push(call);
            }
        }
    }

    fn call(
        &self,
        writing: Writing<'_>,
        tool: usize,
        arguments: &str,
        parent: Option<usize>,
    ) -> ScriptCall {
        let Writing { load, place, flow, turn, first } = writing;
        let in_turn = self.script.calls.len() - first;
        let mut rng = self.stream(load, &[place as u64, in_turn as u64]);
        let (fail_at, hang_at, fault_at) = (rng.unit(), rng.unit(), rng.unit());
        ScriptCall {
            tool,
            turn,
            takes: self.scenario.tools[tool].takes.draw(&mut rng),
            fail_at,
            hang_at,
            fault_at,
            parent,
            children: Vec::new(),
            arguments: filled(arguments, place, in_turn, flow),
        }
    }

    /// The stream of a place in a load.
    fn stream(&self, load: &Load, place: &[u64]) -> Rng {
        let name = load.name.bytes().map(u64::from);
        name.chain([1 << 8]).chain(place.iter().copied()).fold(Rng::new(self.script.seed), step)
    }
}

/// A turn that is being written.
#[derive(Clone, Copy)]
struct Writing<'a> {
    load: &'a Load,
    /// Which of its load's turns it is.
    place: usize,
    flow: &'a str,
    turn: usize,
    first: usize,
}

fn step(mut rng: Rng, by: u64) -> Rng {
    Rng::new(rng.next() ^ by.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

impl Load {
    /// The flow of that number, counted round.
    pub(super) fn flow(&self, index: usize) -> String {
        match self.flows {
            1 => self.flow.clone(),
            flows => format!("{}-{}", self.flow, index as u64 % u64::from(flows)),
        }
    }

    /// Whether a flow of that name is among its flows.
    pub(super) fn has_flow(&self, name: &str) -> bool {
        let number = name.strip_prefix(&self.flow).and_then(|rest| rest.strip_prefix('-'));
        match self.flows {
            1 => name == self.flow,
            flows => number.is_some_and(|it| {
                it.parse::<u32>().is_ok_and(|number| number < flows && it == number.to_string())
            }),
        }
    }
}

/// Arguments with what is theirs filled in.
pub(super) fn filled(arguments: &str, turn: usize, call: usize, flow: &str) -> String {
    if !arguments.contains("{turn}")
        && !arguments.contains("{call}")
        && !arguments.contains("{flow}")
    {
        return arguments.to_owned();
    }
    // Within a text of JSON, since that is where a flow's name stands.
    let quoted = serde_json::Value::from(flow).to_string();
    let flow = &quoted[1..quoted.len() - 1];
    let filled = arguments.replace("{turn}", &turn.to_string());
    filled.replace("{call}", &call.to_string()).replace("{flow}", flow)
}

fn tools(scenario: &Scenario) -> Vec<ScriptTool> {
    let server = |name: &String| scenario.servers.iter().position(|server| server.name == *name);
    let tools = scenario.tools.iter().map(|tool| ScriptTool {
        name: tool.name.clone(),
        usual: tool.takes.median(),
        server: tool.server.as_ref().and_then(server),
        memory: tool.memory,
        cpu: nanos(tool.cpu),
        fails: tool.fails,
        fails_from: tool.fails_from,
        hangs: tool.hangs,
        ignores_cancel: nanos(tool.ignores_cancel),
        races: tool.races.clone(),
        timeout: scenario.policy.tool(&tool.name).map(|tool| nanos(tool.timeout)),
    });
    tools.collect()
}

fn servers(scenario: &Scenario) -> Vec<ScriptServer> {
    let quota = |rate: &super::Rate| ScriptQuota { calls: rate.calls, period: nanos(rate.period) };
    let servers = scenario.servers.iter().map(|server| ScriptServer {
        name: server.name.clone(),
        sigma: server.sigma,
        kappa: server.kappa,
        full: server.full,
        quotas: server.quotas.iter().map(quota).collect(),
    });
    servers.collect()
}

fn faults(scenario: &Scenario) -> Vec<ScriptFault> {
    let at = |place: &FaultPlace| match place {
        FaultPlace::Tool(name) => {
            FaultAt::Tool(scenario.tools.iter().position(|it| it.name == *name).unwrap_or_default())
        }
        FaultPlace::Server(name) => {
            let at = scenario.servers.iter().position(|it| it.name == *name);
            FaultAt::Server(at.unwrap_or_default())
        }
        FaultPlace::Process => FaultAt::Process,
    };
    let faults = scenario.faults.iter().map(|fault| ScriptFault {
        from: nanos(fault.from),
        until: nanos(fault.from + fault.lasts),
        at: at(&fault.place),
        what: match fault.kind {
            FaultKind::Fails(share) => FaultWhat::Fails(share),
            FaultKind::Throttles(share) => FaultWhat::Throttles(share),
            FaultKind::Slower(times) => FaultWhat::Slower(times),
            FaultKind::Crashes => FaultWhat::Crashes,
        },
    });
    faults.collect()
}

#[cfg(test)]
mod tests;
