//! Budgets: whatever can say "not now". One contract for all kinds.
//!
//! Given an amount and `now`, a budget answers _ready_, _at T_ (time alone will make it ready),
//! _on release_ (somebody must finish first) or _never_; then it takes, and gives back.

mod adaptive;
mod arena;
mod bucket;
mod calendar;
mod reform;
mod sliding;
mod slots;
mod usage;
mod word;

use alloc::boxed::Box;

use crate::call::{CallId, Cost, Priority};
use crate::config::{BudgetConfig, Counts, RateKind};
use crate::time::{Instant, nanos};
use crate::units::{CapacityNanos, mul_div};

pub(crate) use adaptive::Sample;
pub(crate) use arena::Budgets;
use bucket::Bucket;
use calendar::Calendar;
use sliding::Sliding;
pub(crate) use slots::Slots;
pub(crate) use word::Said;
use word::Word;

/// One call borrows so many times what a rate's window or bucket holds at the most.
const MOST_WINDOWS: u64 = 64;

/// The most that one call takes of what holds so much.
fn most_of(capacity: u64) -> u64 {
    capacity.saturating_mul(MOST_WINDOWS)
}

/// What a budget says to an amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Ready,
    At(Instant),
    OnRelease,
    /// Somebody who came before waits for the same key.
    InLine,
    /// The limit is paused.
    Paused,
    Never,
}

impl Answer {
    /// The answer to both: the one that is the further off.
    #[inline]
    pub(crate) fn and(self, other: Answer) -> Answer {
        match (self, other) {
            (Answer::Ready, it) | (it, Answer::Ready) => it,
            (Answer::Never, _) | (_, Answer::Never) => Answer::Never,
            (Answer::Paused, _) | (_, Answer::Paused) => Answer::Paused,
            (Answer::At(a), Answer::At(b)) => Answer::At(a.max(b)),
            (Answer::At(at), _) | (_, Answer::At(at)) => Answer::At(at),
            (Answer::InLine, _) | (_, Answer::InLine) => Answer::InLine,
            (Answer::OnRelease, Answer::OnRelease) => Answer::OnRelease,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Budget {
    Concurrency(Slots),
    Rate(Rate),
    /// Its limit was removed, or lost this budget: it is always ready.
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct Rate {
    pub(crate) counts: Counts,
    pub(crate) amount: u64,
    pub(crate) period_nanos: u64,
    kind: Kind,
    /// What running calls were charged; counted anew whenever the figures change, so that as much
    /// is taken away as was added.
    in_flight: u64,
    /// What the provider said last.
    word: Option<Box<Word>>,
}

#[derive(Clone, Debug)]
enum Kind {
    Sliding(Sliding),
    Bucket(Bucket),
    Calendar(Calendar),
}

impl Budget {
    /// `weights` are those of the priorities.
    pub(crate) fn new(config: &BudgetConfig, weights: &[u32]) -> Budget {
        match config {
            BudgetConfig::Concurrency { size, reserved, lend } => {
                Budget::Concurrency(Slots::new(*size, reserved, *lend, weights))
            }
            BudgetConfig::Rate { counts, amount, period, kind } => {
                Budget::Rate(Rate::new(*counts, *amount, nanos(*period).max(1), *kind))
            }
        }
    }

    /// May `amount` be taken at `now` by a call of this priority?
    #[inline]
    pub(crate) fn answer(&mut self, amount: u64, priority: Priority, now: Instant) -> Answer {
        match self {
            Budget::Concurrency(slots) => slots.answer(amount, priority),
            Budget::Rate(rate) => {
                let at = rate.ready_at(0, amount, now);
                if at <= now { Answer::Ready } else { Answer::At(at) }
            }
            Budget::Gone => Answer::Ready,
        }
    }

    /// Is the answer _ready_?
    // Slots and plain buckets first, and by themselves: so they are told by one look each.
    #[inline]
    pub(crate) fn is_ready(&mut self, amount: u64, priority: Priority, now: Instant) -> bool {
        if let Budget::Concurrency(slots) = self {
            return amount <= slots.room(priority) || slots.counts_less(amount, priority);
        }
        if let Budget::Rate(Rate { kind: Kind::Bucket(bucket), word: None, .. }) = self {
            return bucket.is_ready(amount, now);
        }
        self.answer(amount, priority, now) == Answer::Ready
    }

    /// Takes what [`Budget::answer`] found ready.
    #[inline(always)]
    pub(crate) fn take(&mut self, amount: u64, priority: Priority, now: Instant) {
        if let Budget::Concurrency(slots) = self {
            slots.take(amount, priority);
        } else if let Budget::Rate(Rate {
            kind: Kind::Bucket(bucket), word: None, in_flight, ..
        }) = self
        {
            bucket.take(amount, now);
            *in_flight = in_flight.wrapping_add(amount);
        } else if let Budget::Rate(rate) = self {
            rate.take(amount, now);
        }
    }

    /// Whether so much can be asked for and taken in one.
    #[inline]
    pub(crate) fn is_at_once(&self, amount: u64) -> bool {
        matches!(
            self,
            Budget::Rate(Rate { kind: Kind::Bucket(bucket), word: None, .. })
                if amount <= bucket.burst()
        )
    }

    /// Takes what [`Budget::is_at_once`] if it is ready; says whether it was.
    #[inline]
    pub(crate) fn take_at_once(&mut self, amount: u64, now: Instant) -> bool {
        let Budget::Rate(Rate { kind: Kind::Bucket(bucket), in_flight, .. }) = self else {
            return false;
        };
        let taken = bucket.try_take(amount, now);
        if taken {
            *in_flight = in_flight.wrapping_add(amount);
        }
        taken
    }

    /// Gives back what is held only while a call runs.
    #[inline]
    pub(crate) fn give(&mut self, amount: u64, priority: Priority) {
        if let Budget::Concurrency(slots) = self {
            slots.give(amount, priority);
        } else if let Budget::Rate(Rate { kind: Kind::Bucket(_), in_flight, .. }) = self {
            *in_flight = in_flight.wrapping_sub(amount);
        } else if let Budget::Rate(rate) = self {
            rate.in_flight = rate.in_flight.wrapping_sub(amount);
        }
    }

    /// What a draw means here, or a call's weight where there are slots.
    pub(crate) fn amount_of(&self, weight: u64, costs: &[Cost]) -> u64 {
        match self {
            Budget::Concurrency(_) => weight,
            Budget::Gone => 0,
            Budget::Rate(rate) => match rate.counts {
                Counts::Calls => 1,
                Counts::Unit(unit) => {
                    let of_unit = costs.iter().filter(|cost| cost.unit == unit);
                    of_unit.fold(0u64, |sum, cost| sum.saturating_add(cost.amount))
                }
            },
        }
    }

    /// Whether there is room for any call of this priority at all.
    pub(crate) fn is_open(&self, priority: Priority) -> bool {
        match self {
            Budget::Concurrency(slots) => slots.room(priority) > 0,
            Budget::Rate(_) | Budget::Gone => true,
        }
    }

    /// The most that a call of this priority, or of any, could ever take at once. Of a rate it may
    /// borrow.
    pub(crate) fn most(&self, priority: Option<Priority>) -> u64 {
        match self {
            Budget::Concurrency(slots) => priority.map_or(slots.most_of_any(), |it| slots.most(it)),
            Budget::Rate(_) | Budget::Gone => u64::MAX,
        }
    }

    /// From when on nothing that was taken matters any more; `None` while slots are used.
    pub(crate) fn idle_at(&mut self, now: Instant) -> Option<Instant> {
        match self {
            Budget::Concurrency(slots) => {
                (slots.held == 0 && slots.abandoned == 0).then_some(Instant::EPOCH)
            }
            Budget::Rate(rate) => {
                let word = rate.word.as_ref().map_or(Instant::EPOCH, |word| word.idle_at());
                Some(word.max(match &mut rate.kind {
                    Kind::Sliding(sliding) => sliding.idle_at(),
                    Kind::Bucket(bucket) => bucket.idle_at(),
                    Kind::Calendar(calendar) => calendar.idle_at(now),
                }))
            }
            Budget::Gone => Some(Instant::EPOCH),
        }
    }

    /// For how long `amount`, held for `held_nanos`, takes the whole budget.
    pub(crate) fn capacity_nanos(&self, amount: u64, held_nanos: u64) -> CapacityNanos {
        CapacityNanos(match self {
            Budget::Concurrency(slots) => mul_div(amount, held_nanos, slots.size),
            Budget::Rate(rate) => mul_div(amount, rate.period_nanos, rate.amount),
            Budget::Gone => 0,
        })
    }
}

impl Rate {
    fn new(counts: Counts, amount: u64, period_nanos: u64, kind: RateKind) -> Rate {
        let corrected = matches!(counts, Counts::Unit(_));
        let kind = match kind {
            RateKind::Sliding { transit } => {
                Kind::Sliding(Sliding::new(amount, period_nanos, nanos(transit)))
            }
            RateKind::Bucket { burst } => {
                let bucket = Bucket::new(amount, period_nanos, burst);
                Kind::Bucket(if corrected { bucket.with_corrections() } else { bucket })
            }
            RateKind::Calendar { ends } => {
                Kind::Calendar(Calendar::new(amount, period_nanos, ends))
            }
        };
        Rate { counts, amount, period_nanos, kind, in_flight: 0, word: None }
    }

    #[inline(never)]
    fn take(&mut self, amount: u64, now: Instant) {
        self.in_flight = self.in_flight.wrapping_add(amount);
        if let Some(word) = &mut self.word {
            word.take(amount, now);
        }
        match &mut self.kind {
            Kind::Bucket(bucket) => bucket.take(amount, now),
            Kind::Sliding(sliding) => sliding.take(amount.min(most_of(self.amount)), now),
            Kind::Calendar(calendar) => calendar.take(amount.min(most_of(self.amount)), now),
        }
    }

    /// The truth about a charge made at `started`: into the window that was charged.
    pub(crate) fn settle(
        &mut self,
        charged: u64,
        actual: u64,
        (call, started): (CallId, Instant),
        now: Instant,
    ) {
        let most = most_of(self.capacity());
        let (charged, actual) = (charged.min(most), actual.min(most));
        self.settle_word(charged, actual, started, call);
        match &mut self.kind {
            Kind::Sliding(sliding) => sliding.settle(charged, actual, started, now),
            Kind::Bucket(bucket) => bucket.settle(charged, actual, started),
            Kind::Calendar(calendar) => calendar.settle(charged, actual, started, now),
        }
    }

    /// From when on `need` could be taken if `taken` were taken at `now`. What is more than can
    /// ever be taken at once may be borrowed when that much could be.
    pub(crate) fn ready_at(&mut self, taken: u64, need: u64, now: Instant) -> Instant {
        let by_count = match &mut self.kind {
            Kind::Sliding(sliding) => sliding.ready_at(taken, need, now),
            Kind::Bucket(bucket) => bucket.ready_at(taken, need, now),
            Kind::Calendar(calendar) => calendar.ready_at(taken, need, now),
        };
        if self.word.is_none() {
            return by_count;
        }
        self.forget_past_word(now);
        let word = self.word.as_ref();
        by_count.max(word.map_or(now, |word| word.ready_at(taken, need, now)))
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
    #[inline]
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
