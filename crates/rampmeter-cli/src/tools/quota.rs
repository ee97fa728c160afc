//! A provider's quota, judged by counting over the provider's request log.
//!
//! Shares no code with any limiter. All arithmetic is exact: a bucket's level is counted in
//! units × nanoseconds, of which a unit has `period_ns` and each nanosecond refills `amount`.

use std::fmt;
use std::time::Duration;

/// A request as the provider saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// When it arrived.
    pub time_ns: u64,
    /// The tokens it cost.
    pub tokens: u64,
    /// Whether it was accepted, or answered with 429.
    pub accepted: bool,
}

/// At most `amount` of a unit in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// What is counted.
    pub unit: Unit,
    /// How much of it a period allows.
    pub amount: u64,
    /// The length of a period; 0 counts as 1.
    pub period_ns: u64,
    /// Which periods are meant.
    pub kind: Kind,
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Each request counts 1.
    Requests,
    /// Each request counts its tokens.
    Tokens,
}

/// Which periods a quota speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any period: what was accepted in `(t - period, t]` counts at `t`.
    Sliding,
    /// A bucket, full at first, that `amount` refills evenly over each period.
    Bucket {
        /// How much the bucket holds.
        burst: u64,
    },
    /// Aligned periods: what was accepted since the last boundary counts.
    Calendar {
        /// How far local time is ahead of time 0's (east of UTC is positive). Boundaries are where
        /// `t + offset_ns` is a whole number of periods.
        offset_ns: i64,
    },
}

/// How far a quota has counted the log. Entries before `start` no longer matter to it; those from
/// `end` on are not yet counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    start: usize,
    end: usize,
    /// Of a window: what the entries from `start` to `end` use.
    used: u128,
    /// Of a bucket: what was missing from it at `missing_at_ns`, in units × nanoseconds.
    missing: u128,
    missing_at_ns: u64,
}

impl Quota {
    /// When the quota allows such a request, if no other comes first: `now_ns` or later, or never.
    /// The log is in order of time, and `now_ns` is not before its end.
    pub(super) fn earliest_ns(
        &self,
        tally: &mut Tally,
        log: &[Request],
        now_ns: u64,
        tokens: u64,
    ) -> Option<u64> {
        let cost = u128::from(self.cost(tokens));
        match self.kind {
            Kind::Sliding => self.in_any_period(tally, log, now_ns, cost),
            Kind::Bucket { burst } => self.in_bucket(tally, log, now_ns, cost, burst),
            Kind::Calendar { offset_ns } => self.in_calendar(tally, log, now_ns, cost, offset_ns),
        }
    }

    fn in_any_period(
        &self,
        tally: &mut Tally,
        log: &[Request],
        now_ns: u64,
        cost: u128,
    ) -> Option<u64> {
        let amount = u128::from(self.amount);
        let leaves_ns = |request: &Request| request.time_ns.checked_add(self.period_ns.max(1));
        self.count(tally, log, |request| leaves_ns(request).is_some_and(|at_ns| at_ns <= now_ns));
        let (mut used, mut at_ns) = (tally.used, now_ns);
        for request in &log[tally.start..] {
            if used + cost <= amount {
                break;
            }
            used -= self.used_by(request);
            at_ns = leaves_ns(request)?;
        }
        (used + cost <= amount).then_some(at_ns)
    }

    fn in_calendar(
        &self,
        tally: &mut Tally,
        log: &[Request],
        now_ns: u64,
        cost: u128,
        offset_ns: i64,
    ) -> Option<u64> {
        let amount = u128::from(self.amount);
        let period = i128::from(self.period_ns.max(1));
        let into_period = (i128::from(now_ns) + i128::from(offset_ns)).rem_euclid(period);
        let boundary = i128::from(now_ns) - into_period;
        self.count(tally, log, |request| i128::from(request.time_ns) < boundary);
        if tally.used + cost <= amount {
            return Some(now_ns);
        }
        u64::try_from(boundary + period).ok().filter(|_| cost <= amount)
    }

    fn in_bucket(
        &self,
        tally: &mut Tally,
        log: &[Request],
        now_ns: u64,
        cost: u128,
        burst: u64,
    ) -> Option<u64> {
        let unit = u128::from(self.period_ns.max(1));
        let refilled = |since_ns: u64, until_ns: u64| {
            u128::from(until_ns.saturating_sub(since_ns)) * u128::from(self.amount)
        };
        for request in log[tally.end..].iter().filter(|request| request.accepted) {
            let left = tally.missing.saturating_sub(refilled(tally.missing_at_ns, request.time_ns));
            tally.missing = left + self.used_by(request) * unit;
            tally.missing_at_ns = request.time_ns;
        }
        tally.end = log.len();
        let missing = tally.missing.saturating_sub(refilled(tally.missing_at_ns, now_ns));
        // What must flow in first, so that the cost fits between what is missing and the size.
        let room = u128::from(burst).checked_sub(cost)? * unit;
        let excess = missing.saturating_sub(room);
        if excess == 0 {
            return Some(now_ns);
        }
        let wait_ns = (self.amount > 0).then(|| excess.div_ceil(u128::from(self.amount)))?;
        u64::try_from(u128::from(now_ns) + wait_ns).ok()
    }

    /// Takes the new entries of the log into a window, and out of it those that have left.
    fn count(&self, tally: &mut Tally, log: &[Request], has_left: impl Fn(&Request) -> bool) {
        tally.used += log[tally.end..].iter().map(|request| self.used_by(request)).sum::<u128>();
        tally.end = log.len();
        while let Some(request) = log.get(tally.start).filter(|request| has_left(request)) {
            tally.used -= self.used_by(request);
            tally.start += 1;
        }
    }

    fn used_by(&self, request: &Request) -> u128 {
        if request.accepted { u128::from(self.cost(request.tokens)) } else { 0 }
    }

    fn cost(&self, tokens: u64) -> u64 {
        match self.unit {
            Unit::Requests => 1,
            Unit::Tokens => tokens,
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Requests => "requests",
            Unit::Tokens => "tokens",
        };
        let (amount, period) = (self.amount, Duration::from_nanos(self.period_ns));
        match self.kind {
            Kind::Sliding => write!(f, "{amount} {unit} in any {period:?}"),
            Kind::Bucket { burst } => write!(f, "{amount} {unit} each {period:?}, burst {burst}"),
            Kind::Calendar { .. } => write!(f, "{amount} {unit} in each calendar {period:?}"),
        }
    }
}
