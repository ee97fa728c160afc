//! Scenarios as data: who asks for what and when, how tools behave, what goes wrong, under which policy,
//! and what must hold.

mod arrivals;
mod built_in;
mod error;
mod expand;
mod read;
mod spread;
mod types;

pub use built_in::built_in;
pub use error::{Problem, ScenarioError};
pub use read::read;
pub use types::{
    Arrive, Calls, Family, Fault, FaultKind, FaultPlace, Hold, Load, Published, Rate, ServerSpec,
    Spread, Sweep, ToolSpec,
};

use std::time::Duration;

use rampmeter::Policy;

use super::regime::{Clock, Regime};

/// One scenario. One that exists is legal.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `family/name`; for a file of one's own, the file's stem.
    pub name: String,
    /// What it is about.
    pub family: Family,
    /// One sentence: what happens.
    pub about: String,
    /// The TOML that it was read from.
    pub text: String,
    /// Who asks.
    pub loads: Vec<Load>,
    /// The tools.
    pub tools: Vec<ToolSpec>,
    /// The servers behind them.
    pub servers: Vec<ServerSpec>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What `rampmeter` enforces.
    pub policy: Policy,
    /// The permits of `semaphore`.
    pub semaphore: u32,
    /// The rate of each tool of `rate-limiter`.
    pub rate: Rate,
    /// Within what time after they asked callers want a turn's results.
    pub deadline: Option<Duration>,
    /// When everything is cut off.
    pub ends: Duration,
    /// The clock without which it tells nothing: real for what is about memory, cores and real loops.
    pub only: Option<Clock>,
    /// The regimes that it is played under by default.
    pub regimes: Vec<Regime>,
    /// Whether `stageflow` runs its turns through a pipeline instead of the registry alone.
    pub pipeline: bool,
    /// What must hold, under which regime.
    pub holds: Vec<Hold>,
    /// What the study that this grew out of published of it.
    pub published: Vec<Published>,
    /// A limit that is given one size after the other.
    pub sweep: Option<Sweep>,
}
