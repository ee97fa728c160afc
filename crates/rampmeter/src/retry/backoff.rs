//! How long a call waits before it is tried again: exponential back-off with full jitter (Marc
//! Brooker: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
//!
//! Before its `n`th retry, counted from 0, a call waits for a time at random from 0 to
//! `min(max, base * 2^n)`. Of the jitters that were compared there, that one makes the fewest calls
//! for the same work, since it leaves no two calls in step.
//!
//! What differs here: a server's Retry-After is never shortened. The random time is waited after
//! it, so that those whom a server sent away together do not come back together.

use std::time::Duration;

use crate::policy::RetryPolicy;

/// The bounds of the time that a call waits before it is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// The most before the first retry; before each other one it is twice the one before.
    pub base: Duration,
    /// The most before any.
    pub max: Duration,
}

impl Backoff {
    /// How long to wait before the retry that `retries` others came before. `random` is any number
    /// of 64 bits, each as likely as the others; `retry_after` is what the server said.
    pub fn wait(&self, retries: u32, retry_after: Option<Duration>, random: u64) -> Duration {
        let doubled = 1u32.checked_shl(retries).map(|times| self.base.saturating_mul(times));
        let most = doubled.unwrap_or(self.max).min(self.max);
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        let jitter = u128::from(most) * u128::from(random) >> 64;
        let jitter = Duration::from_nanos(u64::try_from(jitter).unwrap_or(most));
        retry_after.unwrap_or_default().saturating_add(jitter)
    }
}

impl From<&RetryPolicy> for Backoff {
    fn from(policy: &RetryPolicy) -> Backoff {
        Backoff { base: policy.base, max: policy.max }
    }
}
