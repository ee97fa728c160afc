//! Fixed window aligned to the calendar: at most `N` units between two boundaries.
//!
//! The engine has no calendar. The end of the present window is an input; the ends after it
//! follow by the period until the caller, who knows zones and clock steps, says otherwise.

use core::time::Duration;

use crate::time::Instant;

#[derive(Clone, Debug)]
pub(super) struct Calendar {
    amount: u64,
    period_nanos: u64,
    ends_nanos: u64,
    used: u64,
}

impl Calendar {
    pub(super) fn new(amount: u64, period_nanos: u64, ends: Instant) -> Calendar {
        Calendar { amount, period_nanos, ends_nanos: ends.as_nanos(), used: 0 }
    }

    /// Takes over what was used in the present window of one that this one replaces. The window
    /// ends where it did, if the period is the same.
    pub(super) fn carry_on(&mut self, old: &mut Calendar, now: Instant) {
        old.roll(now);
        self.roll(now);
        if self.period_nanos == old.period_nanos {
            self.ends_nanos = old.ends_nanos;
        }
        self.used = old.used;
    }

    pub(super) fn take(&mut self, amount: u64) {
        self.used = self.used.saturating_add(amount);
    }

    pub(super) fn ready_at(&mut self, taken: u64, need: u64, now: Instant) -> Option<Instant> {
        if need > self.amount {
            return None;
        }
        self.roll(now);
        let wanted = taken.saturating_add(need);
        if wanted <= self.amount.saturating_sub(self.used) {
            return Some(now);
        }
        Some(Instant::from_nanos(self.ends_nanos))
    }

    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.roll(now);
        self.used
    }

    /// What is used in the present window, and after how long it ends: not at all if it has.
    pub(super) fn present(&self, now: Instant) -> (u64, Duration) {
        (self.used, Instant::from_nanos(self.ends_nanos).saturating_since(now))
    }

    /// So much more was used in the present window.
    pub(super) fn restore(&mut self, units: u64, now: Instant) {
        self.roll(now);
        self.used = self.used.saturating_add(units);
    }

    pub(super) fn idle_at(&mut self, now: Instant) -> Instant {
        self.roll(now);
        if self.used == 0 { Instant::EPOCH } else { Instant::from_nanos(self.ends_nanos) }
    }

    /// The present window ends at `ends` instead. What was used in it stays used.
    pub(super) fn align(&mut self, now: Instant, ends: Instant) {
        self.roll(now);
        self.ends_nanos = ends.as_nanos();
    }

    fn roll(&mut self, now: Instant) {
        let now = now.as_nanos();
        if now < self.ends_nanos {
            return;
        }
        let whole = (now - self.ends_nanos) / self.period_nanos;
        let later = whole.saturating_add(1).saturating_mul(self.period_nanos);
        self.ends_nanos = self.ends_nanos.saturating_add(later);
        self.used = 0;
    }
}
