//! Studies: a workload against a server that is not the engine's model of it, and figures out. What
//! must hold is data, beside the study; each prints a row for every run.

pub mod adaptive;
#[cfg(feature = "studies")]
pub mod client;
#[cfg(all(feature = "lab", feature = "studies"))]
pub mod clocks;
#[cfg(feature = "studies")]
pub mod provider;
