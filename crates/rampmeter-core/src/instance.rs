//! Instances: the state of a limit, once, or once for each value of the label it is `per`.
//!
//! They are bounded in number. One that nobody uses and whose budgets remember nothing is kept
//! for a minute, so that a value that comes and goes is not built again each time, and is then
//! collected when another value needs a place.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::ops::Range;
use core::time::Duration;

use crate::budget::{Budget, Budgets};
use crate::call::{Cost, Draw};
use crate::config::{Config, Counts};
use crate::heap::Heap;
use crate::order::Order;
use crate::route::Route;
use crate::slab::Slab;
use crate::time::Instant;

const LINGER: Duration = Duration::from_secs(60);
const COLLECTED_AT_ONCE: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) limit: u16,
    pub(crate) label: Option<Box<str>>,
    /// Where its budgets are.
    pub(crate) budgets: Range<u32>,
    /// Made when a lane first waits here.
    pub(crate) order: Option<Box<Order>>,
    /// Lanes that wait here.
    pub(crate) watchers: u32,
    /// Waiting calls that draw on this instance, wherever they wait.
    pub(crate) queued: u32,
    pub(crate) claim: Option<Claim>,
    /// In the engine's list of instances to look at.
    pub(crate) dirty: bool,
    routes: u32,
}

/// The right of one waiting call that nothing later may take what it needs here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Claim {
    pub(crate) call: u32,
    pub(crate) age: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Instances {
    pub(crate) budgets: Budgets,
    slab: Slab<Instance>,
    limits: Vec<PerLimit>,
}

#[derive(Clone, Debug, Default)]
struct PerLimit {
    single: Option<u32>,
    by_value: BTreeMap<Box<str>, u32>,
    /// Instances without a route, by when their budgets remember nothing.
    idle: Heap<Instant>,
    /// Places of budgets whose instances were collected.
    free: Vec<Range<u32>>,
    /// The greatest concurrency of instances that were collected, per budget.
    past_peaks: Vec<u64>,
}

impl Instances {
    pub(crate) fn new(config: &Config) -> Instances {
        let limits = config.limits.iter().map(|_| PerLimit::default()).collect();
        let mut instances =
            Instances { budgets: Budgets::default(), slab: Slab::default(), limits };
        for (index, limit) in config.limits.iter().enumerate() {
            if limit.per.is_none() {
                let number = u16::try_from(index).unwrap_or(u16::MAX);
                instances.limits[index].single = Some(instances.make(config, number, None));
            }
        }
        instances
    }

    /// The instance of a limit for this value of its label; `None` if there are as many as
    /// there may be and all are in use.
    pub(crate) fn find(
        &mut self,
        config: &Config,
        limit: u16,
        value: Option<&str>,
        now: Instant,
    ) -> Option<u32> {
        let per_limit = &self.limits[usize::from(limit)];
        let Some(value) = value else { return per_limit.single };
        if let Some(&id) = per_limit.by_value.get(value) {
            return Some(id);
        }
        let most = config.limits[usize::from(limit)].max_instances as usize;
        self.collect(limit, now, most);
        if self.limits[usize::from(limit)].by_value.len() >= most {
            return None;
        }
        let id = self.make(config, limit, Some(value.into()));
        let per_limit = &mut self.limits[usize::from(limit)];
        per_limit.by_value.insert(value.into(), id);
        per_limit.idle.set(id, now);
        Some(id)
    }

    /// A route over this instance was made.
    pub(crate) fn used(&mut self, id: u32) {
        let instance = &mut self.slab[id];
        instance.routes += 1;
        if instance.label.is_some() {
            self.limits[usize::from(instance.limit)].idle.remove(id);
        }
    }

    /// A route is gone.
    pub(crate) fn unused(&mut self, route: &Route, now: Instant) {
        for draw in route.draws() {
            self.slab[draw.instance].routes -= 1;
            self.remember(draw.instance, now);
        }
    }

    /// What the budgets of an instance remember has changed other than by a call: if nobody uses
    /// it, it is kept for as long as they do.
    pub(crate) fn remember(&mut self, id: u32, now: Instant) {
        let instance = &self.slab[id];
        if instance.routes > 0 || instance.label.is_none() {
            return;
        }
        let budgets = self.budgets.of_mut(instance.budgets.clone()).iter_mut();
        let idle = budgets.map(|budget| budget.idle_at(now));
        let idle_at = idle.fold(now, |latest, at| latest.max(at.unwrap_or(Instant::NEVER)));
        self.limits[usize::from(instance.limit)].idle.set(id, idle_at);
    }

    /// The order in which lanes wait at an instance, if it still exists and any ever did.
    pub(crate) fn order(&self, id: u32) -> Option<&Order> {
        self.slab.get(id)?.order.as_deref()
    }

    /// Takes the mark off an instance, if it still exists.
    pub(crate) fn unmark(&mut self, id: u32) {
        if let Some(instance) = self.slab.get_mut(id) {
            instance.dirty = false;
        }
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> &mut Instance {
        &mut self.slab[id]
    }

    pub(crate) fn get(&self, id: u32) -> &Instance {
        &self.slab[id]
    }

    /// What a call's draw means for each budget of an instance.
    pub(crate) fn amounts<'a>(
        &'a self,
        id: u32,
        draw: &'a Draw<'_>,
    ) -> impl Iterator<Item = u64> + 'a {
        self.budgets.of(self.get(id).budgets.clone()).iter().map(|budget| match budget {
            Budget::Concurrency(_) => draw.weight,
            Budget::Rate(rate) => match rate.counts {
                Counts::Calls => 1,
                Counts::Unit(unit) => {
                    let of_unit = draw.costs.iter().filter(|cost: &&Cost| cost.unit == unit);
                    of_unit.fold(0u64, |sum, cost| sum.saturating_add(cost.amount))
                }
            },
        })
    }

    /// Is every amount of a draw within what its budget ever has?
    pub(crate) fn ever_fits(&self, id: u32, draw: &Draw<'_>) -> bool {
        let budgets = self.budgets.of(self.get(id).budgets.clone());
        budgets.iter().zip(self.amounts(id, draw)).all(|(budget, amount)| match budget {
            Budget::Concurrency(slots) => amount <= slots.size,
            Budget::Rate(rate) => amount <= rate.capacity(),
        })
    }

    /// The instances of a limit, in the order of their labels' values.
    pub(crate) fn of(&self, limit: u16) -> impl Iterator<Item = u32> + '_ {
        let per_limit = &self.limits[usize::from(limit)];
        per_limit.single.into_iter().chain(per_limit.by_value.values().copied())
    }

    pub(crate) fn past_peak(&self, limit: u16, budget: usize) -> u64 {
        self.limits[usize::from(limit)].past_peaks.get(budget).copied().unwrap_or(0)
    }

    fn make(&mut self, config: &Config, limit: u16, label: Option<Box<str>>) -> u32 {
        let place = self.limits[usize::from(limit)].free.pop();
        let budgets = self.budgets.make(&config.limits[usize::from(limit)].budgets, place);
        self.slab.insert(Instance {
            limit,
            label,
            budgets,
            order: None,
            watchers: 0,
            queued: 0,
            claim: None,
            dirty: false,
            routes: 0,
        })
    }

    /// Drops instances that have been idle for long, and one that is merely idle if the limit
    /// has `most` of them.
    fn collect(&mut self, limit: u16, now: Instant, most: usize) {
        let per_limit = &mut self.limits[usize::from(limit)];
        for _ in 0..COLLECTED_AT_ONCE {
            let Some((idle_at, id)) = per_limit.idle.peek() else { return };
            let full = per_limit.by_value.len() >= most;
            let due = if full { idle_at } else { idle_at.saturating_add(LINGER) };
            if due > now {
                return;
            }
            per_limit.idle.remove(id);
            let Some(gone) = self.slab.remove(id) else { continue };
            let budgets = self.budgets.of(gone.budgets.clone());
            per_limit.past_peaks.resize(budgets.len(), 0);
            for (peak, budget) in per_limit.past_peaks.iter_mut().zip(budgets) {
                if let Budget::Concurrency(slots) = budget {
                    *peak = (*peak).max(slots.peak);
                }
            }
            per_limit.free.push(gone.budgets);
            if let Some(value) = gone.label {
                per_limit.by_value.remove(&value);
            }
        }
    }
}

/// The value of an instance's label, for people.
pub(crate) fn label_of(instance: &Instance) -> Option<String> {
    instance.label.as_deref().map(String::from)
}
