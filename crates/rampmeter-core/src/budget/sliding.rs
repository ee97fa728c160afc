//! Sliding window: at most `N` units in _any_ period `P`, however it is placed.
//!
//! A log of what was taken and when it leaves the window, oldest first. Up to 1,024 units the log
//! is exact: a unit taken at `t` leaves at `t + P`. Above that the log is a ring of sub-windows of
//! `P/128`: a unit leaves with the end of the sub-window it was taken in, so the error is on the
//! safe side and at most 1/128 of the quota stays unused.
//!
//! What differs here: `transit` lengthens the period. A provider counts a call when it arrives,
//! which is later than the start by a latency that varies; calls whose latencies differ by up to
//! `transit` still keep to the provider's window.
//!
//! More than `N` may be taken when nothing else is in the window: `N` of it leave with the first
//! window, `N` with the next, and so on, so that the debt is paid.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use crate::time::{Instant, nanos};

const EXACT_UP_TO: u64 = 1024;
const SUB_WINDOWS: u64 = 128;

#[derive(Clone, Debug)]
pub(super) struct Sliding {
    amount: u64,
    window_nanos: u64,
    grain_nanos: u64,
    /// `(leaves, amount)`, rising.
    log: VecDeque<(u64, u64)>,
    used: u64,
    /// What was taken by then was taken in a window of another length, or not here at all.
    carried_nanos: Option<u64>,
}

impl Sliding {
    pub(super) fn new(amount: u64, period_nanos: u64, transit_nanos: u64) -> Sliding {
        let grain_nanos =
            if amount <= EXACT_UP_TO { 1 } else { period_nanos.div_ceil(SUB_WINDOWS) };
        let window_nanos = period_nanos.saturating_add(transit_nanos);
        let (log, carried_nanos) = (VecDeque::new(), None);
        Sliding { amount, window_nanos, grain_nanos, log, used: 0, carried_nanos }
    }

    /// What started by now was never charged here.
    pub(super) fn begin(&mut self, now: Instant) {
        self.carried_nanos = Some(now.as_nanos());
    }

    /// Takes over what is in the window of a log that this one replaces. If the window has another
    /// length, what was taken leaves that much sooner or later.
    pub(super) fn carry_on(&mut self, old: &mut Sliding, now: Instant) {
        old.expire(now);
        for (leaves, amount) in &old.log {
            self.log.push_back((self.carried(old, *leaves), *amount));
        }
        self.used = old.used;
        self.begin(now);
        self.expire(now);
    }

    /// When leaves here what was to leave a window that this one replaces.
    pub(super) fn carried(&self, old: &Sliding, leaves: u64) -> u64 {
        leaves.saturating_sub(old.window_nanos).saturating_add(self.window_nanos)
    }

    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        if amount == 0 {
            return;
        }
        self.expire(now);
        self.charge(amount, now, true);
    }

    /// A charge made at `started` was `charged`, and should have been `actual`. What has left the
    /// window stays left. A charge from before a change of the window is not found any more, and
    /// nothing of it is given back.
    pub(super) fn settle(&mut self, charged: u64, actual: u64, started: Instant, now: Instant) {
        if self.carried_nanos.is_some_and(|carried| started.as_nanos() <= carried) {
            self.charge(actual.saturating_sub(charged), started, true);
        } else {
            self.charge(charged, started, false);
            self.charge(actual, started, true);
        }
        self.expire(now);
    }

    /// Puts a charge made at `at` into the log, or takes it out.
    fn charge(&mut self, mut amount: u64, at: Instant, add: bool) {
        let mut leaves = self.leaves(at);
        while amount > 0 {
            let part = amount.min(self.amount);
            self.charge_one(leaves, part, add);
            amount -= part;
            leaves = leaves.saturating_add(self.window_nanos);
        }
    }

    /// Of what leaves then so much is to be another amount.
    pub(super) fn recharge(&mut self, leaves: u64, before: u64, after: u64) {
        self.charge_one(leaves, after.abs_diff(before), after > before);
    }

    pub(super) fn charge_one(&mut self, leaves: u64, amount: u64, add: bool) {
        if amount == 0 {
            return;
        }
        let at = match self.log.back() {
            Some((last, _)) if *last < leaves => self.log.len(),
            _ => self.log.partition_point(|(it, _)| *it < leaves),
        };
        match self.log.get_mut(at) {
            Some((it, sum)) if *it == leaves => {
                let before = *sum;
                *sum = if add { sum.saturating_add(amount) } else { sum.saturating_sub(amount) };
                self.used = self.used.saturating_sub(before).saturating_add(*sum);
                if *sum == 0 {
                    self.log.remove(at);
                }
            }
            _ if add => {
                self.log.insert(at, (leaves, amount));
                self.used = self.used.saturating_add(amount);
            }
            // It has left the window.
            _ => {}
        }
    }

    pub(super) fn ready_at(&mut self, taken: u64, need: u64, now: Instant) -> Instant {
        self.expire(now);
        let wanted = taken.saturating_add(need.min(self.amount));
        let used = self.used.saturating_add(wanted);
        if used <= self.amount || need == 0 {
            return now;
        }
        let mut missing = used - self.amount;
        for (leaves, amount) in &self.log {
            missing = missing.saturating_sub(*amount);
            if missing == 0 {
                return Instant::from_nanos(*leaves);
            }
        }
        // Only what would be taken now is still in the way.
        Instant::from_nanos(self.leaves(now))
    }

    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.expire(now);
        self.used
    }

    /// What of it a provider counts that knows neither `transit` nor sub-windows: what is kept here
    /// for longer than `period_nanos` has left there, and is not ours among what it counts.
    pub(super) fn used_by_provider(&mut self, period_nanos: u64, now: Instant) -> u64 {
        self.expire(now);
        let longer = self.window_nanos.saturating_sub(period_nanos);
        let longer = longer.saturating_add(self.grain_nanos - 1);
        let left = now.as_nanos().saturating_add(longer);
        let gone = self.log.iter().take_while(|(leaves, _)| *leaves <= left);
        let gone: u64 = gone.fold(0, |sum, (_, amount)| sum.saturating_add(*amount));
        self.used.saturating_sub(gone)
    }

    /// The window, and what is in it: after how long it leaves, and how much.
    pub(super) fn taken(&self, now: Instant) -> (Duration, Vec<(Duration, u64)>) {
        let leaves_in = |leaves: u64| Instant::from_nanos(leaves).saturating_since(now);
        let taken = self.log.iter().map(|(leaves, amount)| (leaves_in(*leaves), *amount));
        let taken = taken.filter(|(leaves_in, _)| !leaves_in.is_zero());
        (Duration::from_nanos(self.window_nanos), taken.collect())
    }

    /// More was taken. If this window is longer or shorter than the one it was said of, it leaves
    /// that much later or sooner, but never later than the most that one call takes.
    pub(super) fn restore(&mut self, window: Duration, taken: &[(Duration, u64)], now: Instant) {
        self.expire(now);
        let last = now.as_nanos().saturating_add(super::most_of(self.window_nanos));
        for (leaves_in, amount) in taken.iter().filter(|(_, amount)| *amount > 0) {
            let shifted = nanos(*leaves_in).saturating_add(self.window_nanos);
            let leaves = now.as_nanos().saturating_add(shifted.saturating_sub(nanos(window)));
            if leaves > now.as_nanos() {
                self.charge_one(leaves.min(last), *amount, true);
            }
        }
    }

    pub(super) fn idle_at(&self) -> Instant {
        Instant::from_nanos(self.log.back().map_or(0, |(leaves, _)| *leaves))
    }

    fn expire(&mut self, now: Instant) {
        while let Some((leaves, amount)) = self.log.front() {
            if *leaves > now.as_nanos() {
                break;
            }
            self.used = self.used.saturating_sub(*amount);
            self.log.pop_front();
        }
    }

    /// When what was taken by `now` has left at the latest, or `resets` if that is sooner.
    pub(super) fn leaves_by(&self, resets: Option<Instant>, now: Instant) -> u64 {
        let resets = resets.map_or(u64::MAX, Instant::as_nanos);
        self.leaves(now).min(resets.max(now.as_nanos().saturating_add(1)))
    }

    fn leaves(&self, now: Instant) -> u64 {
        let end = now.as_nanos().div_ceil(self.grain_nanos).saturating_mul(self.grain_nanos);
        end.saturating_add(self.window_nanos)
    }
}
