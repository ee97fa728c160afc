//! What rates have used, as plain values that outlive the engine: written down by one process and
//! taken in by the next.
//!
//! All times are counted from the moment of asking, since the next engine's clock has another
//! epoch; whoever keeps the values knows how long they were kept. A rate is told by what it counts,
//! its period and its kind: with another amount it carries on, with another of those three it is
//! another rate, and what it used is reported and left out.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use crate::budget::Budget;
use crate::call::{CallId, LimitId};
use crate::config::Counts;
use crate::cooldown::CoolDown;
use crate::decision::Outputs;
use crate::engine::Engine;
use crate::instance::label_of;
use crate::lane::Record;
use crate::time::Instant;

/// What one instance of a limit has used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The limit.
    pub limit: LimitId,
    /// The value of the label that the limit is per.
    pub label: Option<String>,
    /// For how long it still cools down.
    pub cool_down: Option<Duration>,
    /// Its rates that remember something, in the config's order.
    pub rates: Vec<RateUsage>,
}

/// What one rate of an instance has used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RateUsage {
    /// The rate, as [`Engine::charges`] names it. Means nothing to another engine.
    pub id: RateId,
    /// Its place in [`LimitConfig::budgets`](crate::LimitConfig::budgets).
    pub budget: usize,
    /// What it counts.
    pub counts: Counts,
    /// Units per period.
    pub amount: u64,
    /// The period.
    pub period: Duration,
    /// By its kind, what it remembers.
    pub used: Used,
    /// What there is by the provider's last word, if that is something of its own.
    pub word: Option<Room>,
}

/// So much may be taken, and no more, for so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Units.
    pub left: u64,
    /// From now on.
    pub lasts: Duration,
}

/// What a rate remembers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Used {
    /// Of a sliding window.
    Sliding {
        /// The period and what lengthens it.
        window: Duration,
        /// After how long what was taken leaves the window, and how many units it is; rising.
        taken: Vec<(Duration, u64)>,
    },
    /// Of a token bucket.
    Bucket {
        /// After how long it is full again.
        full_in: Duration,
    },
    /// Of a window aligned to the calendar.
    Calendar {
        /// What was used in the present window.
        units: u64,
        /// How much of it was borrowed, and counts in the next window too.
        debt: u64,
        /// After how long that window ends. Whoever gives it to an engine says what is used in
        /// that engine's present window.
        ends_in: Duration,
    },
}

/// A rate of an instance, as long as the instance is kept and its limit is not replaced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct RateId {
    instance: u32,
    generation: u32,
    budget: u32,
}

impl RateId {
    fn of((instance, generation): (u32, u32), budget: u32) -> RateId {
        RateId { instance, generation, budget }
    }
}

/// An instance, by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its limit.
    pub limit: LimitId,
    /// The value of the label that the limit is per.
    pub label: Option<String>,
}

/// What was not taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotRestored {
    /// A place in what was given.
    pub usage: usize,
    /// A place among its rates; `None` for all of them.
    pub rate: Option<usize>,
    /// Why.
    pub why: Unrestorable,
}

/// Why something was not taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unrestorable {
    /// There is no such limit.
    NoLimit,
    /// The limit is per a label and none was given, or the other way round.
    OtherLabel,
    /// The limit has as many instances as it may, all in use.
    TooManyInstances,
    /// The limit has no rate that counts the same over the same period by the same kind.
    NoRate,
}

impl Engine {
    /// What the rates remember at `now`, instance by instance; those that remember nothing are
    /// left out. Changes nothing.
    pub fn usage(&self, now: Instant) -> Vec<Usage> {
        self.usage_after(now, None, usize::MAX).0
    }

    /// [`Engine::usage`] of at most so many instances, from after the one where it stopped before.
    /// Says where it has stopped, unless it has come to the end.
    pub fn usage_after(
        &self,
        now: Instant,
        after: Option<&Place>,
        most: usize,
    ) -> (Vec<Usage>, Option<Place>) {
        let now = self.now.max(now);
        let (first, value) = match after {
            None => (0, None),
            Some(Place { limit, label: Some(value) }) => (limit.0, Some(value.as_str())),
            Some(Place { limit, label: None }) => (limit.0.saturating_add(1), None),
        };
        let limits = u16::try_from(self.config.limits.len()).unwrap_or(u16::MAX);
        let begun = value.into_iter().filter(|_| !self.instances.is_gone(first));
        let begun = begun.flat_map(|value| self.instances.of_after(first, value));
        let rest = first.saturating_add(u16::from(value.is_some()))..limits;
        let rest = rest.filter(|limit| !self.instances.is_gone(*limit));
        let mut ids = begun.chain(rest.flat_map(|limit| self.instances.of(limit)));
        let (mut usages, mut last) = (Vec::new(), None);
        for id in ids.by_ref().take(most) {
            usages.extend(self.usage_of(id, now));
            last = Some(id);
        }
        let stopped = last.filter(|_| ids.next().is_some()).map(|id| {
            let instance = self.instances.get(id);
            Place { limit: LimitId(instance.limit), label: label_of(instance) }
        });
        (usages, stopped)
    }

    /// Takes in what rates had used, on top of what they have used since. Returns what was left
    /// out. Give it once: what is given twice counts twice.
    pub fn restore(
        &mut self,
        now: Instant,
        usages: &[Usage],
        out: &mut Outputs,
    ) -> Vec<NotRestored> {
        self.begin(now, out);
        let mut left_out = Vec::new();
        for (at, usage) in usages.iter().enumerate() {
            let mut leave_out = |rate, why| left_out.push(NotRestored { usage: at, rate, why });
            match self.instance_for(usage) {
                Err(why) => leave_out(None, why),
                Ok(id) => {
                    let unknown = self.restore_rates(id, &usage.rates);
                    for rate in unknown {
                        leave_out(Some(rate), Unrestorable::NoRate);
                    }
                    self.cool_again(id, usage.cool_down, out);
                    self.instances.remember(id, self.now);
                    self.mark(id);
                }
            }
        }
        self.pump(out);
        left_out
    }

    /// What a running call has taken of each rate.
    pub fn charges(&self, call: CallId) -> impl Iterator<Item = (RateId, u64)> + '_ {
        let index = self.calls.resolve(call);
        let route = index.and_then(|index| match self.calls.get(index) {
            Some(Record::Running(running)) => Some(self.routes.get(running.route)),
            _ => None,
        });
        let draws =
            route.into_iter().flat_map(|route| route.draws().iter().map(move |it| (route, *it)));
        draws.flat_map(move |(route, draw)| {
            let takes = route.takes_of(draw).iter().zip(0u32..);
            takes.filter_map(move |(take, budget)| {
                let rate = self.instances.budgets.is_rate(take.budget) && take.amount > 0;
                let instance = self.instances.named(draw.instance);
                rate.then_some((RateId::of(instance, budget), take.amount))
            })
        })
    }

    fn usage_of(&self, id: u32, now: Instant) -> Option<Usage> {
        let instance = self.instances.get(id);
        let budgets = self.instances.budgets.of(instance.budgets.clone()).iter().zip(0u32..);
        let rates = budgets.filter_map(|(budget, at)| {
            let Budget::Rate(rate) = budget else { return None };
            let (used, word) = rate.usage(now)?;
            Some(RateUsage {
                id: RateId::of(self.instances.named(id), at),
                budget: at as usize,
                counts: rate.counts,
                amount: rate.amount,
                period: Duration::from_nanos(rate.period_nanos),
                used,
                word,
            })
        });
        let rates: Vec<RateUsage> = rates.collect();
        let (limit, label) = (LimitId(instance.limit), label_of(instance));
        let cools = instance.cool.as_deref().map(|cool| cool.until.saturating_since(now));
        let cool_down = cools.filter(|left| !left.is_zero());
        let any = cool_down.is_some() || !rates.is_empty();
        any.then_some(Usage { limit, label, cool_down, rates })
    }

    /// An instance cools down for so long, if its limit still heeds its servers.
    fn cool_again(&mut self, id: u32, left: Option<Duration>, out: &mut Outputs) {
        let limit = self.instances.get(id).limit;
        let learns = self.config.limits.get(usize::from(limit)).is_some_and(|it| it.learns);
        let Some(left) = left.filter(|_| learns) else { return };
        let until = self.now.saturating_add(left);
        if self.instances.get(id).cool.as_ref().is_none_or(|cool| cool.until < until) {
            self.cool_until(id, CoolDown::new(until, Duration::ZERO), out);
        }
    }

    /// The instance that `usage` speaks of, made if need be.
    fn instance_for(&mut self, usage: &Usage) -> Result<u32, Unrestorable> {
        let LimitId(limit) = usage.limit;
        if self.instances.is_gone(limit) {
            return Err(Unrestorable::NoLimit);
        }
        let per = self.config.limits.get(usize::from(limit)).and_then(|limit| limit.per);
        if per.is_some() != usage.label.is_some() {
            return Err(Unrestorable::OtherLabel);
        }
        let found = self.instances.find(&self.config, limit, usage.label.as_deref(), self.now);
        found.ok_or(Unrestorable::TooManyInstances)
    }

    /// Each goes to the rate that is like it: at its own place if it is there, else at the first
    /// that is free. Returns those for which there is none.
    fn restore_rates(&mut self, id: u32, rates: &[RateUsage]) -> Vec<usize> {
        let place = self.instances.get(id).budgets.clone();
        let budgets = self.instances.budgets.of_mut(place);
        let mut free: Vec<bool> = budgets.iter().map(|_| true).collect();
        let mut unknown = Vec::new();
        for (number, usage) in rates.iter().enumerate() {
            let fits = |at: usize| {
                free.get(at) == Some(&true)
                    && matches!(&budgets[at], Budget::Rate(rate) if rate.is_told_by(usage))
            };
            let own = Some(usage.budget).filter(|at| fits(*at));
            let at = own.or_else(|| (0..budgets.len()).find(|at| fits(*at)));
            match at.map(|at| (at, &mut budgets[at])) {
                Some((at, Budget::Rate(rate))) => {
                    rate.restore(usage, self.now);
                    free[at] = false;
                }
                _ => unknown.push(number),
            }
        }
        unknown
    }
}
