//! Latency, throughput and memory against concurrency: where the knee is, what law throughput follows,
//! and which concurrency is best.

pub(crate) mod nonneg;
pub mod usl;

pub use usl::{Best, Fitted, Usl};
