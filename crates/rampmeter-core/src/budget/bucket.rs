//! Token bucket as the Generic Cell Rate Algorithm (ITU-T I.371), in whole numbers.
//!
//! One timestamp is all the state: the theoretical arrival time `tat`, the moment at which the
//! bucket is full again. With `N` units per period `P` and a burst of `B` units, `a` units may be
//! taken at `t` iff `max(tat, t) + a·P/N ≤ t + B·P/N`, and then `tat = max(tat, t) + a·P/N`.
//! All of it is kept multiplied by `N`, so nothing is ever rounded: in any span of length `t`
//! at most `B + (t + tolerance)·N/P` units start.
//!
//! What differs here: lateness of a timer of up to 2 ms is made good. A small charge is counted
//! from `t - 2 ms` if the bucket was full by then; without it a millisecond timer loses a fifth
//! of a rate of 200/s. The debt stays in `tat`, so it never accumulates. A charge that takes
//! 200 ms or more to refill gets no tolerance: there the loss is below 1 %.

use crate::time::Instant;

const TOLERANCE_NANOS: u64 = 2_000_000;
const TOLERANCE_BELOW_NANOS: u64 = 200_000_000;

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    amount: u64,
    period_nanos: u64,
    burst: u64,
    /// Theoretical arrival time, times `amount`.
    tat: u128,
}

impl Bucket {
    pub(super) fn new(amount: u64, period_nanos: u64, burst: u64) -> Bucket {
        Bucket { amount, period_nanos, burst, tat: 0 }
    }

    pub(super) fn burst(&self) -> u64 {
        self.burst
    }

    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        self.tat = self.base(amount, now).saturating_add(self.cost(amount));
    }

    pub(super) fn ready_at(&self, taken: u64, need: u64, now: Instant) -> Option<Instant> {
        if need > self.burst {
            return None;
        }
        if need == 0 {
            return Some(now);
        }
        let base = self.base(taken.saturating_add(need), now);
        let full = base.saturating_add(self.cost(taken)).saturating_add(self.cost(need));
        let free = full.saturating_sub(self.cost(self.burst));
        if free <= self.scale(now.as_nanos()) {
            return Some(now);
        }
        Some(self.unscale(free))
    }

    /// Units not yet refilled.
    pub(super) fn used(&self, now: Instant) -> u64 {
        let debt = self.tat.saturating_sub(self.scale(now.as_nanos()));
        u64::try_from(debt.div_ceil(u128::from(self.period_nanos))).unwrap_or(u64::MAX)
    }

    pub(super) fn idle_at(&self) -> Instant {
        self.unscale(self.tat)
    }

    /// Where a charge of `amount` starts to count.
    fn base(&self, amount: u64, now: Instant) -> u128 {
        let limit = self.scale(TOLERANCE_BELOW_NANOS);
        let tolerance = if self.cost(amount) < limit { TOLERANCE_NANOS } else { 0 };
        self.tat.max(self.scale(now.as_nanos().saturating_sub(tolerance)))
    }

    fn cost(&self, amount: u64) -> u128 {
        u128::from(amount) * u128::from(self.period_nanos)
    }

    fn scale(&self, nanos: u64) -> u128 {
        u128::from(nanos) * u128::from(self.amount)
    }

    fn unscale(&self, scaled: u128) -> Instant {
        let nanos = scaled.div_ceil(u128::from(self.amount));
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
