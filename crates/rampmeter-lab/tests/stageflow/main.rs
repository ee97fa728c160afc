//! The real `stageflow-core` under the lab's driver: what it does, claim by claim, and what scripts come
//! to under it.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod claims;
mod driver;
mod place;
mod scenarios;
mod scripts;
mod unlimited;
