//! A budget gets other figures while calls run: what is held and used stays held and used.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Answer, Budget, Budgets, Kind};
use crate::call::Priority;
use crate::config::BudgetConfig;
use crate::time::Instant;

impl Budgets {
    /// New budgets for an instance that had those at `old`. Returns their place, and for each of
    /// them, in order, the old budget that it carries on.
    pub(crate) fn reform(
        &mut self,
        old: Range<u32>,
        config: &[BudgetConfig],
        weights: &[u32],
        now: Instant,
    ) -> (Range<u32>, Vec<Option<u32>>) {
        let mut free: Vec<u32> = old.clone().collect();
        let mut made: Vec<Budget> = config.iter().map(|it| Budget::new(it, weights)).collect();
        let mut from: Vec<Option<u32>> = made.iter().map(|_| None).collect();
        // A minute's use is not a day's, so those of the same period go first.
        for same_period in [true, false] {
            for (new, from) in made.iter_mut().zip(&mut from).filter(|(_, from)| from.is_none()) {
                let at = free.iter().position(|old| {
                    let old = self.one_mut(*old);
                    old.is_like(new) && (!same_period || old.period() == new.period())
                });
                *from = at.map(|at| free.remove(at));
                if let Some(before) = *from {
                    new.carry_on(self.one_mut(before), now);
                }
            }
        }
        for (new, _) in made.iter_mut().zip(&from).filter(|(_, from)| from.is_none()) {
            new.begin(now);
        }
        let same_places = made.len() == old.len() && from.iter().copied().eq(old.clone().map(Some));
        if same_places {
            for (place, new) in old.clone().zip(made) {
                *self.one_mut(place) = new;
            }
            return (old, from);
        }
        for place in old {
            *self.one_mut(place) = Budget::Gone;
        }
        (self.append(made), from)
    }
}

impl Budget {
    /// Whether both count the same, so that one can carry on the other.
    fn is_like(&self, other: &Budget) -> bool {
        match (self, other) {
            (Budget::Concurrency(_), Budget::Concurrency(_)) => true,
            (Budget::Rate(a), Budget::Rate(b)) => {
                a.counts == b.counts
                    && core::mem::discriminant(&a.kind) == core::mem::discriminant(&b.kind)
            }
            _ => false,
        }
    }

    fn period(&self) -> u64 {
        if let Budget::Rate(rate) = self { rate.period_nanos } else { 0 }
    }

    /// Nothing is held, until it is counted anew with [`Budget::hold`].
    pub(crate) fn empty(&mut self) {
        match self {
            Budget::Concurrency(slots) => slots.empty(),
            Budget::Rate(rate) => rate.in_flight = 0,
            Budget::Gone => {}
        }
    }

    /// A running call, which took so much when it started, holds it.
    pub(crate) fn hold(&mut self, amount: u64, priority: Priority) {
        match self {
            Budget::Concurrency(slots) => slots.take(amount, priority),
            Budget::Rate(rate) => rate.in_flight = rate.in_flight.wrapping_add(amount),
            Budget::Gone => {}
        }
    }

    /// Calls that started by now were never charged by it.
    fn begin(&mut self, now: Instant) {
        let Budget::Rate(rate) = self else { return };
        match &mut rate.kind {
            Kind::Sliding(sliding) => sliding.begin(now),
            Kind::Bucket(bucket) => bucket.begin(now),
            Kind::Calendar(calendar) => calendar.begin(now),
        }
    }

    /// Takes over what was used of a budget that this one replaces. What is held is counted anew
    /// by the caller, who knows who holds it.
    fn carry_on(&mut self, old: &mut Budget, now: Instant) {
        match (self, old) {
            (Budget::Concurrency(new), Budget::Concurrency(old)) => new.carry_on(old),
            (Budget::Rate(new), Budget::Rate(old)) => {
                match (&mut new.kind, &mut old.kind) {
                    (Kind::Sliding(new), Kind::Sliding(old)) => new.carry_on(old, now),
                    (Kind::Bucket(new), Kind::Bucket(old)) => new.carry_on(old, now),
                    (Kind::Calendar(new), Kind::Calendar(old)) => new.carry_on(old, now),
                    _ => {}
                }
                new.carry_on_word(old, now);
            }
            _ => {}
        }
    }
}

impl Answer {
    /// Whether time alone, or an operator, is what is in the way.
    pub(crate) fn is_gated(self) -> bool {
        matches!(self, Answer::At(_) | Answer::Paused)
    }
}
