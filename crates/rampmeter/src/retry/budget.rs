//! How many calls may be retried, over all tools of a gate: a token bucket that first attempts
//! fill, as Finagle's `RetryBudget` and gRPC's retry throttling (proposal A6) have it.
//!
//! In any stretch of `t` seconds with `n` first attempts at most
//! `burst + ratio * n + min_per_second * t` retries are let through. So an outage, in which all calls
//! fail, adds that share to the load and not as many again for each attempt that a tool may make.
//!
//! What differs here: what is saved up is bounded by a number (`burst`) rather than by how long ago
//! it was deposited, and there is one budget rather than one for each server.

use rampmeter_core::Instant;

use crate::policy::RetriesPolicy;

/// What one retry costs. A first attempt deposits thousandths of one.
const RETRY: u64 = 1_000_000_000;

const PER_MILLE: u64 = RETRY / 1_000;

/// The retries that are left. The caller locks it.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    policy: RetriesPolicy,
    saved: u64,
    /// Up to when the floor has been paid in.
    paid: Instant,
}

impl RetryBudget {
    /// A budget with all of its `burst`.
    pub fn new(policy: RetriesPolicy, now: Instant) -> RetryBudget {
        RetryBudget { policy, saved: u64::from(policy.burst) * RETRY, paid: now }
    }

    /// The policy is another from now on; what is saved up stays, up to its `burst`.
    pub fn apply(&mut self, policy: RetriesPolicy, now: Instant) {
        self.pay(now);
        self.policy = policy;
        self.pay(now);
    }

    /// A call is tried for the first time.
    pub fn deposit(&mut self, now: Instant) {
        self.saved += u64::from(self.policy.ratio_per_mille) * PER_MILLE;
        self.pay(now);
    }

    /// Whether a call may be retried; if so, it is paid for.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        self.pay(now);
        let left = self.saved.checked_sub(RETRY);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }

    /// Whole retries that are left.
    pub fn left(&mut self, now: Instant) -> u64 {
        self.pay(now);
        self.saved / RETRY
    }

    /// Pays in what the time since the last payment is worth. A nanosecond is worth as many
    /// billionths of a retry as there are retries a second, so nothing is lost to rounding.
    fn pay(&mut self, now: Instant) {
        let nanos = now.saturating_since(self.paid).as_nanos();
        let floor = nanos.saturating_mul(u128::from(self.policy.min_per_second));
        self.paid = self.paid.max(now);
        let most = u64::from(self.policy.burst) * RETRY;
        let saved = u128::from(self.saved).saturating_add(floor).min(u128::from(most));
        self.saved = u64::try_from(saved).unwrap_or(most);
    }
}
