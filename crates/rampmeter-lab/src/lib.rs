//! Studies of Rampmeter. So far: the deterministic simulator of its engine and its judges, and
//! pictures of how calls are ordered.
#![forbid(unsafe_code)]

pub mod pictures;
pub mod sim;
