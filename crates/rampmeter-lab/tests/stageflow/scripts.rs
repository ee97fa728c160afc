//! Scripts, by hand and by chance, and how the driver plays them.

use std::io::Write;
use std::process::Stdio;

use rampmeter_lab::lab::play::stageflow;
use rampmeter_lab::lab::script::{
    FaultAt, FaultWhat, ScriptCall, ScriptFault, ScriptQuota, ScriptServer, ScriptTool, Session,
    Turn,
};
use rampmeter_lab::lab::{CallRecord, Clock, Facts, Job, Regime, Script};
use serde_json::{Value, json};

use crate::place::python;

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MS;

/// A tool that does nothing but take its time.
pub(crate) fn tool() -> ScriptTool {
    ScriptTool {
        name: "t".to_owned(),
        usual: 100 * MS,
        server: None,
        memory: 0,
        cpu: 0,
        fails: 0.0,
        fails_from: None,
        hangs: 0.0,
        ignores_cancel: 0,
        races: None,
        timeout: None,
    }
}

/// One turn that asks for one call of each of these lengths, in milliseconds.
pub(crate) fn turn_of(tool: ScriptTool, takes_ms: &[u64]) -> Script {
    let calls = takes_ms.iter().map(|takes| call(0, 0, takes * MS)).collect();
    let turn = Turn {
        load: "load".to_owned(),
        flow: "f".to_owned(),
        priority: "normal".to_owned(),
        sequence: false,
        calls: (0..takes_ms.len()).collect(),
    };
    Script {
        scenario: "own/test".to_owned(),
        seed: 1,
        ends: 600 * SECOND,
        deadline: None,
        pipeline: false,
        tools: vec![tool],
        servers: Vec::new(),
        faults: Vec::new(),
        sessions: vec![Session { at: 0, turns: vec![0], think: 0, pulled: false }],
        turns: vec![turn],
        calls,
    }
}

pub(crate) fn call(tool: usize, turn: usize, takes: u64) -> ScriptCall {
    ScriptCall {
        tool,
        turn,
        takes,
        fail_at: 0.5,
        hang_at: 0.5,
        fault_at: 0.5,
        parent: None,
        children: Vec::new(),
        arguments: "{\"q\": 1}".to_owned(),
    }
}

pub(crate) fn job(regime: Regime, clock: Clock) -> Job {
    Job { scenario: "own/test".to_owned(), regime, seed: 1, clock, size: None }
}

/// What the driver prints of a script.
pub(crate) fn printed(script: &Script, clock: Clock) -> String {
    let asked = json!({ "job": job(Regime::Stageflow, clock), "script": script });
    let mut command = stageflow::command(python());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What comes of a script under the driver, on virtual time.
pub(crate) fn driven(script: &Script) -> (Vec<CallRecord>, Facts) {
    read(&printed(script, Clock::Virtual))
}

/// The records, the last word on each, and the facts after them.
pub(crate) fn read(lines: &str) -> (Vec<CallRecord>, Facts) {
    let mut records = std::collections::BTreeMap::new();
    let mut facts = None;
    for line in lines.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert!(facts.is_none(), "the facts are the last line");
        match line["record"].take() {
            Value::Null => facts = Some(serde_json::from_value(line["facts"].take()).unwrap()),
            record => {
                let record: CallRecord = serde_json::from_value(record).unwrap();
                records.insert(record.call, record);
            }
        }
    }
    (records.into_values().collect(), facts.unwrap())
}

/// Chance with a seed (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn share(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1u64 << 53) as f64
    }

    fn one_in<T>(&mut self, of: u64, thing: impl FnOnce(&mut Chance) -> T) -> Option<T> {
        (self.below(of) == 0).then(|| thing(self))
    }
}

/// A script of everything that may come together. Sessions begin at different moments, and turns that
/// begin together are of one kind: who comes first of what happens at one moment is nobody's promise.
pub(crate) fn any(seed: u64) -> Script {
    let mut chance = Chance(seed);
    let mut script = turn_of(tool(), &[]);
    (script.seed, script.ends) = (seed, 3 * SECOND + chance.below(20 * SECOND));
    script.servers = (0..2).map(|_| any_server(&mut chance)).collect();
    script.tools = (0..4).map(|index| any_tool(&mut chance, index)).collect();
    let faults = chance.below(4);
    script.faults = (0..faults).map(|_| any_fault(&mut chance)).collect();
    let sessions = 1 + chance.below(4);
    if sessions == 1 {
        // Where one turn is asked for at a time, one comes back.
        let (from, until) = any_time(&mut chance);
        let (at, what) = (FaultAt::Process, FaultWhat::Crashes);
        script.faults.push(ScriptFault { from, until, at, what });
    }
    (script.turns, script.sessions) = (Vec::new(), Vec::new());
    for session in 0..sessions {
        let first = script.turns.len();
        let pulled = sessions > 1 && chance.below(4) == 0;
        for _ in 0..1 + chance.below(4) {
            any_turn(&mut script, &mut chance, !pulled);
        }
        script.sessions.push(Session {
            at: session * (1 + chance.below(2 * SECOND)),
            turns: (first..script.turns.len()).collect(),
            think: chance.below(SECOND),
            pulled,
        });
    }
    script
}

fn any_turn(script: &mut Script, chance: &mut Chance, may_be_sequence: bool) {
    let turn = script.turns.len();
    let mut calls = Vec::new();
    for _ in 0..1 + chance.below(8) {
        calls.push(script.calls.len());
        any_call(script, chance, turn, None);
    }
    let (load, flow) = ("load".to_owned(), format!("f{}", chance.below(3)));
    let (priority, sequence) = ("normal".to_owned(), may_be_sequence && chance.below(3) == 0);
    script.turns.push(Turn { load, flow, priority, sequence, calls });
}

fn any_call(script: &mut Script, chance: &mut Chance, turn: usize, parent: Option<usize>) {
    let at = script.calls.len();
    let tool = usize::try_from(chance.below(4)).unwrap();
    script.calls.push(ScriptCall {
        takes: chance.below(2 * SECOND),
        fail_at: chance.share(),
        hang_at: chance.share(),
        fault_at: chance.share(),
        parent,
        ..call(tool, turn, 0)
    });
    if let Some(parent) = parent {
        script.calls[parent].children.push(at);
        return;
    }
    for _ in 0..chance.one_in(4, |chance| chance.below(4)).unwrap_or(0) {
        any_call(script, chance, turn, Some(at));
    }
}

fn any_server(chance: &mut Chance) -> ScriptServer {
    let quota = |chance: &mut Chance| ScriptQuota {
        calls: 1 + chance.below(10),
        period: 1 + chance.below(4 * SECOND),
    };
    ScriptServer {
        name: format!("s{}", chance.below(1000)),
        sigma: chance.one_in(2, |chance| chance.share() / 10.0).unwrap_or(0.0),
        kappa: chance.one_in(2, |chance| chance.share() / 100.0).unwrap_or(0.0),
        full: chance.one_in(2, |chance| 1 + chance.below(8)),
        quotas: chance.one_in(2, quota).into_iter().collect(),
    }
}

fn any_tool(chance: &mut Chance, index: u64) -> ScriptTool {
    ScriptTool {
        name: format!("tool-{index}"),
        server: chance.one_in(2, |chance| usize::try_from(chance.below(2)).unwrap()),
        memory: chance.below(2) * chance.below(1 << 20),
        cpu: chance.below(2) * chance.below(300 * MS),
        fails: chance.one_in(2, Chance::share).unwrap_or(0.0),
        fails_from: chance.one_in(4, |chance| chance.below(8)),
        hangs: chance.one_in(4, |chance| chance.share() / 4.0).unwrap_or(0.0),
        ignores_cancel: chance.one_in(4, |chance| chance.below(SECOND)).unwrap_or(0),
        races: chance.one_in(2, |chance| format!("counter-{}", chance.below(2))),
        timeout: chance.one_in(2, |chance| chance.below(SECOND)),
        ..tool()
    }
}

fn any_fault(chance: &mut Chance) -> ScriptFault {
    let (from, until) = any_time(chance);
    let at = match chance.below(2) {
        0 => FaultAt::Tool(usize::try_from(chance.below(4)).unwrap()),
        _ => FaultAt::Server(usize::try_from(chance.below(2)).unwrap()),
    };
    let what = match chance.below(4) {
        0 => FaultWhat::Fails(chance.share()),
        1 => FaultWhat::Throttles(chance.share()),
        _ => FaultWhat::Slower(0.5 + 4.0 * chance.share()),
    };
    ScriptFault { from, until, at, what }
}

fn any_time(chance: &mut Chance) -> (u64, u64) {
    let from = chance.below(5 * SECOND);
    (from, from + 1 + chance.below(3 * SECOND))
}
