//! What a rate remembers, out and in again.

use super::{Budget, Budgets, Kind, Rate};
use crate::time::{Instant, nanos};
use crate::usage::{RateUsage, Used};

impl Budgets {
    pub(crate) fn is_rate(&self, budget: u32) -> bool {
        matches!(self.of(budget..budget.saturating_add(1)), [Budget::Rate(_)])
    }
}

impl Rate {
    /// `None` if it remembers nothing.
    pub(crate) fn usage(&self, now: Instant) -> Option<Used> {
        match &self.kind {
            Kind::Sliding(sliding) => {
                let (window, taken) = sliding.taken(now);
                (!taken.is_empty()).then_some(Used::Sliding { window, taken })
            }
            Kind::Bucket(bucket) => {
                let full_in = bucket.full_in(now);
                (!full_in.is_zero()).then_some(Used::Bucket { full_in })
            }
            Kind::Calendar(calendar) => {
                let (units, debt, ends_in) = calendar.present(now);
                (units > 0).then_some(Used::Calendar { units, debt, ends_in })
            }
        }
    }

    /// Whether `usage` is that of a rate which counts the same over the same period.
    pub(crate) fn is_told_by(&self, usage: &RateUsage) -> bool {
        let kind = matches!(
            (&self.kind, &usage.used),
            (Kind::Sliding(_), Used::Sliding { .. })
                | (Kind::Bucket(_), Used::Bucket { .. })
                | (Kind::Calendar(_), Used::Calendar { .. })
        );
        kind && self.counts == usage.counts && self.period_nanos == nanos(usage.period)
    }

    /// Takes in what [`Rate::usage`] said of one like it.
    pub(crate) fn restore(&mut self, usage: &RateUsage, now: Instant) {
        match (&mut self.kind, &usage.used) {
            (Kind::Sliding(sliding), Used::Sliding { window, taken }) => {
                sliding.restore(*window, taken, now);
            }
            (Kind::Bucket(bucket), Used::Bucket { full_in }) => {
                bucket.restore(*full_in, usage.amount, usage.period, now);
            }
            (Kind::Calendar(calendar), Used::Calendar { units, debt, ends_in: _ }) => {
                calendar.restore(*units, *debt, now);
            }
            _ => {}
        }
    }
}
