//! All budgets of all instances, end to end, so that a decision walks one list.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Answer, Budget, Slots};
use crate::call::Priority;
use crate::config::{Adaptive, BudgetConfig};
use crate::route::Take;
use crate::time::Instant;
use crate::units::CapacityNanos;

#[derive(Clone, Debug, Default)]
pub(crate) struct Budgets(Vec<Budget>);

impl Budgets {
    /// Makes the budgets of one instance, at `place` if such a one was there before.
    pub(crate) fn make(
        &mut self,
        config: &[BudgetConfig],
        place: Option<Range<u32>>,
        weights: &[u32],
    ) -> Range<u32> {
        let budgets = config.iter().map(|config| Budget::new(config, weights));
        match place {
            Some(place) => {
                self.of_mut(place.clone()).iter_mut().zip(budgets).for_each(|(to, it)| *to = it);
                place
            }
            None => self.append(budgets),
        }
    }

    /// Puts budgets side by side where none were.
    pub(super) fn append(&mut self, budgets: impl IntoIterator<Item = Budget>) -> Range<u32> {
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let first = self.0.len();
        self.0.extend(budgets);
        narrow(first)..narrow(self.0.len())
    }

    /// The slots at a place, if there are slots.
    pub(crate) fn slots(&self, budget: u32) -> Option<&Slots> {
        match self.0.get(budget as usize) {
            Some(Budget::Concurrency(slots)) => Some(slots),
            _ => None,
        }
    }

    pub(crate) fn slots_mut(&mut self, budget: u32) -> Option<&mut Slots> {
        match self.0.get_mut(budget as usize) {
            Some(Budget::Concurrency(slots)) => Some(slots),
            _ => None,
        }
    }

    /// The slots at a place, if there are any, have a size that is learned, or no longer.
    pub(crate) fn adapt(&mut self, slots: Option<u32>, config: Option<&Adaptive>) {
        if let Some(slots) = slots.and_then(|slots| self.slots_mut(slots)) {
            slots.adapt(config);
        }
    }

    pub(crate) fn one_mut(&mut self, budget: u32) -> &mut Budget {
        &mut self.0[budget as usize]
    }

    pub(crate) fn of(&self, place: Range<u32>) -> &[Budget] {
        self.0.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    pub(crate) fn of_mut(&mut self, place: Range<u32>) -> &mut [Budget] {
        self.0.get_mut(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// The first of `takes` that cannot be taken at `now`, if there is one.
    #[inline]
    pub(crate) fn obstacle(
        &mut self,
        takes: &[Take],
        priority: Priority,
        now: Instant,
    ) -> Option<usize> {
        let ready = |take: &Take, budgets: &mut Vec<Budget>| {
            budgets[take.budget as usize].is_ready(take.amount, priority, now)
        };
        takes.iter().position(|take| !ready(take, &mut self.0))
    }

    /// Takes all of `takes` at `now`, or nothing; says which.
    #[inline]
    pub(crate) fn try_take(&mut self, takes: &[Take], priority: Priority, now: Instant) -> bool {
        let Some((last, before)) = takes.split_last() else { return true };
        // Of a bucket it is cheaper to ask and to take in one.
        if !self.0[last.budget as usize].is_at_once(last.amount) {
            return self.try_take_in_two(takes, priority, now);
        }
        let taken = self.obstacle(before, priority, now).is_none()
            && self.0[last.budget as usize].take_at_once(last.amount, now);
        if taken {
            for take in before {
                self.0[take.budget as usize].take(take.amount, priority, now);
            }
        }
        taken
    }

    #[inline(never)]
    fn try_take_in_two(&mut self, takes: &[Take], priority: Priority, now: Instant) -> bool {
        let ready = self.obstacle(takes, priority, now).is_none();
        if ready {
            self.take(takes, priority, now);
        }
        ready
    }

    /// May all of `takes` be taken at `now`? If not, the answer that is the furthest off.
    #[inline]
    pub(crate) fn answer(&mut self, takes: &[Take], priority: Priority, now: Instant) -> Answer {
        let mut worst = Answer::Ready;
        for take in takes {
            worst = worst.and(self.0[take.budget as usize].answer(take.amount, priority, now));
        }
        worst
    }

    #[inline]
    pub(crate) fn take(&mut self, takes: &[Take], priority: Priority, now: Instant) {
        for take in takes {
            self.0[take.budget as usize].take(take.amount, priority, now);
        }
    }

    #[inline]
    pub(crate) fn give(&mut self, takes: &[Take], priority: Priority) {
        for take in takes {
            self.0[take.budget as usize].give(take.amount, priority);
        }
    }

    /// The most of a take's budget that a call of this priority, or of any, could ever take.
    pub(crate) fn most(&self, take: &Take, priority: Option<Priority>) -> u64 {
        self.0.get(take.budget as usize).map_or(0, |budget| budget.most(priority))
    }

    /// Would the lightest call of this priority have room where this one has not?
    pub(crate) fn has_room_for_less(
        &mut self,
        takes: &[Take],
        priority: Priority,
        now: Instant,
    ) -> bool {
        let lighter = takes.iter().any(|take| take.amount > 1);
        lighter
            && takes.iter().all(|take| {
                let budget = &mut self.0[take.budget as usize];
                budget.answer(take.amount.min(1), priority, now) == Answer::Ready
            })
    }

    /// Would taking `wanted` now let the claimant, who needs `claimed` of the same budgets and can
    /// start at `earliest` as things are, start only later?
    pub(crate) fn delays(
        &mut self,
        (claimed, claimant): (&[Take], Priority),
        (wanted, other): (&[Take], Priority),
        earliest: Instant,
        now: Instant,
    ) -> bool {
        claimed.iter().zip(wanted).any(|(claimed, wanted)| {
            match &mut self.0[wanted.budget as usize] {
                Budget::Concurrency(slots) => {
                    let after = slots.room_after(claimant, other, wanted.amount);
                    let worse = after < slots.room(claimant);
                    earliest <= now && worse && slots.need(claimed.amount, claimant) > after
                }
                Budget::Rate(rate) => {
                    let ready = rate.ready_at(wanted.amount, claimed.amount, now);
                    wanted.amount > 0 && ready > earliest
                }
                Budget::Gone => false,
            }
        })
    }

    /// The dominant cost of `takes` held for `held_nanos`.
    pub(crate) fn cost(&self, takes: &[Take], held_nanos: u64) -> CapacityNanos {
        let costs = takes
            .iter()
            .map(|take| self.0[take.budget as usize].capacity_nanos(take.amount, held_nanos));
        costs.max().unwrap_or_default()
    }
}
