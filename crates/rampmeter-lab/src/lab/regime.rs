//! Under what a scenario is played, and one playing of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What decides when calls start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// Nothing: all calls of a turn start at once.
    Unlimited,
    /// One first-come semaphore around all calls, and each tool's time-out: what people add first.
    Semaphore,
    /// A token bucket for each tool (`governor`), and each tool's time-out: what they add next.
    RateLimiter,
    /// The gate and the turn machine, under the scenario's policy.
    Rampmeter,
    /// The tool registry, or a pipeline, of the real `stageflow-core`, in a Python of its own.
    Stageflow,
}

impl Regime {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Regime; 5] = [
        Regime::Unlimited,
        Regime::Semaphore,
        Regime::RateLimiter,
        Regime::Rampmeter,
        Regime::Stageflow,
    ];

    /// Its name in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Regime::Unlimited => "unlimited",
            Regime::Semaphore => "semaphore",
            Regime::RateLimiter => "rate-limiter",
            Regime::Rampmeter => "rampmeter",
            Regime::Stageflow => "stageflow",
        }
    }

    /// The regime of that name.
    pub fn named(name: &str) -> Option<Regime> {
        Regime::ALL.into_iter().find(|regime| regime.as_str() == name)
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose time a scenario is played in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Time jumps to the next thing that happens: the same seed gives the same records.
    Virtual,
    /// The wall clock, with memory that is really held and work that really keeps a core busy, in a
    /// process of its own.
    Real,
}

/// One playing of a scenario.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The scenario's name, `family/name`.
    pub scenario: String,
    /// Under what.
    pub regime: Regime,
    /// What all that is drawn is drawn from.
    pub seed: u64,
    /// In whose time.
    pub clock: Clock,
    /// The size that the limit of the scenario's sweep has this time.
    pub size: Option<u64>,
}
