//! What limits do, and which are right: scenarios are played under several regimes, what happened is
//! kept call by call, and everything that is said of it is a fold over that.
//!
//! ```text
//! scenario ─▶ script ─▶ play, under a regime ─▶ records ─▶ figures ─▶ verdicts, findings, curves ─▶ report
//! (TOML)      (+ seed)  virtual or real time    (store)
//! ```

pub mod again;
pub mod curves;
pub mod figures;
pub mod findings;
pub mod hypotheses;
pub mod plan;
pub mod play;
pub mod record;
pub mod regime;
pub mod report;
pub mod scenario;
pub mod script;
pub mod source;
pub mod store;
pub mod study;
pub mod tools;
pub mod tune;

pub use record::{CallRecord, Facts, Played, Run, RunEnd, Status};
pub use regime::{Clock, Job, Regime};
pub use scenario::Scenario;
pub use script::Script;
pub use study::{Entry, Study};
