//! What retries are made of: whether a call may be tried again, how long it waits before, and how
//! many may be retried at all. Nothing here has a clock or chance of its own.

mod backoff;
mod budget;
#[cfg(test)]
mod tests;
mod verdict;

pub use backoff::Backoff;
pub use budget::RetryBudget;
pub use verdict::{NoRetry, Verdict, is_idempotent, may_retry};
