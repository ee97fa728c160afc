//! Studies of Rampmeter. The deterministic simulator of its engine and its judges, studies, and
//! pictures of how calls are ordered.
#![forbid(unsafe_code)]

pub mod pictures;
pub mod sim;
pub mod study;
