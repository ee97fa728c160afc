//! One budget of one instance, by its definition.

use rampmeter_core::{BudgetConfig, Instant, RateKind};

use super::{Books, LimitBook, RateBook, SlotsBook};

#[derive(Clone, Debug)]
pub(crate) enum BudgetBook {
    Slots(SlotsBook),
    Rate(Box<RateBook>),
}

impl BudgetBook {
    pub(crate) fn new(config: &BudgetConfig, weights: &[u32]) -> BudgetBook {
        match config {
            BudgetConfig::Concurrency { .. } => BudgetBook::Slots(SlotsBook::new(config, weights)),
            BudgetConfig::Rate { .. } => BudgetBook::Rate(Box::new(RateBook::new(config))),
        }
    }

    /// The same budget with other figures.
    pub(crate) fn carry_on(&mut self, config: &BudgetConfig, weights: &[u32], now: u64) {
        match self {
            BudgetBook::Slots(slots) => slots.resize(config, weights),
            BudgetBook::Rate(rate) => rate.carry_on(config, now),
        }
    }

    /// Whether it ever has so much for a call of this priority.
    pub(crate) fn ever_has(&self, amount: u64, priority: u8) -> bool {
        match self {
            BudgetBook::Slots(slots) => amount <= slots.most(priority),
            // It may borrow.
            BudgetBook::Rate(_) => true,
        }
    }

    /// What a call counts as that takes so much.
    pub(crate) fn counts(&self, amount: u64, priority: u8) -> u64 {
        match self {
            BudgetBook::Slots(slots) => slots.counts(amount, priority),
            BudgetBook::Rate(_) => amount,
        }
    }

    /// Whether it has room now, for sure.
    pub(crate) fn has_room(&mut self, amount: u64, priority: u8, now: u64) -> bool {
        match self {
            BudgetBook::Slots(slots) => slots.has_room(amount, priority),
            BudgetBook::Rate(rate) => rate.has_room(amount, now),
        }
    }
}

impl Books {
    /// The first budget that keeps a call which draws like this from starting now, and that for
    /// sure has no room otherwise.
    pub(crate) fn in_the_way(&mut self, route: u32, priority: u8, parent: u32) -> Option<u32> {
        for place in 0..self.routes[route as usize].takes.len() {
            let take = self.routes[route as usize].takes[place];
            let (_, loan) = self.loan(parent, take.budget, take.amount);
            let budget = &mut self.budgets[take.budget as usize];
            let needs = budget.counts(take.amount, priority).saturating_sub(loan);
            if !budget.has_room(needs, priority, self.clock) {
                return Some(take.budget);
            }
        }
        None
    }

    pub(crate) fn is_paused(&self, route: u32) -> bool {
        let instances = &self.routes[route as usize].instances;
        instances
            .iter()
            .any(|id| self.limits[usize::from(self.instances[*id as usize].limit)].paused)
    }

    /// Whether calls which draw like this can start at some time, if all others end.
    pub(crate) fn ever_fits(&self, route: u32, priority: u8) -> bool {
        let takes = &self.routes[route as usize].takes;
        takes.iter().all(|take| self.budgets[take.budget as usize].ever_has(take.amount, priority))
    }

    /// The present window of a calendar rate ends at `ends`, in every instance of the limit.
    pub(crate) fn align(&mut self, limit: usize, budget: usize, ends: u64) {
        let LimitBook { first, many, ref mut config, .. } = self.limits[limit];
        // Instances that are made later begin with it, too.
        if let Some(BudgetConfig::Rate { kind: RateKind::Calendar { ends: configured }, .. }) =
            config.budgets.get_mut(budget)
        {
            *configured = Instant::from_nanos(ends);
        }
        for id in first..first + many {
            let place = self.instances[id as usize].budgets[budget];
            if let BudgetBook::Rate(rate) = &mut self.budgets[place as usize] {
                rate.align(ends, self.clock);
            }
        }
    }

    /// The budget's place for people: limit, instance of that limit, budget of that instance.
    pub(crate) fn name_of(&self, budget: u32) -> String {
        for (id, instance) in self.instances.iter().enumerate() {
            if let Some(place) = instance.budgets.iter().position(|it| *it == budget) {
                let limit = &self.limits[usize::from(instance.limit)];
                let value = id - limit.first as usize;
                return format!("budget {place} of {} (value {value})", limit.config.name);
            }
        }
        format!("budget {budget}, which is no more")
    }
}
