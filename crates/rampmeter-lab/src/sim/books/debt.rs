//! What a bucket is owed, by its definition: the worst over all spans that end now, of units
//! taken, times the period, less the span's length times the amount.
//!
//! A small charge may count from 2 ms before its moment. Small and large ones at one instant owe
//! more if the large come first, and nobody outside can tell which did: so there is a least and
//! a most. A change of the figures is rounded to whole units, one way or the other.

use super::super::scene::MS;

/// A bucket may start a small charge this much early, once.
pub(super) const TOLERANCE: u64 = 2 * MS;
/// Small is what refills in less than this.
const SMALL: u64 = 200 * MS;

/// What is owed by a bucket that has long been full.
const FULL: i128 = i128::MIN / 4;

#[derive(Clone, Debug)]
pub(super) struct Debt {
    /// Units per period, and what the bucket holds.
    amount: u64,
    period: u64,
    burst: u64,
    at: u64,
    /// What was owed before the charges at that moment, at least and at most.
    before: [i128; 2],
    /// Units of small and of large charges at that moment.
    small: u64,
    large: u64,
}

impl Debt {
    pub(super) fn new(amount: u64, period: u64, burst: u64) -> Debt {
        Debt { amount, period, burst, at: 0, before: [0; 2], small: 0, large: 0 }
    }

    /// The same with other figures, when so many whole units are owed, at least and at most.
    pub(super) fn with_owed(self, [least, most]: [u64; 2], now: u64) -> Debt {
        let owed = |units: u64| i128::from(units) * i128::from(self.period);
        // A unit more or less, since the engine counts whole ones.
        let least = if least == 0 { FULL } else { owed(least - 1) };
        let most = if most == 0 { FULL } else { owed(most) };
        Debt { at: now, before: [least, most], small: 0, large: 0, ..self }
    }

    /// Takes so much, and says whether some order of this moment's charges allows it.
    pub(super) fn take(&mut self, amount: u64, now: u64) -> bool {
        if now != self.at {
            self.before = self.owed(now);
            (self.at, self.small, self.large) = (now, 0, 0);
        }
        if self.is_small(amount) {
            self.small += amount;
        } else {
            self.large += amount;
        }
        self.owed(now)[0] <= self.full()
    }

    /// Whether so much may be taken, in whatever order the others were.
    pub(super) fn fits(&self, amount: u64, now: u64) -> bool {
        let mut after = self.clone();
        after.take(amount, now);
        after.owed(now)[1] <= self.full()
    }

    /// Units owed, at least and at most.
    pub(super) fn units(&self, now: u64) -> [u64; 2] {
        let period = i128::from(self.period);
        let whole = |owed: i128| u64::try_from((owed.max(0) + period - 1) / period);
        self.owed(now).map(|owed| whole(owed).unwrap_or(u64::MAX))
    }

    /// Whether what was taken may still matter: also how early a charge was.
    pub(super) fn remembers(&self, now: u64) -> bool {
        self.owed(now)[1] > -self.refill(TOLERANCE)
    }

    /// How long until it is full, at most.
    pub(super) fn full_in(&self, now: u64) -> u64 {
        let owed = self.full() + self.owed(now)[1].max(0);
        u64::try_from(owed / i128::from(self.amount.max(1)) + 1).unwrap_or(u64::MAX)
    }

    fn owed(&self, now: u64) -> [i128; 2] {
        let small = i128::from(self.small) * i128::from(self.period);
        let large = i128::from(self.large) * i128::from(self.period);
        // A span cannot begin before time does.
        let early = self.refill(TOLERANCE.min(self.at));
        let mut least = self.before[0];
        let mut most = self.before[1];
        if small > 0 {
            least = least.max(-early) + small;
        }
        if large > 0 {
            least = least.max(0) + large;
            most = most.max(0) + large;
        }
        if small > 0 {
            most = most.max(-early) + small;
        }
        let since = self.refill(now - self.at);
        [least - since, most - since]
    }

    fn refill(&self, nanos: u64) -> i128 {
        i128::from(nanos) * i128::from(self.amount)
    }

    fn full(&self) -> i128 {
        i128::from(self.burst) * i128::from(self.period)
    }

    fn is_small(&self, amount: u64) -> bool {
        u128::from(amount) * u128::from(self.period) < u128::from(SMALL) * u128::from(self.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_at_one_instant_are_judged_in_either_order() {
        // A thousand units a second: one is small, and five hundred are not.
        let mut debt = Debt::new(1_000, 1_000 * MS, 1_000);
        debt.take(1, 10_000 * MS);
        debt.take(500, 10_000 * MS);
        assert_eq!(debt.units(10_000 * MS), [500, 501]);
    }
}
