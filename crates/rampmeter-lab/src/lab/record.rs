//! What happened, call by call. Everything that is said of a playing is a fold over this.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::regime::Job;

/// How a call ended, for whoever asked for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Its tool answered.
    Succeeded,
    /// Something else stood in for its tool's answer: a cached one, another tool, a fixed value.
    Degraded,
    /// Its tool failed.
    Failed,
    /// What its tool called had no room: 429, 503.
    Throttled,
    /// It ran for as long as it may.
    TimedOut,
    /// The limits said no, and it never ran.
    Refused,
    /// It was given up: its turn's deadline came, or a sibling failed first.
    Cancelled,
    /// Nobody ever got an answer: its process died, or the scenario was over.
    Lost,
}

impl Status {
    /// Whether there was an answer to work with.
    pub const fn is_good(self) -> bool {
        matches!(self, Status::Succeeded | Status::Degraded)
    }
}

/// How one stay inside a tool ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// It came to an answer.
    Done,
    /// It came to an error of its own.
    Failed,
    /// It was throttled by what it called.
    Throttled,
    /// It was cut short, or nobody wanted it any more when it came to an end.
    Cut,
    /// The scenario was over while it ran.
    Running,
}

/// One stay inside a tool, as the tool itself saw it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Nanoseconds since the beginning.
    pub started: u64,
    /// When the work in it really ended, which may be after the call was answered; the scenario's end
    /// for what still ran.
    pub ended: u64,
    /// How.
    pub end: RunEnd,
}

/// What became of one call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallRecord {
    /// Its index in the script.
    pub call: usize,
    /// When it was asked for; nanoseconds since the beginning, as all moments here.
    pub asked: u64,
    /// When whoever asked had an answer; nothing of what is [`Status::Lost`].
    pub answered: Option<u64>,
    /// How it ended.
    pub status: Status,
    /// Every attempt that came as far as its tool, in order, those of what stood in included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
}

/// What is known of a playing as a whole.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// When the last thing ended, or the scenario's end; nanoseconds.
    pub ended: u64,
    /// Calls that the script holds and nobody came to ask for, say because their session still waited.
    pub never_asked: u64,
    /// Of each counter that tools raced on: how many wrote it, and what it came to.
    pub counters: BTreeMap<String, (u64, u64)>,
    /// The most that was held at once of each limit by the gate's own count (`rampmeter`).
    pub gate_peaks: BTreeMap<String, u64>,
    /// The gate's events by name (`rampmeter`).
    pub events: BTreeMap<String, u64>,
    /// The most bytes that tools held at once, by their own count.
    pub held_bytes_peak: u64,
    /// How late a heartbeat every 5 ms on the runtime of the calls was, nanoseconds each; real time only.
    pub lags: Vec<u64>,
    /// Resident memory before the calls and at most, in bytes; real time only.
    pub resident: Option<(u64, u64)>,
    /// Processor time used, nanoseconds; real time only.
    pub cpu: Option<u64>,
    /// What the process under the calls was, such as `stageflow-core 1.2.0, CPython 3.11.7`.
    pub under: Option<String>,
    /// Why it could not be played to its end; the records are those up to then.
    pub broken: Option<String>,
}

/// One playing, as it is kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Played {
    /// What was played.
    pub job: Job,
    /// One for each call that was asked for, by its index in the script.
    pub records: Vec<CallRecord>,
    /// What is known of the whole.
    pub facts: Facts,
}
