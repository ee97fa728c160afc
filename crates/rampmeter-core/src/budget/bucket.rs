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
//!
//! More than a full bucket holds may be taken when it is full: the rest is debt, and nothing else
//! starts until it is paid. What is given back lowers `tat`, but by no more than the least that
//! was owed at a charge since: had the bucket been full by then, it could not have held more.

use alloc::{boxed::Box, collections::VecDeque};

use core::time::Duration;

use crate::time::{Instant, nanos};

/// Charges since which what was owed is remembered one by one; older ones count as the least.
const CHARGES: usize = 64;

const TOLERANCE_NANOS: u64 = 2_000_000;
const TOLERANCE_BELOW_NANOS: u64 = 200_000_000;

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    burst: u64,
    /// The most that one call takes.
    most: u64,
    /// `N` and `P`, divided by what they have in common.
    amount: u64,
    period_nanos: u64,
    /// Theoretical arrival time, times `amount`, as all that follows.
    tat: u128,
    full: u128,
    tolerance: u128,
    /// Charges of less than this have the tolerance.
    tolerant_below: u64,
    owed: Option<Box<Owed>>,
}

/// When charges were made that found less owed than all later ones, and how much; both rise.
#[derive(Clone, Debug, Default)]
struct Owed(VecDeque<(u64, u128)>);

impl Bucket {
    pub(super) fn new(amount: u64, period_nanos: u64, burst: u64) -> Bucket {
        let common = common_divisor(amount, period_nanos);
        let (amount, period_nanos) = (amount / common, period_nanos / common);
        let below = u128::from(TOLERANCE_BELOW_NANOS) * u128::from(amount);
        let below = below.div_ceil(u128::from(period_nanos));
        Bucket {
            burst,
            most: super::most_of(burst),
            amount,
            period_nanos,
            tat: 0,
            full: u128::from(burst) * u128::from(period_nanos),
            tolerance: u128::from(TOLERANCE_NANOS) * u128::from(amount),
            tolerant_below: u64::try_from(below).unwrap_or(u64::MAX),
            owed: None,
        }
    }

    /// The same for charges that may be corrected.
    pub(super) fn with_corrections(self) -> Bucket {
        Bucket { owed: Some(Box::default()), ..self }
    }

    /// What started before now was never charged here.
    pub(super) fn begin(&mut self, now: Instant) {
        self.owed.iter_mut().for_each(|owed| owed.note(now, 0));
    }

    /// Takes over the units that a bucket which this one replaces has not yet refilled.
    pub(super) fn carry_on(&mut self, old: &Bucket, now: Instant) {
        let used = old.used(now);
        // One that is full has been since then: what a charge turns out to be more counts from there.
        // The next charge has its tolerance all the same.
        self.tat = match used {
            0 => {
                self.scale(old.unscale(old.tat)).min(self.scale(now).saturating_sub(self.tolerance))
            }
            _ => self.scale(now).saturating_add(self.cost(used)),
        };
        // What was charged by other figures cannot be given back.
        self.begin(now);
    }

    /// A bucket of the same figures that holds so much.
    pub(super) fn at_level(&self, level: u64, now: Instant) -> Bucket {
        let owed = self.cost(self.burst.saturating_sub(level));
        let tat = self.scale(now).saturating_add(owed);
        Bucket { tat, owed: self.owed.as_ref().map(|_| Box::default()), ..self.clone() }
    }

    /// A bucket of the same figures that holds, or owes, as much as a bucket of others.
    pub(super) fn as_low_as(&self, other: &Bucket, now: Instant) -> Bucket {
        let used = other.used(now).saturating_add(self.burst).saturating_sub(other.burst);
        let full = self.at_level(self.burst, now);
        Bucket { tat: full.tat.saturating_add(self.cost(used)), ..full }
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
        let most = self.cost(self.most).saturating_add(self.full);
        self.tat = self.tat.max(self.scale(now)).saturating_add(debt.min(most));
    }

    pub(super) fn burst(&self) -> u64 {
        self.burst
    }

    #[inline]
    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        self.note(now);
        let amount = amount.min(self.most);
        self.tat = self.base(amount, now).saturating_add(self.cost(amount));
    }

    /// A charge made at `started` was `charged`, and should have been `actual`.
    pub(super) fn settle(&mut self, charged: u64, actual: u64, started: Instant) {
        if actual >= charged {
            self.tat = self.tat.saturating_add(self.cost(actual - charged));
        } else {
            let back = self.cost(charged - actual);
            let Some(owed) = &mut self.owed else { return };
            self.tat = self.tat.saturating_sub(owed.give_back(back, started));
        }
    }

    /// Takes `amount`, no more than the burst, if it is ready; says whether it was.
    #[inline(always)]
    pub(super) fn try_take(&mut self, amount: u64, now: Instant) -> bool {
        let after = self.base(amount, now).saturating_add(self.cost(amount));
        let room = after <= self.scale(now).saturating_add(self.full) || amount == 0;
        if room {
            self.note(now);
            self.tat = after;
        }
        room
    }

    #[inline]
    pub(super) fn is_ready(&self, amount: u64, now: Instant) -> bool {
        let asked = self.base(amount, now).saturating_add(self.cost(amount.min(self.burst)));
        asked <= self.scale(now).saturating_add(self.full) || amount == 0
    }

    pub(super) fn ready_at(&self, taken: u64, need: u64, now: Instant) -> Instant {
        let wanted = taken.saturating_add(need.min(self.burst));
        let after = self.base(wanted, now).saturating_add(self.cost(wanted));
        let ready = after.saturating_sub(self.full);
        if need == 0 || ready <= self.scale(now) { now } else { self.unscale(ready) }
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

    #[inline]
    fn note(&mut self, now: Instant) {
        if self.owed.is_some() {
            self.note_owed(now);
        }
    }

    #[inline(never)]
    fn note_owed(&mut self, now: Instant) {
        let before = self.tat.saturating_sub(self.scale(now));
        self.owed.iter_mut().for_each(|owed| owed.note(now, before));
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

impl Owed {
    /// A charge finds so much owed.
    fn note(&mut self, now: Instant, owed: u128) {
        while self.0.back().is_some_and(|(_, before)| *before >= owed) {
            self.0.pop_back();
        }
        self.0.push_back((now.as_nanos(), owed));
        if self.0.len() > CHARGES
            && let Some((_, least)) = self.0.pop_front()
            && let Some((_, next)) = self.0.front_mut()
        {
            *next = least;
        }
    }

    /// Of a charge made at `started` so much should not have been owed. Says how much of it counts,
    /// which is the least that a charge since then found owed; those would have found less.
    fn give_back(&mut self, amount: u128, started: Instant) -> u128 {
        let mut after = self.0.partition_point(|(at, _)| *at <= started.as_nanos());
        let Some((_, least)) = self.0.get(after) else { return amount };
        let back = amount.min(*least);
        let least = *least - back;
        self.0.iter_mut().skip(after).for_each(|(_, owed)| *owed -= back);
        // Those before it that found more than that now are no longer among the least.
        while after > 0 && self.0.get(after - 1).is_some_and(|(_, owed)| *owed >= least) {
            self.0.remove(after - 1);
            after -= 1;
        }
        back
    }
}

/// The greatest number that divides both, by Euclid; neither is 0.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
