//! Ramp metering for the tool calls of AI agents: one decision over all the limits of a call,
//! *may it start now, and if not, why, when, and who goes first?*
//!
//! ```
//! use rampmeter::{Call, Gate, Outcome, Policy};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::parse("rampmeter.toml", r#"
//!     [limits.search]
//!     concurrency = 4
//!     requests = "30/min"
//!
//!     [tools.web_search]
//!     limits = ["search"]
//! "#)?;
//! let gate = Gate::new(&policy)?;
//!
//! let permit = gate.admit(Call::new("web_search").flow("tenant-7").priority("high")).await?;
//! // … run the tool …
//! permit.finish(Outcome::Succeeded);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(run())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "tokio")]
mod blocking;
pub mod cache;
mod call;
mod event;
mod executor;
pub mod feedback;
pub mod format;
mod gate;
mod interceptor;
mod lineage;
#[cfg(feature = "prometheus")]
mod metrics;
#[cfg(feature = "otel")]
mod otel;
mod permit;
mod persist;
pub mod policy;
mod pressure;
mod quiet;
mod refusal;
mod registry;
mod report;
pub mod retry;
pub mod runtime;
pub mod state_bag;
mod tool;
mod trace;
mod work;

pub use call::{Call, DEFAULT_FLOW};
pub use event::{CallInfo, Counters, Event, EventKind, EventValue, Events};
pub use executor::{
    After, Attempt, Because, CallError, CallResult, Degraded, Executor, PlannedCall, ResolvedCall,
    ResolvedTurn, Status, StreamOptions, TurnPlan, TurnReport, TurnRequest, Turns,
    parse_and_resolve,
};
pub use gate::{
    Abandoned, Admission, Ask, Asking, Explanation, Gate, Handle, Ready, Waiting, WaitsFor,
};
pub use interceptor::{Before, CallContext, Interceptor};
pub use lineage::{Lineage, Scope};
#[cfg(feature = "prometheus")]
pub use metrics::Metrics;
#[cfg(feature = "otel")]
pub use otel::OtelSpans;
pub use permit::Permit;
pub use persist::{Durability, LeftOut, PersistError, Persisted, Restored, SetAside};
pub use policy::{Access, Policy, PolicyErrors, Unit};
pub use pressure::{MemoryMeter, Pressure, PressureCause, PressureLevel, ProcessMemory};
pub use rampmeter_core::{
    BreakerState, BudgetSnapshot, ConfigError, Counts, InstanceSnapshot, Instant, KeyAccess,
    KeySnapshot, LimitSnapshot, MAX_KEY_BYTES, Obstacle, Outcome, Reason, Snapshot,
};
pub use refusal::{Refusal, Retry};
pub use registry::{DuplicateTool, Registry, UnknownTool};
pub use report::Report;
pub use state_bag::{BagError, BagWriter, StateBag};
pub use tool::{Invocation, Tool, ToolError};
pub use work::{Hold, Work};
