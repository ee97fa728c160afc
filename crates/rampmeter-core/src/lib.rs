//! The engine of Rampmeter: may this tool call start now, and if not, why, when, and who goes
//! first? One decision over all the limits of a call.
//!
//! It is sans-IO: no clock, no threads, no async, no randomness, no hash order. Time is an
//! argument, and what follows from an input is appended to a buffer that the caller owns. The
//! same inputs give the same outputs, bit for bit.
//!
//! ```
//! use core::time::Duration;
//! use rampmeter_core::*;
//!
//! let mut engine = Engine::new(Config {
//!     limits: vec![LimitConfig {
//!         name: "host".into(),
//!         budgets: vec![BudgetConfig::slots(1)],
//!         ..LimitConfig::default()
//!     }],
//!     ..Config::default()
//! })?;
//! let call = Call {
//!     tool: ToolId(0),
//!     flow: Flow { id: 1, weight: 1 },
//!     priority: Priority(0),
//!     labels: &[],
//!     draws: &[Draw { limit: LimitId(0), weight: 1, costs: &[] }],
//!     keys: &[],
//!     parent: None,
//!     deadline: Instant::NEVER,
//!     queue_timeout: Duration::from_secs(30),
//!     arrived: Instant::NEVER,
//! };
//! let mut out = Outputs::new();
//! let Decision::Granted(first) = engine.admit(Instant::EPOCH, &call, &mut out) else { panic!() };
//! let Decision::Waiting(second) = engine.admit(Instant::EPOCH, &call, &mut out) else { panic!() };
//! engine.release(Instant::from_millis(5), first, Outcome::Succeeded, &mut out);
//! assert!(out.contains(&Output::Granted(second)));
//! # Ok::<(), ConfigError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod abandon;
mod backfill;
mod breaker;
mod budget;
mod call;
mod claim;
mod config;
mod cooldown;
mod deadlock;
mod decide;
mod decision;
mod edit;
mod engine;
mod estimate;
mod expiry;
mod explain;
mod flow_lanes;
mod forecast;
mod heap;
mod histogram;
mod inherit;
mod instance;
mod key;
mod lane;
mod learn;
mod line;
mod nest;
mod observe;
mod obstacle;
mod order;
mod patience;
mod pressure;
mod pump;
mod queue;
mod resolve;
mod route;
mod settle;
mod slab;
mod snapshot;
mod standing;
mod start;
mod table;
mod ticket;
mod time;
mod turn;
mod units;
mod usage;
mod watch;

pub use abandon::Abandoned;
pub use breaker::BreakerState;
pub use call::{
    Call, CallId, Cost, Draw, Flow, KeyAccess, LabelId, LimitId, Outcome, Priority, ToolId, Unit,
};
pub use config::{
    Adaptive, AdaptiveRule, Breaker, BudgetConfig, Config, ConfigError, Counts, LimitConfig,
    Overflow, RateKind, WhenOpen,
};
pub use decision::{Decision, Output, Outputs, Reason, Refusal, Retry};
pub use edit::{Change, Edit};
pub use engine::{Engine, Prepared, Terms};
pub use explain::{CycleStep, Explanation, WaitsFor};
pub use key::MAX_KEY_BYTES;
pub use observe::Word;
pub use obstacle::{Obstacle, Waits};
pub use pressure::{Filled, Mark, PressureMarks};
pub use resolve::MAX_DRAWS;
pub use snapshot::{BudgetSnapshot, InstanceSnapshot, KeySnapshot, LimitSnapshot, Snapshot};
pub use time::Instant;
pub use turn::{Access, End, Over, StandIn, Step, Turn, TurnCall, Wait, conflicts};
pub use usage::{NotRestored, Place, RateId, RateUsage, Room, Unrestorable, Usage, Used};
