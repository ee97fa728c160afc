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

use core::time::Duration;

use crate::time::{Instant, nanos};

const TOLERANCE_NANOS: u64 = 2_000_000;
const TOLERANCE_BELOW_NANOS: u64 = 200_000_000;

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    burst: u64,
    /// `N` and `P`, divided by what they have in common.
    amount: u64,
    period_nanos: u64,
    /// Theoretical arrival time, times `amount`, as all that follows.
    tat: u128,
    full: u128,
    tolerance: u128,
    /// Charges of less than this have the tolerance.
    tolerant_below: u64,
}

impl Bucket {
    pub(super) fn new(amount: u64, period_nanos: u64, burst: u64) -> Bucket {
        let common = common_divisor(amount, period_nanos);
        let (amount, period_nanos) = (amount / common, period_nanos / common);
        let below = u128::from(TOLERANCE_BELOW_NANOS) * u128::from(amount);
        let below = below.div_ceil(u128::from(period_nanos));
        Bucket {
            burst,
            amount,
            period_nanos,
            tat: 0,
            full: u128::from(burst) * u128::from(period_nanos),
            tolerance: u128::from(TOLERANCE_NANOS) * u128::from(amount),
            tolerant_below: u64::try_from(below).unwrap_or(u64::MAX),
        }
    }

    /// Takes over the units that a bucket which this one replaces has not yet refilled.
    pub(super) fn carry_on(&mut self, old: &Bucket, now: Instant) {
        let used = old.used(now);
        self.tat = if used == 0 { 0 } else { self.scale(now).saturating_add(self.cost(used)) };
    }

    /// After how long it is full.
    pub(super) fn full_in(&self, now: Instant) -> Duration {
        self.unscale(self.tat).saturating_since(now)
    }

    /// Is full only so much later. That was said of a bucket of `amount` units per period: if this
    /// one refills at another speed, it lacks as many units.
    pub(super) fn restore(
        &mut self,
        full_in: Duration,
        amount: u64,
        period: Duration,
        now: Instant,
    ) {
        let [full_in, period] = [full_in, period].map(|it| u128::from(nanos(it)));
        let same =
            u128::from(amount) * u128::from(self.period_nanos) == u128::from(self.amount) * period;
        let debt = if same {
            full_in.saturating_mul(u128::from(self.amount))
        } else {
            let units = full_in.saturating_mul(u128::from(amount)).div_ceil(period.max(1));
            units.saturating_mul(u128::from(self.period_nanos))
        };
        self.tat = self.tat.max(self.scale(now)).saturating_add(debt);
    }

    pub(super) fn burst(&self) -> u64 {
        self.burst
    }

    #[inline]
    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        self.tat = self.base(amount, now).saturating_add(self.cost(amount));
    }

    /// Takes `amount` if it is ready; says whether it was.
    #[inline]
    pub(super) fn try_take(&mut self, amount: u64, now: Instant) -> bool {
        let after = self.base(amount, now).saturating_add(self.cost(amount));
        let room = after <= self.scale(now).saturating_add(self.full) && amount <= self.burst;
        if room || amount == 0 {
            self.tat = after;
        }
        room || amount == 0
    }

    #[inline]
    pub(super) fn is_ready(&self, amount: u64, now: Instant) -> bool {
        let after = self.base(amount, now).saturating_add(self.cost(amount));
        amount <= self.burst && after <= self.scale(now).saturating_add(self.full) || amount == 0
    }

    pub(super) fn ready_at(&self, taken: u64, need: u64, now: Instant) -> Option<Instant> {
        if need > self.burst {
            return None;
        }
        let wanted = taken.saturating_add(need);
        let after = self.base(wanted, now).saturating_add(self.cost(wanted));
        let ready = after.saturating_sub(self.full);
        if need == 0 || ready <= self.scale(now) {
            return Some(now);
        }
        Some(self.unscale(ready))
    }

    /// Units not yet refilled.
    pub(super) fn used(&self, now: Instant) -> u64 {
        let debt = self.tat.saturating_sub(self.scale(now));
        u64::try_from(debt.div_ceil(u128::from(self.period_nanos))).unwrap_or(u64::MAX)
    }

    pub(super) fn idle_at(&self) -> Instant {
        // A charge soon after could still count from before the bucket was full.
        self.unscale(self.tat.saturating_add(self.tolerance))
    }

    /// Where a charge of `amount` starts to count.
    #[inline]
    fn base(&self, amount: u64, now: Instant) -> u128 {
        let tolerance = if amount < self.tolerant_below { self.tolerance } else { 0 };
        self.tat.max(self.scale(now).saturating_sub(tolerance))
    }

    #[inline]
    fn cost(&self, amount: u64) -> u128 {
        u128::from(amount) * u128::from(self.period_nanos)
    }

    #[inline]
    fn scale(&self, at: Instant) -> u128 {
        u128::from(at.as_nanos()) * u128::from(self.amount)
    }

    fn unscale(&self, scaled: u128) -> Instant {
        let nanos = scaled.div_ceil(u128::from(self.amount));
        Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The greatest number that divides both, by Euclid; neither is 0.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
