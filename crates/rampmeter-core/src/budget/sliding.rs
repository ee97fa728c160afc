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
}

impl Sliding {
    pub(super) fn new(amount: u64, period_nanos: u64, transit_nanos: u64) -> Sliding {
        let grain_nanos =
            if amount <= EXACT_UP_TO { 1 } else { period_nanos.div_ceil(SUB_WINDOWS) };
        let window_nanos = period_nanos.saturating_add(transit_nanos);
        Sliding { amount, window_nanos, grain_nanos, log: VecDeque::new(), used: 0 }
    }

    /// Takes over what is in the window of a log that this one replaces. If the window has another
    /// length, what was taken leaves that much sooner or later.
    pub(super) fn carry_on(&mut self, old: &mut Sliding, now: Instant) {
        old.expire(now);
        for (leaves, amount) in &old.log {
            let taken = leaves.saturating_sub(old.window_nanos);
            self.log.push_back((taken.saturating_add(self.window_nanos), *amount));
        }
        self.used = old.used;
        self.expire(now);
    }

    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        if amount == 0 {
            return;
        }
        self.expire(now);
        let leaves = self.leaves(now);
        match self.log.back_mut() {
            Some((last, sum)) if *last == leaves => *sum = sum.saturating_add(amount),
            _ => self.log.push_back((leaves, amount)),
        }
        self.used = self.used.saturating_add(amount);
    }

    pub(super) fn ready_at(&mut self, taken: u64, need: u64, now: Instant) -> Option<Instant> {
        if need > self.amount {
            return None;
        }
        self.expire(now);
        let room = self.amount.saturating_sub(self.used);
        let wanted = taken.saturating_add(need);
        if wanted <= room {
            return Some(now);
        }
        let mut missing = wanted - room;
        for (leaves, amount) in &self.log {
            missing = missing.saturating_sub(*amount);
            if missing == 0 {
                return Some(Instant::from_nanos(*leaves));
            }
        }
        // Only what would be taken now is still in the way.
        Some(Instant::from_nanos(self.leaves(now)))
    }

    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.expire(now);
        self.used
    }

    /// The window, and what is in it: after how long it leaves, and how much.
    pub(super) fn taken(&self, now: Instant) -> (Duration, Vec<(Duration, u64)>) {
        let leaves_in = |leaves: u64| Instant::from_nanos(leaves).saturating_since(now);
        let taken = self.log.iter().map(|(leaves, amount)| (leaves_in(*leaves), *amount));
        let taken = taken.filter(|(leaves_in, _)| !leaves_in.is_zero());
        (Duration::from_nanos(self.window_nanos), taken.collect())
    }

    /// More was taken. If this window is longer or shorter than the one it was said of, it leaves
    /// that much later or sooner, but never later than what is taken now.
    pub(super) fn restore(&mut self, window: Duration, taken: &[(Duration, u64)], now: Instant) {
        self.expire(now);
        let last = self.leaves(now);
        for (leaves_in, amount) in taken.iter().filter(|(_, amount)| *amount > 0) {
            let shifted = nanos(*leaves_in).saturating_add(self.window_nanos);
            let leaves = now.as_nanos().saturating_add(shifted.saturating_sub(nanos(window)));
            if leaves > now.as_nanos() {
                self.log.push_back((leaves.min(last), *amount));
                self.used = self.used.saturating_add(*amount);
            }
        }
        self.log.make_contiguous().sort_unstable();
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

    fn leaves(&self, now: Instant) -> u64 {
        let end = now.as_nanos().div_ceil(self.grain_nanos).saturating_mul(self.grain_nanos);
        end.saturating_add(self.window_nanos)
    }
}
