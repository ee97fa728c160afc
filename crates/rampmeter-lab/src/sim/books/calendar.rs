//! A window that is aligned to the calendar: what was used since the last one was over.

use super::Charge;

#[derive(Clone, Debug)]
pub(super) struct Calendar {
    pub(super) ends: u64,
    pub(super) used: u64,
    /// So much of what is used is no debt, whatever the amount is now.
    pub(super) free: u64,
    /// How many windows were over before the present one.
    pub(super) window: u64,
    /// When a call was last charged.
    charged: Option<u64>,
    /// When the present window began, if calls were charged in the one before at that instant:
    /// the time of a call does not say in which of the two it was.
    pub(super) shared: Option<u64>,
}

impl Calendar {
    pub(super) fn new(ends: u64) -> Calendar {
        Calendar { ends, used: 0, free: 0, window: 0, charged: None, shared: None }
    }

    pub(super) fn take(&mut self, amount: u64, now: u64) {
        self.used += amount;
        self.charged = Some(now);
    }

    pub(super) fn correct(&mut self, charge: &Charge, actual: u64, amount: u64) {
        if charge.window == self.window {
            self.used = self.used.saturating_sub(charge.amount) + actual;
            // What is given back is no debt, and frees no later debt either.
            self.free = self.free.min(self.used.saturating_sub(amount));
        }
    }

    /// Windows that are over are forgotten, but for what they borrowed.
    pub(super) fn pass(&mut self, now: u64, period: u64, amount: u64) {
        if now < self.ends {
            return;
        }
        let windows = (now - self.ends) / period + 1;
        self.ends = self.ends.saturating_add(windows.saturating_mul(period));
        self.used = (self.used - self.free).saturating_sub(windows.saturating_mul(amount));
        (self.free, self.window) = (0, self.window + windows);
        self.shared = self.charged.filter(|charged| *charged == now);
    }
}
