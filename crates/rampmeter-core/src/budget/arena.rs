//! All budgets of all instances, end to end, so that a decision walks one list.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Answer, Budget};
use crate::config::BudgetConfig;
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
    ) -> Range<u32> {
        let narrow = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let place = place.unwrap_or_else(|| {
            let first = self.0.len();
            self.0.extend(config.iter().map(Budget::new));
            narrow(first)..narrow(self.0.len())
        });
        for (budget, config) in self.of_mut(place.clone()).iter_mut().zip(config) {
            *budget = Budget::new(config);
        }
        place
    }

    pub(crate) fn of(&self, place: Range<u32>) -> &[Budget] {
        self.0.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    pub(crate) fn of_mut(&mut self, place: Range<u32>) -> &mut [Budget] {
        self.0.get_mut(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// The first of `takes` that cannot be taken at `now`, if there is one.
    #[inline]
    pub(crate) fn obstacle(&mut self, takes: &[Take], now: Instant) -> Option<usize> {
        takes.iter().position(|take| !self.0[take.budget as usize].is_ready(take.amount, now))
    }

    /// May all of `takes` be taken at `now`? If not, the answer that is the furthest off.
    #[inline]
    pub(crate) fn answer(&mut self, takes: &[Take], now: Instant) -> Answer {
        let mut worst = Answer::Ready;
        for take in takes {
            match (self.0[take.budget as usize].answer(take.amount, now), worst) {
                (Answer::Ready, _) => {}
                (Answer::Never, _) => return Answer::Never,
                (Answer::At(at), Answer::At(than)) => worst = Answer::At(at.max(than)),
                (Answer::At(at), _) => worst = Answer::At(at),
                (Answer::OnRelease, Answer::Ready) => worst = Answer::OnRelease,
                (Answer::OnRelease, _) => {}
            }
        }
        worst
    }

    #[inline]
    pub(crate) fn take(&mut self, takes: &[Take], now: Instant) {
        for take in takes {
            self.0[take.budget as usize].take(take.amount, now);
        }
    }

    #[inline]
    pub(crate) fn give(&mut self, takes: &[Take]) {
        for take in takes {
            self.0[take.budget as usize].give(take.amount);
        }
    }

    /// Would the lightest call have room where this one has not?
    pub(crate) fn has_room_for_less(&mut self, takes: &[Take], now: Instant) -> bool {
        let lighter = takes.iter().any(|take| take.amount > 1);
        lighter
            && takes.iter().all(|take| {
                let budget = &mut self.0[take.budget as usize];
                budget.answer(take.amount.min(1), now) == Answer::Ready
            })
    }

    /// Would taking `wanted` now let the claimant, who needs `claimed` of the same budgets and can
    /// start at `earliest` as things are, start only later?
    pub(crate) fn delays(
        &mut self,
        claimed: &[Take],
        wanted: &[Take],
        earliest: Instant,
        now: Instant,
    ) -> bool {
        claimed.iter().zip(wanted).any(|(claimed, wanted)| {
            match &mut self.0[wanted.budget as usize] {
                Budget::Concurrency(slots) => {
                    let room = slots.size.saturating_sub(slots.held);
                    earliest <= now && wanted.amount > room.saturating_sub(claimed.amount)
                }
                Budget::Rate(rate) => {
                    let ready = rate.ready_at(wanted.amount, claimed.amount, now);
                    wanted.amount > 0 && ready.unwrap_or(Instant::NEVER) > earliest
                }
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
