//! What is left of one quota, in exact whole numbers.
//!
//! A bucket's level is counted as what is missing from it, in units × nanoseconds: a unit is
//! `period_ns` of them, and each nanosecond brings `amount`. A sliding window is the plain log of
//! what was accepted in it. Charges may exceed the quota where a provider counts afterwards.

use std::collections::VecDeque;

use crate::quota::{Kind, Quota};

/// One quota and what was charged to it. Time never goes back.
#[derive(Debug, Clone)]
pub struct Meter {
    quota: Quota,
    /// Where the provider's clock was in its day when it began to count.
    phase_ns: u64,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Bucket { missing: u128, at_ns: u64 },
    Sliding { log: VecDeque<(u64, u64)>, used: u64 },
    Calendar { window: u64, used: u64 },
}

impl Meter {
    /// Nothing is used yet. `phase_ns` is how far into its day the clock is at time 0.
    pub fn new(quota: Quota, phase_ns: u64) -> Meter {
        let state = match quota.kind {
            Kind::Bucket { .. } => State::Bucket { missing: 0, at_ns: 0 },
            Kind::Sliding => State::Sliding { log: VecDeque::new(), used: 0 },
            Kind::Calendar => State::Calendar { window: 0, used: 0 },
        };
        Meter { quota, phase_ns, state }
    }

    /// The quota it counts.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// How long until it would accept so much, if nobody else came first: 0 if now, `None` if never.
    pub fn wait_ns(&mut self, now_ns: u64, amount: u64) -> Option<u64> {
        self.catch_up(now_ns);
        if amount > self.quota.size() {
            return None;
        }
        match &self.state {
            State::Bucket { missing, .. } => {
                let room = self.in_bucket(self.quota.size() - amount);
                self.flows_in_ns(missing.saturating_sub(room))
            }
            State::Sliding { log, used } => {
                let mut used = *used;
                let mut at_ns = now_ns;
                for (time_ns, taken) in log {
                    if used.saturating_add(amount) <= self.quota.amount {
                        break;
                    }
                    used = used.saturating_sub(*taken);
                    at_ns = time_ns.saturating_add(self.quota.period_ns);
                }
                Some(at_ns.saturating_sub(now_ns))
            }
            State::Calendar { used, .. } => {
                let fits = used.saturating_add(amount) <= self.quota.amount;
                Some(if fits { 0 } else { self.window_ends_ns(now_ns) - now_ns })
            }
        }
    }

    /// Charges so much, whether or not there is room for it.
    pub fn charge(&mut self, now_ns: u64, amount: u64) {
        self.catch_up(now_ns);
        let more = self.in_bucket(amount);
        match &mut self.state {
            State::Bucket { missing, .. } => *missing = missing.saturating_add(more),
            State::Sliding { log, used } => {
                *used = used.saturating_add(amount);
                match log.back_mut() {
                    Some((time_ns, sum)) if *time_ns == now_ns => *sum = sum.saturating_add(amount),
                    _ => log.push_back((now_ns, amount)),
                }
            }
            State::Calendar { used, .. } => *used = used.saturating_add(amount),
        }
    }

    /// What was charged at `then_ns` as `charged` was really `really`: the window it was charged to
    /// is put right, if it still counts.
    pub fn correct(&mut self, now_ns: u64, then_ns: u64, charged: u64, really: u64) {
        self.catch_up(now_ns);
        let put_right = |sum: u64| sum.saturating_add(really).saturating_sub(charged);
        let (less, more) = (self.in_bucket(charged), self.in_bucket(really));
        let window = self.window(then_ns);
        match &mut self.state {
            State::Bucket { missing, .. } => {
                *missing = missing.saturating_add(more).saturating_sub(less);
            }
            State::Sliding { log, used } => {
                let at = log.partition_point(|(time_ns, _)| *time_ns < then_ns);
                if let Some((_, sum)) = log.get_mut(at).filter(|(time_ns, _)| *time_ns == then_ns) {
                    *sum = put_right(*sum);
                    *used = put_right(*used);
                }
            }
            State::Calendar { window: present, used } if *present == window => {
                *used = put_right(*used);
            }
            State::Calendar { .. } => {}
        }
    }

    /// What it would accept now, in whole units.
    pub fn remaining(&mut self, now_ns: u64) -> u64 {
        self.catch_up(now_ns);
        match &self.state {
            State::Bucket { missing, .. } => {
                let level = self.in_bucket(self.quota.size()).saturating_sub(*missing);
                u64::try_from(level / u128::from(self.quota.period_ns)).unwrap_or(u64::MAX)
            }
            State::Sliding { used, .. } | State::Calendar { used, .. } => {
                self.quota.amount.saturating_sub(*used)
            }
        }
    }

    /// How long until it is as at first, if nobody else comes.
    pub fn reset_ns(&mut self, now_ns: u64) -> u64 {
        self.catch_up(now_ns);
        match &self.state {
            State::Bucket { missing, .. } => self.flows_in_ns(*missing).unwrap_or(u64::MAX),
            State::Sliding { log, .. } => log.back().map_or(0, |(time_ns, _)| {
                time_ns.saturating_add(self.quota.period_ns).saturating_sub(now_ns)
            }),
            State::Calendar { .. } => self.window_ends_ns(now_ns) - now_ns,
        }
    }

    fn catch_up(&mut self, now_ns: u64) {
        let (amount, period_ns) = (self.quota.amount, self.quota.period_ns);
        let present = self.window(now_ns);
        match &mut self.state {
            State::Bucket { missing, at_ns } => {
                let passed = u128::from(now_ns.saturating_sub(*at_ns));
                *missing = missing.saturating_sub(passed * u128::from(amount));
                *at_ns = now_ns.max(*at_ns);
            }
            State::Sliding { log, used } => {
                while let Some((time_ns, sum)) = log.front() {
                    if time_ns.saturating_add(period_ns) > now_ns {
                        break;
                    }
                    *used = used.saturating_sub(*sum);
                    log.pop_front();
                }
            }
            State::Calendar { window, used } if *window != present => {
                *window = present;
                *used = 0;
            }
            State::Calendar { .. } => {}
        }
    }

    /// So many units, in a bucket's small ones.
    fn in_bucket(&self, units: u64) -> u128 {
        u128::from(units) * u128::from(self.quota.period_ns)
    }

    /// How long so much takes to flow into a bucket.
    fn flows_in_ns(&self, missing: u128) -> Option<u64> {
        if missing == 0 {
            return Some(0);
        }
        let amount = u128::from(self.quota.amount);
        (amount > 0).then(|| u64::try_from(missing.div_ceil(amount)).unwrap_or(u64::MAX))
    }

    /// The number of the calendar period that a moment is in.
    fn window(&self, at_ns: u64) -> u64 {
        self.phase_ns.saturating_add(at_ns) / self.quota.period_ns
    }

    fn window_ends_ns(&self, now_ns: u64) -> u64 {
        let after = self.window(now_ns).saturating_add(1).saturating_mul(self.quota.period_ns);
        after.saturating_sub(self.phase_ns)
    }
}

#[cfg(test)]
mod tests;
