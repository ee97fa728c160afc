//! The provider's last word on a rate: how much is left by its count, and until when.
//!
//! Our own count knows nothing of what others take of the same quota, nor of how the provider rounds.
//! So beside it stands what the provider said last, and a call needs room by both. What was said
//! counts for what had reached the provider by then; calls that are out may still be on their way
//! to it, so what they take is set aside. Each word replaces the one before it, unless it came
//! with a call that started earlier and allows more.
//!
//! A bucket says when it will be full, and refills until then: its word is a level of a bucket of
//! our figures. Of a sliding window what is missing counts as taken by somebody else, and leaves
//! by the reset at the latest. A calendar window, and whatever says that it resets later than its
//! kind could, has so much until then and no more.

use alloc::boxed::Box;
use core::time::Duration;

use super::bucket::Bucket;
use super::{Kind, Rate};
use crate::call::CallId;
use crate::time::Instant;
use crate::usage::Room;

/// What a provider said of one of its quotas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    pub(crate) remaining: u64,
    pub(crate) resets: Option<Instant>,
    /// The call that it came with, when that started, and what it was charged.
    pub(crate) call: CallId,
    pub(crate) started: Instant,
    pub(crate) charged: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    /// The call that it came with: it is counted already, whatever it was charged here.
    call: Option<CallId>,
    started: Instant,
    form: Form,
    /// What is set aside for calls that are out, beyond what there is.
    beyond: u64,
}

#[derive(Clone, Debug)]
enum Form {
    Level(Bucket),
    /// By how much the provider counts more than we did; so many units are in the log of a sliding
    /// window, and leave at the moment. If it counts less, none are.
    Foreign {
        leaves_nanos: u64,
        short: i128,
    },
    Room {
        left: u64,
        until: Instant,
    },
}

impl Word {
    pub(super) fn ready_at(&self, taken: u64, need: u64, now: Instant) -> Instant {
        match &self.form {
            Form::Level(bucket) => bucket.ready_at(taken, need, now),
            Form::Foreign { .. } => now,
            Form::Room { left, until } => {
                let fits = taken.saturating_add(need) <= *left || need == 0;
                if fits { now } else { now.max(*until) }
            }
        }
    }

    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        match &mut self.form {
            Form::Level(bucket) => bucket.take(amount, now),
            Form::Foreign { .. } => {}
            Form::Room { left, .. } => *left = left.saturating_sub(amount),
        }
    }

    /// The truth about a call that is out: what was set aside for it beyond what there is does not
    /// come back.
    pub(super) fn settle(&mut self, charged: u64, actual: u64, started: Instant) {
        let never_there = self.beyond.min(charged.saturating_sub(actual));
        self.beyond -= never_there;
        let charged = charged - never_there;
        match &mut self.form {
            Form::Level(bucket) => bucket.settle(charged, actual, started),
            Form::Foreign { .. } => {}
            Form::Room { left, .. } => {
                let there = left.saturating_add(charged);
                self.beyond = self.beyond.saturating_add(actual.saturating_sub(there));
                *left = there.saturating_sub(actual);
            }
        }
    }

    /// So much and no more, as it was told before; any word that comes replaces it.
    pub(super) fn of_room(room: Room, now: Instant) -> Word {
        let until = now.saturating_add(room.lasts);
        let form = Form::Room { left: room.left, until };
        Word { call: None, started: Instant::EPOCH, form, beyond: 0 }
    }

    /// What it says, if that is so much and no more.
    pub(super) fn room(&self, now: Instant) -> Option<Room> {
        match &self.form {
            Form::Room { left, until } if *until > now => {
                Some(Room { left: *left, lasts: until.saturating_since(now) })
            }
            _ => None,
        }
    }

    /// After how long it says that a bucket is full.
    pub(super) fn full_in(&self, now: Instant) -> Duration {
        match &self.form {
            Form::Level(bucket) => bucket.full_in(now),
            _ => Duration::ZERO,
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        match &self.form {
            Form::Level(bucket) => bucket.used(now) == 0,
            Form::Foreign { leaves_nanos, .. } => *leaves_nanos <= now.as_nanos(),
            Form::Room { until, .. } => *until <= now,
        }
    }

    /// From when on it says nothing any more.
    pub(super) fn idle_at(&self) -> Instant {
        match &self.form {
            Form::Level(bucket) => bucket.idle_at(),
            Form::Foreign { leaves_nanos, .. } => Instant::from_nanos(*leaves_nanos),
            Form::Room { until, .. } => *until,
        }
    }
}

impl Rate {
    /// Takes in what the provider said. If nothing at all is left for longer than was known, says
    /// until when.
    pub(crate) fn hear(&mut self, said: &Said, now: Instant) -> Option<Instant> {
        let out = self.in_flight.saturating_sub(said.charged);
        let room = said.remaining.saturating_sub(out);
        let stale = self.word.as_ref().is_some_and(|word| word.started > said.started);
        if stale && self.ready_at(0, room.saturating_add(1), now) > now {
            return None;
        }
        let known = self.spent_until();
        self.forget_word(now);
        let form = self.form(room, said.resets, now);
        if let Some(form) = form {
            let (call, started) = (Some(said.call), said.started);
            let beyond = out.saturating_sub(said.remaining);
            self.word = Some(Box::new(Word { call, started, form, beyond }));
        }
        let until = self.spent_until().filter(|_| said.remaining == 0);
        until.filter(|until| known.is_none_or(|known| *until > known))
    }

    /// The truth about a charge. Of the call that the word came with the provider had counted what
    /// it counts: there is as much left by the word as before.
    pub(super) fn settle_word(
        &mut self,
        charged: u64,
        actual: u64,
        started: Instant,
        call: CallId,
    ) {
        let Some(word) = self.word.as_deref_mut() else { return };
        if word.call != Some(call) {
            word.settle(charged, actual, started);
        } else if let (Form::Foreign { leaves_nanos, short }, Kind::Sliding(sliding)) =
            (&mut word.form, &mut self.kind)
        {
            let before = units(*short);
            *short += i128::from(charged) - i128::from(actual);
            sliding.recharge(*leaves_nanos, before, units(*short));
        }
    }

    /// What was said of a rate that this one replaces still holds: as much is left.
    pub(super) fn carry_on_word(&mut self, old: &mut Rate, now: Instant) {
        old.forget_past_word(now);
        let Some(mut word) = old.word.take() else { return };
        match (&mut word.form, &mut self.kind, &old.kind) {
            (Form::Level(level), Kind::Bucket(bucket), _) => *level = bucket.as_low_as(level, now),
            (
                Form::Foreign { leaves_nanos, short },
                Kind::Sliding(sliding),
                Kind::Sliding(before),
            ) => {
                *leaves_nanos = sliding.carried(before, *leaves_nanos);
                let was = units(*short);
                *short += i128::from(self.amount) - i128::from(old.amount);
                if *leaves_nanos <= now.as_nanos() {
                    return;
                }
                sliding.recharge(*leaves_nanos, was, units(*short));
                // What it was charged by the old figures is not given back.
                word.call = None;
            }
            _ => {}
        }
        self.word = Some(word);
    }

    /// Until when nothing at all is left by the last word, if it is one that says so.
    pub(crate) fn spent_until(&self) -> Option<Instant> {
        match &self.word.as_deref()?.form {
            Form::Room { left: 0, until } => Some(*until),
            _ => None,
        }
    }

    fn form(&mut self, room: u64, resets: Option<Instant>, now: Instant) -> Option<Form> {
        let refill = self.refill_nanos(room);
        let (amount, period) = (self.amount, self.period_nanos);
        let resets_in = resets.map(|at| at.as_nanos().saturating_sub(now.as_nanos()));
        let late = |most: u64| resets_in.is_some_and(|it| it > most.saturating_add(most / 4));
        match &mut self.kind {
            Kind::Bucket(bucket) if !late(refill.saturating_add(period / 64)) => {
                (room < bucket.burst()).then(|| Form::Level(bucket.at_level(room, now)))
            }
            Kind::Sliding(sliding) if !late(period) => {
                let ours = sliding.used_by_provider(period, now);
                let short = i128::from(amount) - i128::from(room) - i128::from(ours);
                let leaves_nanos = sliding.leaves_by(resets, now);
                sliding.charge_one(leaves_nanos, units(short), true);
                Some(Form::Foreign { leaves_nanos, short })
            }
            Kind::Calendar(calendar) => {
                let until = resets.unwrap_or_else(|| calendar.ends(now));
                (until > now).then_some(Form::Room { left: room, until })
            }
            _ => {
                let until = resets.filter(|until| *until > now)?;
                Some(Form::Room { left: room, until })
            }
        }
    }

    /// How long the rate takes to have all again if it has so much.
    fn refill_nanos(&self, room: u64) -> u64 {
        let missing = self.capacity().saturating_sub(room);
        crate::units::mul_div(missing, self.period_nanos, self.amount)
    }

    /// The word is no more, if it is over.
    pub(super) fn forget_past_word(&mut self, now: Instant) {
        if self.word.as_ref().is_some_and(|word| word.is_over(now)) {
            self.word = None;
        }
    }

    fn forget_word(&mut self, now: Instant) {
        let Some(word) = self.word.take() else { return };
        if let (Form::Foreign { leaves_nanos, short }, Kind::Sliding(sliding)) =
            (word.form, &mut self.kind)
            && leaves_nanos > now.as_nanos()
        {
            sliding.charge_one(leaves_nanos, units(short), false);
        }
    }
}

/// What is to be in the log of a window that is short of so much.
fn units(short: i128) -> u64 {
    u64::try_from(short.max(0)).unwrap_or(u64::MAX)
}
