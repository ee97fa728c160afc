//! What a bucket is owed, by its definition: the worst over all spans that end now, of units
//! taken, times the period, less the span's length times the amount.
//!
//! A small charge may count from 2 ms before its moment. Small and large ones at one instant owe
//! more if the large come first, and nobody outside can tell which did: so there is a least and
//! a most. A change of the figures is rounded to whole units, one way or the other. A charge that
//! was corrected counts as it is now where it was made, at the least; at the most nothing is ever
//! given back, and what is more is owed from then on.

use std::collections::VecDeque;

use super::super::scene::MS;

/// A bucket may start a small charge this much early, once.
pub(super) const TOLERANCE: u64 = 2 * MS;
/// Small is what refills in less than this.
const SMALL: u64 = 200 * MS;

/// Charges that are remembered one by one.
const REMEMBERED: usize = 1_024;

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
    /// The most that one of them has borrowed, and when: it may have been the last of them.
    borrowed: (u64, u64),
    /// Owed beside that, at the most.
    more: i128,
    /// The charges since a moment, and what was owed before them at the least.
    charges: VecDeque<Made>,
    since: (u64, i128),
}

#[derive(Clone, Copy, Debug)]
struct Made {
    at: u64,
    charged: u64,
    amount: u64,
    /// It may count early.
    small: bool,
}

impl Debt {
    pub(super) fn new(amount: u64, period: u64, burst: u64) -> Debt {
        let (before, charges) = ([0; 2], VecDeque::new());
        let (small, large, more, since, borrowed) = (0, 0, 0, (0, 0), (0, 0));
        Debt { amount, period, burst, at: 0, before, small, large, borrowed, more, charges, since }
    }

    /// The same with other figures, when so many whole units are owed, at least and at most.
    pub(super) fn with_owed(self, [least, most]: [u64; 2], now: u64) -> Debt {
        let owed = |units: u64| i128::from(units) * i128::from(self.period);
        // A unit more or less, since the engine counts whole ones.
        let least = if least == 0 { FULL } else { owed(least - 1) };
        let most = if most == 0 { FULL } else { owed(most) };
        let debt = Debt::new(self.amount, self.period, self.burst);
        Debt { at: now, before: [least, most], since: (now, least), ..debt }
    }

    /// Takes so much, and says whether some order of this moment's charges allows it.
    pub(super) fn take(&mut self, amount: u64, now: u64) -> bool {
        let small = self.is_small(amount);
        self.charges.push_back(Made { at: now, charged: amount, amount, small });
        self.count(amount, small, now);
        if self.charges.len() > REMEMBERED {
            self.forget_the_first_half();
        }
        if self.borrowed.0 != now {
            self.borrowed = (now, 0);
        }
        let later = i128::from(self.borrowed.1) * i128::from(self.period);
        self.borrowed.1 = self.borrowed.1.max(amount.saturating_sub(self.burst));
        self.owed(now)[0] - later <= self.full()
    }

    fn count(&mut self, amount: u64, small: bool, now: u64) {
        if now != self.at {
            self.before = self.owed(now);
            (self.at, self.small, self.large, self.more) = (now, 0, 0, 0);
        }
        if small {
            self.small += amount;
        } else {
            self.large += amount;
        }
    }

    /// A charge should have been another one, at the least.
    pub(super) fn correct(&mut self, at: u64, charged: u64, actual: u64) {
        let same = |made: &&mut Made| (made.at, made.charged) == (at, charged);
        // One that was corrected already is another call's.
        let mut found = self.charges.iter_mut().filter(same);
        if let Some(made) = found.find(|made| made.amount == made.charged) {
            made.amount = actual;
            if actual < charged && made.small {
                // The others of that moment have had its place, which may have counted early.
                self.charges.iter_mut().filter(|it| it.at == at).for_each(|it| it.small = true);
            }
        } else if charged == 0 && at >= self.since.0 {
            let place = self.charges.partition_point(|made| made.at <= at);
            self.charges.insert(place, Made { at, charged, amount: actual, small: true });
        } else if actual < charged {
            self.since.1 -= i128::from(charged - actual) * i128::from(self.period);
        }
        let anew = self.counted(self.charges.len());
        (self.at, self.before) = (anew.at, anew.before);
        (self.small, self.large) = (anew.small, anew.large);
    }

    /// What so many of the charges lead to.
    fn counted(&self, many: usize) -> Debt {
        let (at, before) = (self.since.0, [self.since.1; 2]);
        let charges = VecDeque::new();
        let mut debt = Debt { at, before, small: 0, large: 0, more: 0, charges, ..*self };
        for made in self.charges.iter().take(many) {
            debt.count(made.amount, made.small, made.at);
        }
        debt
    }

    fn forget_the_first_half(&mut self) {
        let last = self.charges[REMEMBERED / 2].at;
        let many = self.charges.partition_point(|made| made.at < last);
        if many > 0 {
            let debt = self.counted(many);
            self.since = (debt.at, debt.owed(debt.at)[0]);
            self.charges.drain(..many);
        }
    }

    /// So much more is owed for a charge that was made at a moment, at the most.
    pub(super) fn add(&mut self, at: u64, units: u64, now: u64) {
        let least = -self.refill(now - at);
        let up = (least - self.owed(now)[1]).max(0);
        self.more += up + i128::from(units) * i128::from(self.period);
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
        // What is more counts at the most from the last charge on, also if that was nothing.
        most = most.max(-early) + small;
        most += self.more;
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

    #[test]
    fn what_is_borrowed_at_one_instant_may_have_been_the_last() {
        let mut debt = Debt::new(1_000, 1_000 * MS, 10);
        debt.take(100, 10_000 * MS);
        assert!(debt.take(1, 10_000 * MS), "it counts from two milliseconds before");
        assert!(debt.take(1, 10_000 * MS));
        assert!(!debt.take(1, 10_000 * MS));
        assert!(!debt.take(1, 10_001 * MS), "what is borrowed is owed afterwards");
    }
}
