//! What the benches have in common.

#![allow(dead_code, clippy::panic, clippy::print_stdout, reason = "each bench uses some of it")]

pub(crate) mod allocations;
pub(crate) mod backlog;
pub(crate) mod cpu;
pub(crate) mod ours;
pub(crate) mod peers;
pub(crate) mod rows;

/// Whether this is a measurement: `cargo test --all-targets` runs the benches too, without the flag.
pub(crate) fn measures() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}
