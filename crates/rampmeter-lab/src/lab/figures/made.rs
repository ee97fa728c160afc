//! Playings made by hand, for tests.

use std::sync::Arc;
use std::time::Duration;

use rampmeter::Policy;

use super::super::record::{CallRecord, Facts, Played, Run, RunEnd, Status};
use super::super::regime::{Clock, Job, Regime};
use super::super::scenario::{Family, Rate, Scenario};
use super::super::script::{Script, ScriptCall, ScriptServer, ScriptTool, Turn};
use super::super::study::Entry;

/// A millisecond in nanoseconds.
pub(in super::super) const MS: u64 = 1_000_000;

/// A playing under `rampmeter` in virtual time, in which nothing is asked for yet, of one semaphore
/// permit.
pub(in super::super) fn empty(scenario: &str) -> Entry {
    let policy = "[flows]\nheavy = { weight = 3 }\n[tools.search]\n[tools.fetch]\n";
    let scenario = Scenario {
        name: scenario.to_owned(),
        family: Family::Own,
        about: String::new(),
        text: String::new(),
        loads: Vec::new(),
        tools: Vec::new(),
        servers: Vec::new(),
        faults: Vec::new(),
        policy: Policy::parse("made.toml", policy).unwrap(),
        semaphore: 1,
        rate: Rate { calls: 1, period: Duration::from_secs(1) },
        deadline: None,
        ends: Duration::from_secs(60),
        only: None,
        regimes: Vec::new(),
        pipeline: false,
        holds: Vec::new(),
        published: Vec::new(),
        sweep: None,
    };
    let script = Script {
        scenario: scenario.name.clone(),
        seed: 1,
        ends: 60_000 * MS,
        deadline: None,
        pipeline: false,
        tools: vec![tool("search", Some(0)), tool("fetch", None)],
        servers: vec![ScriptServer {
            name: "api".to_owned(),
            sigma: 0.0,
            kappa: 0.0,
            full: None,
            quotas: Vec::new(),
        }],
        faults: Vec::new(),
        sessions: Vec::new(),
        turns: Vec::new(),
        calls: Vec::new(),
    };
    let job = Job {
        scenario: scenario.name.clone(),
        regime: Regime::Rampmeter,
        seed: 1,
        clock: Clock::Virtual,
        size: None,
    };
    let played = Played { job, records: Vec::new(), facts: Facts::default() };
    Entry { scenario: Arc::new(scenario), script: Arc::new(script), played }
}

fn tool(name: &str, server: Option<usize>) -> ScriptTool {
    ScriptTool {
        name: name.to_owned(),
        usual: 10 * MS,
        server,
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

impl Entry {
    /// Another turn, of a flow at a priority; its load is called as its flow.
    pub(in super::super) fn turn(&mut self, flow: &str, priority: &str) -> usize {
        let turns = &mut Arc::make_mut(&mut self.script).turns;
        turns.push(Turn {
            load: flow.to_owned(),
            flow: flow.to_owned(),
            priority: priority.to_owned(),
            sequence: false,
            calls: Vec::new(),
        });
        turns.len() - 1
    }

    /// Another call of that turn, of the tool `search`: what became of it. Moments are milliseconds.
    pub(in super::super) fn call(
        &mut self,
        turn: usize,
        (asked, answered): (u64, Option<u64>),
        status: Status,
        runs: &[(u64, u64)],
    ) -> usize {
        let script = Arc::make_mut(&mut self.script);
        let call = script.calls.len();
        script.turns[turn].calls.push(call);
        script.calls.push(ScriptCall {
            tool: 0,
            turn,
            takes: 10 * MS,
            fail_at: 0.0,
            hang_at: 0.0,
            fault_at: 0.0,
            parent: None,
            children: Vec::new(),
            arguments: "{}".to_owned(),
        });
        let run = |(started, ended): &(u64, u64)| Run {
            started: started * MS,
            ended: ended * MS,
            end: RunEnd::Done,
        };
        let answered = answered.map(|answered| answered * MS);
        let runs: Vec<Run> = runs.iter().map(run).collect();
        let last = runs.iter().map(|run| run.ended).chain(answered).max().unwrap_or(0);
        let ended = &mut self.played.facts.ended;
        *ended = last.max(*ended);
        self.played.records.push(CallRecord { call, asked: asked * MS, answered, status, runs });
        call
    }

    /// Another call of that turn, which ran from when it was asked for until it was answered.
    pub(in super::super) fn good(&mut self, turn: usize, asked: u64, answered: u64) -> usize {
        self.call(turn, (asked, Some(answered)), Status::Succeeded, &[(asked, answered)])
    }

    pub(in super::super) fn script_mut(&mut self) -> &mut Script {
        Arc::make_mut(&mut self.script)
    }
}
