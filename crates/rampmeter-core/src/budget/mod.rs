//! Budgets: whatever can say "not now". One contract for all kinds.
//!
//! Given an amount and `now`, a budget answers _ready_, _at T_ (time alone will make it ready),
//! _on release_ (somebody must finish first) or _never_; then it takes, and gives back.

mod arena;
mod bucket;
mod calendar;
mod sliding;

use crate::config::{BudgetConfig, Counts, RateKind};
use crate::time::{Instant, nanos};
use crate::units::{CapacityNanos, mul_div};

pub(crate) use arena::Budgets;
use bucket::Bucket;
use calendar::Calendar;
use sliding::Sliding;

/// What a budget says to an amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Ready,
    At(Instant),
    OnRelease,
    Never,
}

#[derive(Clone, Debug)]
pub(crate) enum Budget {
    Concurrency(Slots),
    Rate(Rate),
}

/// At most `size` slots held at once. A shrink leaves `held` above `size` until calls end.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub(crate) size: u64,
    pub(crate) held: u64,
    pub(crate) peak: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pub(crate) counts: Counts,
    pub(crate) amount: u64,
    pub(crate) period_nanos: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Sliding(Sliding),
    Bucket(Bucket),
    Calendar(Calendar),
}

impl Budget {
    pub(crate) fn new(config: &BudgetConfig) -> Budget {
        match *config {
            BudgetConfig::Concurrency { size, .. } => {
                Budget::Concurrency(Slots { size, held: 0, peak: 0 })
            }
            BudgetConfig::Rate { counts, amount, period, kind } => {
                let period_nanos = nanos(period).max(1);
                let kind = match kind {
                    RateKind::Sliding { transit } => {
                        Kind::Sliding(Sliding::new(amount, period_nanos, nanos(transit)))
                    }
                    RateKind::Bucket { burst } => {
                        Kind::Bucket(Bucket::new(amount, period_nanos, burst))
                    }
                    RateKind::Calendar { ends } => {
                        Kind::Calendar(Calendar::new(amount, period_nanos, ends))
                    }
                };
                Budget::Rate(Rate { counts, amount, period_nanos, kind })
            }
        }
    }

    /// May `amount` be taken at `now`?
    #[inline]
    pub(crate) fn answer(&mut self, amount: u64, now: Instant) -> Answer {
        match self {
            Budget::Concurrency(slots) => {
                if amount > slots.size {
                    Answer::Never
                } else if amount <= slots.size.saturating_sub(slots.held) {
                    Answer::Ready
                } else {
                    Answer::OnRelease
                }
            }
            Budget::Rate(rate) => rate
                .ready_at(0, amount, now)
                .map_or(Answer::Never, |at| if at <= now { Answer::Ready } else { Answer::At(at) }),
        }
    }

    /// Is the answer _ready_?
    #[inline]
    pub(crate) fn is_ready(&mut self, amount: u64, now: Instant) -> bool {
        match self {
            Budget::Concurrency(slots) => amount <= slots.size.saturating_sub(slots.held),
            Budget::Rate(Rate { kind: Kind::Bucket(bucket), .. }) => bucket.is_ready(amount, now),
            Budget::Rate(rate) => rate.ready_at(0, amount, now) == Some(now),
        }
    }

    /// Takes what [`Budget::answer`] found ready.
    #[inline]
    pub(crate) fn take(&mut self, amount: u64, now: Instant) {
        match self {
            Budget::Concurrency(slots) => {
                slots.held = slots.held.saturating_add(amount);
                slots.peak = slots.peak.max(slots.held);
            }
            Budget::Rate(rate) => match &mut rate.kind {
                Kind::Sliding(sliding) => sliding.take(amount, now),
                Kind::Bucket(bucket) => bucket.take(amount, now),
                Kind::Calendar(calendar) => calendar.take(amount),
            },
        }
    }

    /// Gives back what is held only while a call runs.
    #[inline]
    pub(crate) fn give(&mut self, amount: u64) {
        if let Budget::Concurrency(slots) = self {
            slots.held = slots.held.saturating_sub(amount);
        }
    }

    /// From when on nothing that was taken matters any more; `None` while slots are held.
    pub(crate) fn idle_at(&mut self, now: Instant) -> Option<Instant> {
        match self {
            Budget::Concurrency(slots) => (slots.held == 0).then_some(Instant::EPOCH),
            Budget::Rate(rate) => Some(match &mut rate.kind {
                Kind::Sliding(sliding) => sliding.idle_at(),
                Kind::Bucket(bucket) => bucket.idle_at(),
                Kind::Calendar(calendar) => calendar.idle_at(now),
            }),
        }
    }

    /// For how long `amount`, held for `held_nanos`, takes the whole budget.
    pub(crate) fn capacity_nanos(&self, amount: u64, held_nanos: u64) -> CapacityNanos {
        CapacityNanos(match self {
            Budget::Concurrency(slots) => mul_div(amount, held_nanos, slots.size),
            Budget::Rate(rate) => mul_div(amount, rate.period_nanos, rate.amount),
        })
    }
}

impl Rate {
    /// From when on `need` could be taken if `taken` were taken at `now`; `None` for never.
    pub(crate) fn ready_at(&mut self, taken: u64, need: u64, now: Instant) -> Option<Instant> {
        match &mut self.kind {
            Kind::Sliding(sliding) => sliding.ready_at(taken, need, now),
            Kind::Bucket(bucket) => bucket.ready_at(taken, need, now),
            Kind::Calendar(calendar) => calendar.ready_at(taken, need, now),
        }
    }

    /// What counts against the amount at `now`.
    pub(crate) fn used(&mut self, now: Instant) -> u64 {
        match &mut self.kind {
            Kind::Sliding(sliding) => sliding.used(now),
            Kind::Bucket(bucket) => bucket.used(now),
            Kind::Calendar(calendar) => calendar.used(now),
        }
    }

    /// The most that can be taken at once.
    pub(crate) fn capacity(&self) -> u64 {
        match &self.kind {
            Kind::Bucket(bucket) => bucket.burst(),
            _ => self.amount,
        }
    }

    /// Moves the end of a calendar window; says whether this is one.
    pub(crate) fn align(&mut self, now: Instant, ends: Instant) -> bool {
        match &mut self.kind {
            Kind::Calendar(calendar) => {
                calendar.align(now, ends);
                true
            }
            _ => false,
        }
    }
}
