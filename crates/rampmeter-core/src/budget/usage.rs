//! What a rate remembers, out and in again.

use alloc::boxed::Box;
use core::time::Duration;

use super::{Budget, Budgets, Kind, Rate, Word};
use crate::time::{Instant, nanos};
use crate::usage::{RateUsage, Room, Used};

impl Budgets {
    pub(crate) fn is_rate(&self, budget: u32) -> bool {
        matches!(self.of(budget..budget.saturating_add(1)), [Budget::Rate(_)])
    }

    /// As [`Rate::spent_until`].
    pub(crate) fn spent_until(&self, budget: u32) -> Option<Instant> {
        match self.of(budget..budget.saturating_add(1)) {
            [Budget::Rate(rate)] => rate.spent_until(),
            _ => None,
        }
    }
}

impl Rate {
    /// What it has used, and what there is by the provider's last word; `None` if that is nothing.
    /// What a provider counts that refills as ours does is taken for used.
    pub(crate) fn usage(&self, now: Instant) -> Option<(Used, Option<Room>)> {
        let word = self.word.as_deref();
        let room = word.and_then(|word| word.room(now));
        let (any, used) = match &self.kind {
            Kind::Sliding(sliding) => {
                let (window, taken) = sliding.taken(now);
                (!taken.is_empty(), Used::Sliding { window, taken })
            }
            Kind::Bucket(bucket) => {
                let level = word.map_or(Duration::ZERO, |word| word.full_in(now));
                let full_in = bucket.full_in(now).max(level);
                (!full_in.is_zero(), Used::Bucket { full_in })
            }
            Kind::Calendar(calendar) => {
                let (units, debt, ends_in) = calendar.present(now);
                (units > 0, Used::Calendar { units, debt, ends_in })
            }
        };
        (any || room.is_some()).then_some((used, room))
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
        if let (Some(room), None) = (usage.word, &self.word) {
            self.word = Some(Box::new(Word::of_room(room, now)));
        }
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
