//! The real `stageflow-core` under the lab's driver: what it does, claim by claim, and what scripts come
//! to under it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
#![cfg(feature = "lab")]

mod claims;
mod driver;
mod place;
mod scenarios;
mod scripts;
mod unlimited;
