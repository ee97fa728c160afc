//! Limits that change while calls run: what is held and used stays held and used, budget by
//! budget, where a new one is of the same kind and counts the same.

use rampmeter_core::{BudgetConfig, Edit, LimitConfig};

use super::super::scene::Scene;
use super::{Books, BudgetBook, Hold, NONE};

impl Books {
    /// Makes one change that the engine has made.
    pub(crate) fn change(&mut self, edit: &Edit, scene: &Scene) {
        match edit {
            Edit::Add(limit) => self.add_limit(limit, &scene.values),
            Edit::Replace(id, limit) => self.replace(usize::from(id.0), limit, scene),
            Edit::Remove(id) => {
                let limit = &mut self.limits[usize::from(id.0)];
                (limit.removed, limit.paused) = (true, false);
                limit.config.budgets.clear();
                for id in limit.first..limit.first + limit.many {
                    self.instances[id as usize].cool = None;
                    self.instances[id as usize].breaker = None;
                    for budget in std::mem::take(&mut self.instances[id as usize].budgets) {
                        self.nobody_holds(budget);
                    }
                }
                self.find_routes_anew(scene);
            }
            Edit::Pause(id) => self.limits[usize::from(id.0)].paused = true,
            Edit::Resume(id) => self.limits[usize::from(id.0)].paused = false,
            Edit::Weights(weights) => {
                self.weights.clone_from(weights);
                for limit in 0..self.limits.len() {
                    let config = self.limits[limit].config.clone();
                    if !self.limits[limit].removed {
                        self.replace(limit, &config, scene);
                    }
                }
            }
            Edit::Patience(_) | Edit::MaxDepth(_) => {}
        }
    }

    fn replace(&mut self, limit: usize, config: &LimitConfig, scene: &Scene) {
        let old = std::mem::replace(&mut self.limits[limit].config, config.clone());
        let (first, many) = (self.limits[limit].first, self.limits[limit].many);
        let mut new_slots = Vec::new();
        for id in first..first + many {
            let mut before: Vec<(u32, &BudgetConfig)> =
                self.instances[id as usize].budgets.iter().copied().zip(&old.budgets).collect();
            let mut found = vec![None; config.budgets.len()];
            for same in [true, false] {
                for (found, budget) in found.iter_mut().zip(&config.budgets) {
                    let like = before.iter().position(|(_, old)| {
                        are_alike(old, budget) && (!same || period(old) == period(budget))
                    });
                    *found = found.or_else(|| like.map(|at| before.remove(at).0));
                }
            }
            let mut budgets = Vec::new();
            for (budget, found) in config.budgets.iter().zip(found) {
                let place = match found {
                    Some(place) => {
                        self.budgets[place as usize].carry_on(budget, &self.weights, self.clock);
                        place
                    }
                    None => {
                        let place = self.add_budget(budget);
                        self.is_new_at_once(place);
                        new_slots.push((id, place));
                        place
                    }
                };
                budgets.push(place);
            }
            let gone: Vec<u32> = before.iter().map(|(place, _)| *place).collect();
            gone.into_iter().for_each(|place| self.nobody_holds(place));
            self.instances[id as usize].budgets = budgets;
        }
        self.find_routes_anew(scene);
        for (_, budget) in new_slots {
            self.all_hold(budget);
        }
    }

    /// All calls draw as their variants do now.
    fn find_routes_anew(&mut self, scene: &Scene) {
        let waiting = self.waiting.clone();
        waiting.iter().for_each(|call| self.count(*call, false));
        self.count_running(false);
        for variant in 0..self.variants.len() {
            self.find_route(variant, scene);
        }
        for call in waiting.iter().chain(&self.running.clone()) {
            let variant = self.call(*call).variant;
            self.call_mut(*call).route = self.variants[variant as usize].route;
        }
        waiting.iter().for_each(|call| self.count(*call, true));
        self.count_running(true);
    }

    /// Calls that run already were never charged by a new rate.
    fn is_new_at_once(&mut self, budget: u32) {
        if let BudgetBook::Rate(rate) = &mut self.budgets[budget as usize] {
            **rate = (**rate).clone().made_at(self.clock);
        }
    }

    fn count_running(&mut self, runs: bool) {
        for place in 0..self.running.len() {
            let route = self.call(self.running[place]).route;
            for id in &self.routes[route as usize].instances {
                let running = &mut self.instances[*id as usize].running;
                *running = if runs { *running + 1 } else { *running - 1 };
            }
        }
    }

    /// A budget is no more.
    fn nobody_holds(&mut self, budget: u32) {
        for call in self.running.clone() {
            self.call_mut(call).holds.retain(|hold| hold.budget != budget);
        }
    }

    /// Slots that are new: whoever runs and draws on them holds them.
    fn all_hold(&mut self, budget: u32) {
        if !matches!(self.budgets[budget as usize], BudgetBook::Slots(_)) {
            return;
        }
        for call in self.running.clone() {
            let route = self.call(call).route;
            let takes = &self.routes[route as usize].takes;
            let Some(take) = takes.iter().find(|take| take.budget == budget).copied() else {
                continue;
            };
            let (priority, at_work) = (self.call(call).priority, self.is_at_work(call));
            self.call_mut(call).holds.push(Hold::new(budget, take.amount, 0, NONE));
            if let BudgetBook::Slots(slots) = &mut self.budgets[budget as usize] {
                slots.take(take.amount, priority);
                slots.at_work += if at_work { take.amount } else { 0 };
            }
        }
    }
}

fn period(budget: &BudgetConfig) -> Option<std::time::Duration> {
    match budget {
        BudgetConfig::Rate { period, .. } => Some(*period),
        BudgetConfig::Concurrency { .. } => None,
    }
}

fn are_alike(one: &BudgetConfig, other: &BudgetConfig) -> bool {
    match (one, other) {
        (BudgetConfig::Concurrency { .. }, BudgetConfig::Concurrency { .. }) => true,
        (
            BudgetConfig::Rate { counts: a, kind: one, .. },
            BudgetConfig::Rate { counts: b, kind: other, .. },
        ) => a == b && std::mem::discriminant(one) == std::mem::discriminant(other),
        _ => false,
    }
}
