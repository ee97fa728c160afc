//! Rates as they are judged: nothing may be taken that the least which counts does not allow, and
//! nobody waits for what the most which may count allows.
//!
//! They differ only by what was corrected: what is given back must not count where it was charged
//! by figures that have changed since, or by a bucket that was full in between, but it may.

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
        if self.is_bucket || by_old_figures {
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
