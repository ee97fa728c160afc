//! What is so at one moment, in plain values.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use crate::breaker::BreakerState;
use crate::budget::{Budget, Slots};
use crate::call::LimitId;
use crate::config::Counts;
use crate::engine::Engine;
use crate::instance::label_of;
use crate::time::Instant;

/// The whole engine.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The moment, by the engine's clock.
    pub now: Instant,
    /// Calls that run.
    pub running: u64,
    /// Calls that wait.
    pub waiting: u64,
    /// Every limit, in the config's order and then in that of their addition; not those that were
    /// removed.
    pub limits: Vec<LimitSnapshot>,
    /// The keys that are held or waited for, by name.
    pub keys: Vec<KeySnapshot>,
}

/// One key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeySnapshot {
    /// The key, as refusals name it.
    pub key: LimitId,
    /// Its name.
    pub name: String,
    /// Whether a call writes it.
    pub written: bool,
    /// Calls that read it.
    pub readers: u64,
    /// Calls that wait and name it.
    pub waiting: u32,
}

/// One limit.
#[derive(Clone, PartialEq, Debug)]
pub struct LimitSnapshot {
    /// The limit.
    pub limit: LimitId,
    /// Its name.
    pub name: String,
    /// Whether it is paused.
    pub paused: bool,
    /// Its instances, in the order of their labels' values.
    pub instances: Vec<InstanceSnapshot>,
    /// For each budget the most slots ever held and abandoned at once in any one instance; 0 for a
    /// rate.
    pub peaks: Vec<u64>,
}

/// One instance of a limit.
#[derive(Clone, PartialEq, Debug)]
pub struct InstanceSnapshot {
    /// The value of the label that the limit is per.
    pub label: Option<String>,
    /// Waiting calls that need it.
    pub waiting: u32,
    /// Until when it cools down because a call of it was throttled; calls are let out one by one
    /// from then on until it is over.
    pub cooling: Option<Instant>,
    /// What its breaker lets through; `None` if it has none.
    pub breaker: Option<BreakerState>,
    /// Its budgets, in the config's order.
    pub budgets: Vec<BudgetSnapshot>,
}

/// One budget of an instance.
#[derive(Clone, PartialEq, Debug)]
pub enum BudgetSnapshot {
    /// Slots.
    Concurrency {
        /// How many there are.
        size: u64,
        /// How many are held.
        held: u64,
        /// The most that were held and abandoned at once.
        peak: u64,
        /// Given up by calls whose work goes on: in use, and free for others all the same.
        abandoned: u64,
    },
    /// A rate.
    Rate {
        /// What it counts.
        counts: Counts,
        /// Units per period.
        amount: u64,
        /// The period.
        period: Duration,
        /// The most that can be taken at once.
        capacity: u64,
        /// What counts against it now.
        used: u64,
    },
}

impl Engine {
    /// What is so at `now`. Changes nothing: what has become due by then is not done yet.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let now = self.now.max(now);
        let limits = self.config.limits.iter().zip(0u16..);
        let limits = limits.filter(|(_, id)| !self.instances.is_gone(*id)).map(|(limit, id)| {
            let instances: Vec<_> =
                self.instances.of(id).map(|it| self.instance(it, now)).collect();
            let peaks = (0..limit.budgets.len()).map(|budget| {
                let live = instances.iter().filter_map(|it| it.budgets.get(budget));
                let live = live.map(|it| match it {
                    BudgetSnapshot::Concurrency { peak, .. } => *peak,
                    BudgetSnapshot::Rate { .. } => 0,
                });
                live.max().unwrap_or(0).max(self.instances.past_peak(id, budget))
            });
            let peaks = peaks.collect();
            let (name, paused) = (limit.name.clone(), self.instances.limit_is_paused(id));
            LimitSnapshot { limit: LimitId(id), name, paused, instances, peaks }
        });
        Snapshot {
            now,
            running: self.running() as u64,
            waiting: self.waiting() as u64,
            limits: limits.collect(),
            keys: self.keys_in_use(),
        }
    }

    fn instance(&self, id: u32, now: Instant) -> InstanceSnapshot {
        let instance = self.instances.get(id);
        // Rates forget what is past when they are asked, so a copy is asked.
        let budgets = self.instances.budgets.of(instance.budgets.clone());
        let budgets = budgets.iter().cloned().filter_map(|budget| match budget {
            Budget::Gone => None,
            Budget::Concurrency(slots) => {
                let Slots { size, held, peak, abandoned, .. } = slots;
                Some(BudgetSnapshot::Concurrency { size, held, peak, abandoned })
            }
            Budget::Rate(mut rate) => Some(BudgetSnapshot::Rate {
                counts: rate.counts,
                amount: rate.amount,
                period: Duration::from_nanos(rate.period_nanos),
                capacity: rate.capacity(),
                used: rate.used(now),
            }),
        });
        InstanceSnapshot {
            label: label_of(instance),
            waiting: instance.queued,
            breaker: instance.breaker.as_deref().map(|it| it.state(now)),
            cooling: instance.cool.as_deref().map(|cool| cool.until),
            budgets: budgets.collect(),
        }
    }
}
