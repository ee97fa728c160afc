//! A recording as a script.

use std::collections::HashMap;

use rampmeter::Policy;
use serde_json::{Map, Value};

use super::read::{Call, End};
use super::server::Turns;
use super::{Replay, Tool};
use crate::lab::script::{Script, ScriptCall, ScriptServer, ScriptTool, Session, Turn};
use crate::sim::rng::Rng;

/// The seed of the recording as it is.
const AS_RECORDED: u64 = 1;

/// What the load of all that is replayed is called.
const LOAD: &str = "recorded";

pub(super) fn script(replay: &Replay, seed: u64) -> Script {
    let tools: HashMap<&str, usize> =
        replay.tools.iter().enumerate().map(|(at, tool)| (tool.name.as_str(), at)).collect();
    let mut script = Script {
        scenario: replay.scenario.name.clone(),
        seed,
        ends: u64::try_from(replay.scenario.ends.as_nanos()).unwrap_or(u64::MAX),
        deadline: None,
        pipeline: false,
        tools: replay.tools.iter().enumerate().map(|(at, tool)| script_tool(at, tool)).collect(),
        servers: replay.tools.iter().map(script_server).collect(),
        faults: Vec::new(),
        sessions: Vec::new(),
        turns: Vec::new(),
        calls: Vec::new(),
    };
    let calls = &replay.recording.calls;
    let begins = calls.iter().map(|call| call.asked_us).min().unwrap_or(0);
    let mut draws = Rng::new(seed);
    for asked in turns(calls) {
        let turn = script.turns.len();
        let (first, at) = (&calls[asked[0]], script.calls.len());
        for call in &asked {
            let tool = tools.get(calls[*call].tool.as_str()).copied().unwrap_or(0);
            let told = ToldCall {
                call: &calls[*call],
                work: replay.works[*call],
                tool: &replay.tools[tool],
            };
            let mut draws = draws.fork();
            let drawn = told.written(tool, turn, *call, seed, &mut draws);
            script.calls.push(drawn);
        }
        let session = (first.asked_us - begins) * 1_000;
        script.sessions.push(Session { at: session, turns: vec![turn], think: 0, pulled: false });
        script.turns.push(Turn {
            load: LOAD.into(),
            flow: first.flow.clone(),
            priority: first.priority.clone(),
            sequence: is_sequence(calls, &asked),
            calls: (at..script.calls.len()).collect(),
        });
    }
    script
}

struct ToldCall<'a> {
    call: &'a Call,
    /// How long its work takes alone, if that is known.
    work: Option<u64>,
    tool: &'a Tool,
}

impl ToldCall<'_> {
    fn written(
        &self,
        tool: usize,
        turn: usize,
        number: usize,
        seed: u64,
        draws: &mut Rng,
    ) -> ScriptCall {
        let works = &self.tool.work;
        let drawn = if works.is_empty() { self.tool.usual() } else { draws.pick(works) };
        let (as_recorded, chance) = (seed == AS_RECORDED, draws.unit());
        let failed = self.call.attempts.first().map(|first| first.end == End::Failed);
        let fails = self.tool.fails;
        ScriptCall {
            tool,
            turn,
            takes: self.work.filter(|_| as_recorded).unwrap_or(drawn),
            // What failed is below the share that fails, what did not is not.
            fail_at: match failed.filter(|_| as_recorded) {
                Some(true) => chance * fails,
                Some(false) => fails + chance * (1.0 - fails),
                None => chance,
            },
            hang_at: draws.unit(),
            fault_at: draws.unit(),
            parent: None,
            children: Vec::new(),
            arguments: self.tool.arguments.replace("{call}", &number.to_string()),
        }
    }
}

/// The calls of each turn, in the order in which they were asked for, and the turns by their first. Each
/// flow may count its turns for itself.
fn turns(calls: &[Call]) -> Vec<Vec<usize>> {
    let mut turns: Vec<Vec<usize>> = Vec::new();
    let mut known = HashMap::<(&str, u64), usize>::new();
    for (at, call) in calls.iter().enumerate() {
        let Some(number) = call.turn else {
            turns.push(vec![at]);
            continue;
        };
        let turn = *known.entry((call.flow.as_str(), number)).or_insert(turns.len());
        if turn == turns.len() {
            turns.push(Vec::new());
        }
        turns[turn].push(at);
    }
    turns
}

/// Whether each call was asked for when the one before it was over.
fn is_sequence(calls: &[Call], turn: &[usize]) -> bool {
    let follows = |pair: &[usize]| {
        calls[pair[0]].ended_us().is_some_and(|ended| ended <= calls[pair[1]].asked_us)
    };
    turn.len() > 1 && turn.windows(2).all(follows)
}

fn script_tool(at: usize, tool: &Tool) -> ScriptTool {
    ScriptTool {
        name: tool.name.clone(),
        usual: tool.usual(),
        server: Some(at),
        memory: 0,
        cpu: 0,
        fails: tool.fails,
        fails_from: None,
        hangs: 0.0,
        ignores_cancel: 0,
        races: None,
        timeout: None,
    }
}

fn script_server(tool: &Tool) -> ScriptServer {
    ScriptServer {
        name: tool.name.clone(),
        sigma: tool.slowness.sigma,
        kappa: tool.slowness.kappa,
        full: if let Turns::Full(full) = tool.turns { Some(full) } else { None },
        quotas: if let Turns::Quota(quota) = tool.turns { vec![quota] } else { Vec::new() },
    }
}

/// Arguments that fill the keys of a tool, other ones for each call: events hold no arguments, so
/// which calls touched the same key, or asked for the same, is not known.
pub(super) fn arguments(policy: &Policy, tool: &str) -> String {
    let Some(tool) = policy.tool(tool) else { return "{}".into() };
    let mut all = Map::new();
    for key in tool.reads.iter().chain(&tool.writes) {
        for part in key.split('{').skip(1) {
            let name = part.split(['}', '|']).next().unwrap_or_default();
            let mut path = name.split('.').collect::<Vec<_>>();
            let Some(last) = path.pop().filter(|last| !last.is_empty()) else { continue };
            let mut at = &mut all;
            for step in path {
                let inner = at.entry(step).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(inner) = inner else { return "{}".into() };
                at = inner;
            }
            at.insert(last.into(), Value::String("/call-{call}".into()));
        }
    }
    // Calls that are the same would share a run, or a cached answer.
    if all.is_empty() && (tool.single_flight || !tool.fallback.is_empty()) {
        all.insert("call".into(), Value::String("/call-{call}".into()));
    }
    Value::Object(all).to_string()
}
