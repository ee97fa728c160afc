//! Rates as they are judged: nothing may be taken that the least which counts does not allow, and
//! nobody waits for what the most which may count allows.
//!
//! They differ only by what was corrected: what is given back must not count where it was charged
//! by figures that have changed since, or by a bucket that was full in between, but it may. So it
//! is with what was charged at the very instant at which a calendar window was set that had been
//! charged then: it must not be given back, and what is more may count, in whichever window it was.

use rampmeter_core::BudgetConfig;

use super::tally::{Charge, Tally};

#[derive(Clone, Debug)]
pub(crate) struct RateBook {
    pub(crate) capacity: u64,
    is_bucket: bool,
    least: Tally,
    most: Tally,
    /// Since when its figures are as they are: what was charged by then need not come back.
    since: Option<u64>,
}

impl RateBook {
    pub(crate) fn new(config: &BudgetConfig) -> RateBook {
        let tally = Tally::new(config);
        let (capacity, is_bucket) = (tally.capacity, tally.is_bucket());
        RateBook { capacity, is_bucket, least: tally.clone(), most: tally, since: None }
    }

    /// The same, of a limit that calls drew on already when it got this rate.
    pub(crate) fn made_at(self, now: u64) -> RateBook {
        RateBook { since: Some(now), ..self }
    }

    /// Whether so much may be taken now for sure, even if large windows are coarse.
    pub(crate) fn has_room(&mut self, amount: u64, now: u64) -> bool {
        self.most.has_room(amount, now)
    }

    /// Takes so much; says what was charged, and whether the definition allows it.
    pub(crate) fn take(&mut self, amount: u64, now: u64) -> (Charge, bool) {
        let charge = self.least.charge(amount, now);
        let allowed = self.least.take(amount, now);
        self.most.take(amount, now);
        (charge, allowed)
    }

    /// A charge should have been another one.
    pub(crate) fn settle(&mut self, charge: &Charge, actual: u64, now: u64) {
        let by_old_figures = self.since.is_some_and(|since| charge.at <= since);
        // One call borrows so much and no more, by the figures as they are now.
        let most = self.most.most();
        let more = actual.min(most).saturating_sub(charge.amount.min(most));
        let less = actual.min(charge.amount).min(most);
        if by_old_figures && !self.is_bucket && more > 0 {
            // What was charged by other figures stays as it was, and only what is more counts anew.
            self.least.add_if_there(charge, more, now);
        } else {
            let least = if more > 0 { charge.amount + more } else { less };
            self.least.correct(charge, least, by_old_figures, now);
        }
        if let Some(charge) = self.most.perhaps_here(charge, now) {
            self.most.add(&charge, more, now);
        } else if self.is_bucket || by_old_figures {
            self.most.add(charge, more, now);
        } else {
            self.most.correct(charge, actual.min(most), false, now);
        }
    }

    /// A call that was never charged here took more than it would have been: that may count.
    pub(crate) fn settle_uncharged(&mut self, at: u64, would: u64, actual: u64, now: u64) {
        let charge = Charge { at, ..self.most.charge(would, now) };
        let actual = if self.is_bucket { actual.saturating_sub(would) } else { actual };
        self.most.add(&charge, actual, now);
    }

    /// The least and the most that may be said to be used.
    pub(crate) fn used(&mut self, now: u64) -> (u64, u64) {
        (self.least.used(now).0, self.most.used(now).1)
    }

    /// Whether what was taken may still matter: also how early the last charge was.
    pub(crate) fn remembers(&mut self, now: u64) -> bool {
        self.most.remembers(now)
    }

    /// The present calendar window ends at `ends`.
    pub(crate) fn align(&mut self, ends: u64, now: u64) {
        self.least.align(ends, now);
        self.most.align(ends, now);
    }

    /// The same rate with other figures: what was used stays used.
    pub(crate) fn carry_on(&mut self, config: &BudgetConfig, now: u64) {
        self.least.carry_on(config, now);
        self.most.carry_on(config, now);
        self.capacity = self.most.capacity;
        self.since = Some(now);
    }

    /// From when on all of it may be taken, if nothing else is.
    pub(crate) fn refilled(&self, now: u64) -> u64 {
        self.most.refilled(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rampmeter_core::{Counts, Instant, RateKind};

    use super::*;

    /// A hundred in each window of 1,000, the present one till 5,000.
    fn calendar() -> RateBook {
        RateBook::new(&BudgetConfig::Rate {
            counts: Counts::Calls,
            amount: 100,
            period: Duration::from_nanos(1_000),
            kind: RateKind::Calendar { ends: Instant::from_nanos(5_000) },
        })
    }

    #[test]
    fn of_a_window_that_was_set_only_what_was_charged_at_that_instant_is_unsure() {
        let (before, mut rate) = (9, calendar());
        let (early, _) = rate.take(20, before);
        rate.align(before + 1, before + 1);
        let (first, _) = rate.take(50, before + 1);
        assert_eq!(rate.used(before + 1), (50, 50));
        rate.settle(&early, 90, before + 1);
        assert_eq!(rate.used(before + 1), (50, 50), "of the window before, for sure");
        rate.settle(&first, 10, before + 1);
        assert_eq!(rate.used(before + 1), (10, 10), "of this window, for sure");
    }

    #[test]
    fn what_was_charged_as_a_window_was_set_need_not_come_back_and_more_of_it_may_count() {
        for (took, of_the_first, of_the_second) in [
            (20, (100, 100), (20, 100)),
            (90, (100, 130), (90, 100)),
            (120, (100, 160), (120, 120)),
        ] {
            let (now, mut rate) = (10, calendar());
            let (first, _) = rate.take(60, now);
            rate.align(now, now);
            let (second, allowed) = rate.take(100, now);
            assert!(allowed);
            let mut other = rate.clone();
            rate.settle(&first, took, now + 1);
            assert_eq!(rate.used(now + 1), of_the_first, "the first took {took}");
            other.settle(&second, took, now + 1);
            assert_eq!(other.used(now + 1), of_the_second, "the second took {took}");
            assert_eq!(other.used(now + 1_000).0, took.saturating_sub(100), "in the next window");
        }
    }
}
