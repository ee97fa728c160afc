//! Retries over all executors of a gate: one budget, one source of chance.

use rampmeter_core::Instant;

use super::Gate;
use crate::policy::RetriesPolicy;
use crate::retry::RetryBudget;

pub(super) struct Retries {
    budget: RetryBudget,
    random: u64,
}

impl Retries {
    pub(super) fn new(policy: RetriesPolicy, now: Instant, seed: u64) -> Retries {
        Retries { budget: RetryBudget::new(policy, now), random: seed }
    }

    pub(super) fn apply(&mut self, policy: RetriesPolicy, now: Instant) {
        self.budget.apply(policy, now);
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Gate {
    /// A call is asked for the first time: the budget gets its share.
    pub(crate) fn may_be_retried(&self, now: Instant) {
        self.tenancy.retries.lock().budget.deposit(now);
    }

    /// Takes one retry out of the budget, if there is one in it.
    pub(crate) fn take_retry(&self, now: Instant) -> bool {
        self.tenancy.retries.lock().budget.withdraw(now)
    }

    /// Any number, each as likely as the others.
    pub(crate) fn random(&self) -> u64 {
        self.tenancy.retries.lock().random()
    }
}
