//! In the place of `gate/sync.rs`: the same names, watched by the checker.

pub(super) use std::sync::PoisonError;

pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
pub(super) use loom::sync::{Mutex, MutexGuard};
