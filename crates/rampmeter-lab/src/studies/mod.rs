//! Studies over HTTP, in real time. Each prints a row for every run.

pub mod client;
pub mod provider;
