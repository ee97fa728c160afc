//! The real binary, as a person runs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod explain;
mod formats;
mod harness;
mod http_tools;
#[cfg(unix)]
mod interrupt;
mod lab;
#[cfg(unix)]
mod mock_provider;
mod outputs;
mod plan;
mod quotas;
mod real_turns;
mod shared_state;
#[cfg(target_os = "linux")]
mod subprocesses;
mod wrong_input;
