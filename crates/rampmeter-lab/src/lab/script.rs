//! A scenario with one seed: every call that will be asked for and all that chance has to say of it,
//! drawn before anything is played, so that every regime is given the same work. It is plain data, and
//! crosses to other processes as JSON.
//!
//! All times are nanoseconds.

use serde::{Deserialize, Serialize};

/// What is played.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Script {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// When everything is cut off.
    pub ends: u64,
    /// Each turn's callers want its results by so long after they asked; what is later is too late.
    pub deadline: Option<u64>,
    /// Whether a turn's calls go through a pipeline, where the regime has one (`stageflow`).
    pub pipeline: bool,
    /// The tools.
    pub tools: Vec<ScriptTool>,
    /// The servers behind them.
    pub servers: Vec<ScriptServer>,
    /// What goes wrong when.
    pub faults: Vec<ScriptFault>,
    /// Who asks, each one turn after the other.
    pub sessions: Vec<Session>,
    /// The turns.
    pub turns: Vec<Turn>,
    /// The calls; those of a turn follow each other.
    pub calls: Vec<ScriptCall>,
}

/// How a tool behaves, beyond what each call says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScriptTool {
    /// Its name.
    pub name: String,
    /// How long its work takes in the middle: what it takes when it stands in for another tool.
    pub usual: u64,
    /// The server that does its work, by index; without one it does it itself.
    pub server: Option<usize>,
    /// Bytes that it holds while it runs.
    pub memory: u64,
    /// Time on a core that it needs before the rest of its work.
    pub cpu: u64,
    /// The share of its calls that fail when their work is done.
    pub fails: f64,
    /// From its so-manieth run on, counted from 0, all fail.
    pub fails_from: Option<u64>,
    /// The share of its calls that never end by themselves.
    pub hangs: f64,
    /// How long its work goes on after it was cut short.
    pub ignores_cancel: u64,
    /// A counter that it reads, works, and writes plus one, unprotected.
    pub races: Option<String>,
    /// Its policy's time-out for a run, which the remedies apply as well.
    pub timeout: Option<u64>,
}

/// A server that many tools may share.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScriptServer {
    /// Its name.
    pub name: String,
    /// Contention, the σ of the Universal Scalability Law: with `n` calls inside, each advances at
    /// `1 / (1 + σ(n-1) + κn(n-1))` of its speed alone.
    pub sigma: f64,
    /// Coherency, its κ.
    pub kappa: f64,
    /// It answers 503 to a call that comes when so many are inside.
    pub full: Option<u64>,
    /// It answers 429, with Retry-After, to what is more than so many in any period.
    pub quotas: Vec<ScriptQuota>,
}

/// At most so many calls in any period.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScriptQuota {
    /// Calls.
    pub calls: u64,
    /// Nanoseconds.
    pub period: u64,
}

/// What goes wrong for a while.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScriptFault {
    /// From when.
    pub from: u64,
    /// Until when.
    pub until: u64,
    /// Where.
    pub at: FaultAt,
    /// What.
    pub what: FaultWhat,
}

/// Where something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAt {
    /// In a tool, by index.
    Tool(usize),
    /// In a server, by index.
    Server(usize),
    /// In the process that runs the calls.
    Process,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultWhat {
    /// This share of the calls that come fail at once.
    Fails(f64),
    /// This share of the calls that come is throttled, with Retry-After at the fault's end.
    Throttles(f64),
    /// Work takes so many times as long.
    Slower(f64),
    /// The process dies: whatever it held, queued or ran is gone. It is back at the fault's end.
    Crashes,
}

/// Somebody who asks for one turn after the other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// When it begins.
    pub at: u64,
    /// Its turns, by index, in order.
    pub turns: Vec<usize>,
    /// How long it thinks between the end of one turn and the next.
    pub think: u64,
    /// Whether it is a producer that has all its turns at once, and hands them on as fast as they are
    /// taken: the regime may hold it back. Without a way to do so it starts them all.
    pub pulled: bool,
}

/// What one answer of a model asks for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Turn {
    /// The name of its load in the scenario.
    pub load: String,
    /// Whom it is for.
    pub flow: String,
    /// The name of its priority.
    pub priority: String,
    /// Whether each of its calls is asked for only when the one before it is answered.
    pub sequence: bool,
    /// The calls that it asks for, by index. Those that these make follow them.
    pub calls: Vec<usize>,
}

/// One call, and what chance has to say of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScriptCall {
    /// Its tool, by index.
    pub tool: usize,
    /// Its turn, by index.
    pub turn: usize,
    /// How long its work takes alone.
    pub takes: u64,
    /// It fails if this is below the share that does: from 0 up to 1. An attempt after the first draws
    /// its own from [`again`].
    pub fail_at: f64,
    /// It never ends if this is below the share that does.
    pub hang_at: f64,
    /// A fault strikes it if this is below the share that it strikes.
    pub fault_at: f64,
    /// The call that makes it, by index, if it is a nested one.
    pub parent: Option<usize>,
    /// Calls that its tool makes, side by side, when its own work is done; by index.
    pub children: Vec<usize>,
    /// What its arguments say, an object: what its keys are filled from.
    pub arguments: String,
}

/// What an attempt after the first has instead of what a draw was for the first: from 0 up to 1, the
/// same for the same draw and attempt.
pub fn again(drawn: f64, attempt: u32) -> f64 {
    if attempt <= 1 {
        return drawn;
    }
    // Steps of the golden ratio spread evenly, whatever the draw was (Weyl).
    (drawn + f64::from(attempt - 1) * 0.618_033_988_749_894_9).fract()
}
