//! Scripts written by hand, and what is counted in their records.

use std::time::Duration;

use rampmeter::Policy;

use crate::lab::record::{CallRecord, Played, Status};
use crate::lab::regime::{Clock, Job, Regime};
use crate::lab::scenario::Rate;
use crate::lab::script::{
    FaultAt, FaultWhat, Script, ScriptCall, ScriptFault, ScriptQuota, ScriptServer, ScriptTool,
    Session, Turn,
};

use super::super::{Terms, play_on};

pub(super) const MS: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MS;

/// A tool that takes 100 ms and does nothing else.
pub(super) fn tool(name: &str) -> ScriptTool {
    ScriptTool {
        name: name.to_owned(),
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

/// A server as quick for many as for one.
pub(super) fn server(name: &str) -> ScriptServer {
    let (sigma, kappa, full, quotas) = (0.0, 0.0, None, Vec::new());
    ScriptServer { name: name.to_owned(), sigma, kappa, full, quotas }
}

pub(super) fn quota(calls: u64, period: u64) -> ScriptQuota {
    ScriptQuota { calls, period }
}

/// A script of these tools, and nothing asked for yet.
pub(super) fn script(tools: Vec<ScriptTool>) -> Script {
    Script {
        scenario: "own/test".to_owned(),
        seed: 1,
        ends: 600 * SECOND,
        deadline: None,
        pipeline: false,
        tools,
        servers: Vec::new(),
        faults: Vec::new(),
        sessions: Vec::new(),
        turns: Vec::new(),
        calls: Vec::new(),
    }
}

impl Script {
    /// One more turn, of one more session, that asks for so many calls of a tool at once.
    pub(super) fn asks(self, at: u64, tool: usize, count: usize) -> Script {
        self.asks_for(at, "f", "normal", &vec![tool; count])
    }

    /// One more turn, of one more session.
    pub(super) fn asks_for(
        mut self,
        at: u64,
        flow: &str,
        priority: &str,
        tools: &[usize],
    ) -> Script {
        let turn = self.turns.len();
        let first = self.calls.len();
        self.calls.extend(tools.iter().map(|tool| call(&self.tools, *tool, turn)));
        self.turns.push(Turn {
            load: "load".to_owned(),
            flow: flow.to_owned(),
            priority: priority.to_owned(),
            sequence: false,
            calls: (first..self.calls.len()).collect(),
        });
        self.sessions.push(Session { at, turns: vec![turn], think: 0, pulled: false });
        self
    }

    /// All turns so far are those of one session.
    pub(super) fn in_one_session(mut self, think: u64, pulled: bool) -> Script {
        let at = self.sessions.first().map_or(0, |session| session.at);
        let turns = (0..self.turns.len()).collect();
        self.sessions = vec![Session { at, turns, think, pulled }];
        self
    }

    /// Each call so far makes so many calls of a tool.
    pub(super) fn each_calls(mut self, tool: usize, count: usize) -> Script {
        for parent in 0..self.calls.len() {
            for _ in 0..count {
                let child = self.calls.len();
                let turn = self.calls[parent].turn;
                self.calls
                    .push(ScriptCall { parent: Some(parent), ..call(&self.tools, tool, turn) });
                self.calls[parent].children.push(child);
            }
        }
        self
    }

    pub(super) fn fault(mut self, from: u64, until: u64, at: FaultAt, what: FaultWhat) -> Script {
        self.faults.push(ScriptFault { from, until, at, what });
        self
    }

    pub(super) fn before(mut self, server: ScriptServer) -> Script {
        self.servers.push(server);
        let at = self.servers.len() - 1;
        self.tools.iter_mut().for_each(|tool| tool.server = Some(at));
        self
    }
}

fn call(tools: &[ScriptTool], tool: usize, turn: usize) -> ScriptCall {
    ScriptCall {
        tool,
        turn,
        takes: tools[tool].usual,
        fail_at: 0.5,
        hang_at: 0.5,
        fault_at: 0.5,
        parent: None,
        children: Vec::new(),
        arguments: "{}".to_owned(),
    }
}

/// A semaphore of 8, ten calls a second, and this policy.
pub(super) fn terms(policy: &str) -> Terms {
    let policy = Policy::parse("test.toml", policy).unwrap();
    let rate = Rate { calls: 10, period: Duration::from_secs(1) };
    Terms { policy: Some(policy), semaphore: 8, rate }
}

/// One limit of so many slots for everything.
pub(super) fn slots(concurrency: u64) -> Terms {
    terms(&format!(
        "[limits.host]\nconcurrency = {concurrency}\n[tools.\"*\"]\nlimits = [\"host\"]\n\
         access = \"read\"\nqueue_timeout = \"1h\"\n[turn]\ndeadline = \"1h\"\n"
    ))
}

pub(super) fn job(regime: Regime) -> Job {
    Job { scenario: "own/test".to_owned(), regime, seed: 1, clock: Clock::Virtual, size: None }
}

pub(super) fn plays(terms: &Terms, script: &Script, regime: Regime) -> Played {
    let played = play_on(terms, script, &job(regime));
    assert_eq!(played.facts.broken, None);
    played
}

/// The most calls that were inside tools at once.
pub(super) fn peak(records: &[CallRecord]) -> usize {
    let mut moments = Vec::new();
    for run in records.iter().flat_map(|record| &record.runs) {
        moments.extend([(run.started, 1), (run.ended, -1)]);
    }
    // Who leaves at a moment makes room for who comes.
    moments.sort_unstable();
    let inside = moments.iter().scan(0i64, |inside, (_, change)| {
        *inside += change;
        Some(*inside)
    });
    usize::try_from(inside.max().unwrap_or(0)).unwrap()
}

pub(super) fn count(played: &Played, status: Status) -> usize {
    played.records.iter().filter(|record| record.status == status).count()
}

/// When each call was answered, in milliseconds.
pub(super) fn answered_ms(played: &Played) -> Vec<Option<u64>> {
    played.records.iter().map(|record| record.answered.map(|at| at / MS)).collect()
}
