//! Fixed window aligned to the calendar: at most `N` units between two boundaries.
//!
//! The engine has no calendar. The end of the present window is an input; the ends after it
//! follow by the period until the caller, who knows zones and clock steps, says otherwise.
//!
//! More than `N` may be taken at the beginning of a window: what is beyond `N` counts in the next.

use core::time::Duration;

use crate::time::Instant;

#[derive(Clone, Debug)]
pub(super) struct Calendar {
    amount: u64,
    period_nanos: u64,
    ends_nanos: u64,
    /// When the present window began, as far as is known.
    began_nanos: u64,
    /// What started at that very moment may have been charged in the window before, if the caller
    /// has ended that one then, or never if the rate is no older.
    is_unsure: bool,
    /// When something was taken last.
    taken_nanos: u64,
    used: u64,
    /// As much of it as is beyond `N` and yet no debt: there was room for it when it was taken.
    granted: u64,
}

impl Calendar {
    pub(super) fn new(amount: u64, period_nanos: u64, ends: Instant) -> Calendar {
        let ends_nanos = ends.as_nanos();
        Calendar {
            amount,
            period_nanos,
            ends_nanos,
            began_nanos: 0,
            is_unsure: false,
            taken_nanos: u64::MAX,
            used: 0,
            granted: 0,
        }
    }

    /// What started before was never charged here.
    pub(super) fn begin(&mut self, now: Instant) {
        self.roll(now);
        (self.began_nanos, self.is_unsure) = (now.as_nanos(), true);
    }

    /// Takes over what was used in the present window of one that this one replaces. The window
    /// ends where it did, if the period is the same.
    pub(super) fn carry_on(&mut self, old: &mut Calendar, now: Instant) {
        old.roll(now);
        self.roll(now);
        if self.period_nanos == old.period_nanos {
            self.ends_nanos = old.ends_nanos;
        }
        (self.began_nanos, self.is_unsure) = (old.began_nanos, old.is_unsure);
        self.taken_nanos = old.taken_nanos;
        self.used = old.used;
        let room = old.amount.saturating_add(old.granted);
        self.granted = old.used.min(room).saturating_sub(self.amount);
    }

    pub(super) fn take(&mut self, amount: u64, now: Instant) {
        self.taken_nanos = now.as_nanos();
        self.used = self.used.saturating_add(amount);
    }

    /// A charge made at `started` was `charged`, and should have been `actual`; of another window
    /// than the present one it is past.
    pub(super) fn settle(&mut self, charged: u64, actual: u64, started: Instant, now: Instant) {
        self.roll(now);
        if started.as_nanos() >= self.began_nanos {
            let unsure = self.is_unsure && started.as_nanos() == self.began_nanos;
            // Then nothing is given back, and only what is more counts.
            let (charged, actual) =
                if unsure { (0, actual.saturating_sub(charged)) } else { (charged, actual) };
            self.used = self.used.saturating_sub(charged).saturating_add(actual);
            // What was given back is neither debt nor room for any.
            self.granted = self.granted.min(self.used.saturating_sub(self.amount));
        }
    }

    pub(super) fn ready_at(&mut self, taken: u64, need: u64, now: Instant) -> Instant {
        self.roll(now);
        let wanted = taken.saturating_add(need.min(self.amount));
        let used = self.used.saturating_add(wanted);
        if used <= self.amount || need == 0 {
            return now;
        }
        let used = used.saturating_sub(self.granted).max(self.amount);
        // With debt, later windows are full as well.
        let later = (used - self.amount).div_ceil(self.amount).saturating_sub(1);
        let later = later.saturating_mul(self.period_nanos);
        Instant::from_nanos(self.ends_nanos.saturating_add(later))
    }

    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.roll(now);
        self.used
    }

    /// What is used in the present window, how much of that counts in later ones, and after how
    /// long it ends.
    pub(super) fn present(&self, now: Instant) -> (u64, u64, Duration) {
        let mut present = self.clone();
        present.roll(now);
        let ends_in = Instant::from_nanos(present.ends_nanos).saturating_since(now);
        (present.used, present.debt(), ends_in)
    }

    /// So much more was used in the present window, of which `debt` counts in later ones.
    pub(super) fn restore(&mut self, units: u64, debt: u64, now: Instant) {
        self.roll(now);
        let most = super::most_of(self.amount);
        let debt = self.debt().saturating_add(debt.min(units)).min(most);
        self.used = self.used.saturating_add(units).min(most.saturating_add(self.amount));
        self.granted = self.used.saturating_sub(debt).saturating_sub(self.amount);
    }

    fn debt(&self) -> u64 {
        self.used.saturating_sub(self.amount.saturating_add(self.granted))
    }

    pub(super) fn idle_at(&mut self, now: Instant) -> Instant {
        self.roll(now);
        if self.used == 0 {
            return Instant::EPOCH;
        }
        let counted = self.used.saturating_sub(self.granted).saturating_sub(1);
        let later = (counted / self.amount).saturating_mul(self.period_nanos);
        Instant::from_nanos(self.ends_nanos.saturating_add(later))
    }

    pub(super) fn ends(&mut self, now: Instant) -> Instant {
        self.roll(now);
        Instant::from_nanos(self.ends_nanos)
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
        // Whoever was charged in it has found it rolled. Its boundary may be long before what was
        // charged in the last one, if the caller has moved it.
        (self.began_nanos, self.is_unsure) = (now, self.taken_nanos == now);
        self.ends_nanos = self.ends_nanos.saturating_add(later);
        let past = self.amount.saturating_mul(whole.saturating_add(1));
        self.used = self.used.saturating_sub(self.granted).saturating_sub(past);
        self.granted = 0;
    }
}
