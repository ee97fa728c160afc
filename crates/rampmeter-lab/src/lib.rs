//! Studies of Rampmeter. So far: the deterministic simulator of its engine, and its judges.
#![forbid(unsafe_code)]

pub mod sim;
