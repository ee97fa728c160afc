//! The real binary, as a person runs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod harness;
#[cfg(unix)]
mod interrupt;
mod outputs;
mod quotas;
mod real_turns;
mod wrong_input;
