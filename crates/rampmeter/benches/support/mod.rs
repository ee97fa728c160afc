//! What the benches have in common.

#![allow(dead_code, reason = "each bench uses some of it")]

pub(crate) mod backlog;
pub(crate) mod ours;
pub(crate) mod pair;
