//! Charges that are on the disk before the calls that they are for are admitted.
//!
//! A write says of each rate that was charged since the last one that some more was: a _lease_.
//! While a charge fits into the lease, the file covers it already, and its call is admitted at
//! once. Otherwise the call is _held_: it has its slots, and gets its permit when a write that
//! covers it is done. Calls that are held together share one write.
//!
//! **How much.** As much as was charged since the last write, at least 1/64 and at most 1/16 of
//! the rate's amount: a gate under load writes less often, and one that dies leaves at most 1/16
//! of a quota charged in vain, until that leaves its window. A lease ends after 2 s, and with the
//! calendar window it was written in; what it was for is charged as of its end, the latest moment
//! at which it can have been used. A write that finds a rate at rest gives its lease back.
//!
//! **While a write is on its way** nobody knows which file a crash would leave. So what is charged
//! then must be covered by both: by what is left of the old lease, and by the new one, from which
//! it is taken off.

use std::collections::HashMap;
use std::time::Duration;

use rampmeter_core::{CallId, Engine, Instant, RateId, RateUsage, Usage, Used};

const VALID_FOR: Duration = Duration::from_secs(2);
const LEAST_PART: u64 = 64;
const MOST_PART: u64 = 16;

#[derive(Default)]
pub(super) struct Leases {
    leases: HashMap<RateId, Lease>,
    /// What was charged since the last draft.
    charged: HashMap<RateId, u64>,
    /// The leases of the write that is on its way.
    drafted: HashMap<RateId, Lease>,
    /// Calls that no write on its way covers.
    held: Vec<CallId>,
}

#[derive(Clone, Copy)]
struct Lease {
    size: u64,
    left: u64,
    until: Instant,
}

/// Whether a call's charges are on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cover {
    Whole,
    /// They are, but little is left: time to write.
    Low,
    Missing,
}

impl Leases {
    /// Charges a call that the engine has admitted.
    pub(super) fn charge(&mut self, engine: &Engine, call: CallId, now: Instant) -> Cover {
        let mut cover = Cover::Whole;
        for (rate, units) in engine.charges(call) {
            let charged = self.charged.entry(rate).or_default();
            *charged = charged.saturating_add(units);
            match self.leases.get_mut(&rate) {
                Some(lease) if lease.left >= units && now < lease.until => {
                    lease.left -= units;
                    let soon = now.saturating_add(VALID_FOR / 2) > lease.until;
                    // A write on its way brings new ones.
                    let none_comes = self.drafted.is_empty();
                    if cover == Cover::Whole && none_comes && (soon || lease.left <= lease.size / 2)
                    {
                        cover = Cover::Low;
                    }
                }
                _ => cover = Cover::Missing,
            }
        }
        cover
    }

    /// A call waits for a write; says whether it is the first.
    pub(super) fn hold(&mut self, call: CallId) -> bool {
        self.held.push(call);
        self.held.len() == 1
    }

    pub(super) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether something was charged in advance that nobody has used.
    pub(super) fn any_lent(&self) -> bool {
        !self.leases.is_empty()
    }

    /// Adds leases to what is about to be written. Returns the calls that it covers.
    pub(super) fn draft(&mut self, usages: &mut [Usage], now: Instant) -> Vec<CallId> {
        let charged = std::mem::take(&mut self.charged);
        self.drafted.clear();
        for rate in usages.iter_mut().flat_map(|usage| &mut usage.rates) {
            if let Some(units) = charged.get(&rate.id) {
                let (size, valid_for) = lend(rate, *units);
                let until = now.saturating_add(valid_for);
                self.drafted.insert(rate.id, Lease { size, left: size, until });
            }
        }
        for (rate, lease) in &mut self.leases {
            lease.left = lease.left.min(self.drafted.get(rate).map_or(0, |drafted| drafted.size));
        }
        std::mem::take(&mut self.held)
    }

    /// What was drafted is on the disk, or perhaps not.
    pub(super) fn written(&mut self, done: bool) {
        let drafted = std::mem::take(&mut self.drafted);
        if done {
            self.leases = drafted;
            for (rate, lease) in &mut self.leases {
                let since = self.charged.get(rate).copied().unwrap_or(0);
                lease.left = lease.left.saturating_sub(since);
            }
        }
    }

    /// Rates have other figures, or other places: nothing is covered any more.
    pub(super) fn revoke(&mut self) {
        self.leases.clear();
        // Those on their way speak of the old ones.
        self.drafted.clear();
    }
}

/// Charges a rate in advance; by how much, and for how long that is good.
fn lend(rate: &mut RateUsage, units: u64) -> (u64, Duration) {
    let most = (rate.amount / MOST_PART).max(1);
    let size = units.clamp((rate.amount / LEAST_PART).max(1), most);
    if let Some(word) = &mut rate.word {
        word.left = word.left.saturating_sub(size);
    }
    match &mut rate.used {
        Used::Sliding { window, taken } => taken.push((VALID_FOR.saturating_add(*window), size)),
        Used::Bucket { full_in } => {
            let period = rate.period.as_nanos();
            let refill = (u128::from(size) * period).div_ceil(u128::from(rate.amount.max(1)));
            let refill = Duration::from_nanos(u64::try_from(refill).unwrap_or(u64::MAX));
            *full_in = VALID_FOR.max(*full_in).saturating_add(refill);
        }
        Used::Calendar { units, ends_in, .. } => {
            *units = units.saturating_add(size);
            return (size, VALID_FOR.min(*ends_in));
        }
    }
    (size, VALID_FOR)
}
