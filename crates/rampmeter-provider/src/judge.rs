//! What a log proves, counted over from its entries alone: by other formulas than those by which
//! the provider decides, so that it is judged, too.

mod most;

use std::collections::BTreeMap;

use crate::log::{Entry, Who};
use crate::quota::{Kind, Quota};

pub use most::{Asked, room, soonest_ns};

/// What a log comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// How many calls came.
    pub calls: u64,
    /// How many were admitted.
    pub admitted: u64,
    /// How many were turned away by a quota, by its name.
    pub throttled: BTreeMap<String, u64>,
    /// How many were turned away because too many were being answered, or failed by a fault.
    pub failed: u64,
    /// What calls were charged in the end, for each quota.
    pub used: Vec<u64>,
    /// What somebody else was.
    pub used_by_others: Vec<u64>,
    /// From the first call's arrival to the last admitted one's, by the provider's clock.
    pub span_ns: u64,
    /// Quotas that the provider itself let be exceeded, which it must not: by the charges at
    /// arrival, as corrections come later.
    pub breaches: Vec<String>,
    /// How long admitted calls had waited, from when they were first wanted, by priority.
    pub waits: BTreeMap<String, Waits>,
}

/// Waits in real time; percentiles are values that occurred (nearest rank).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// How many.
    pub calls: u64,
    /// The median.
    pub p50_ns: u64,
    /// 95 % waited no longer.
    pub p95_ns: u64,
    /// Nobody waited longer.
    pub max_ns: u64,
}

/// Judges a log. `phase_ns` is how far into its day the provider's clock started.
pub fn judge(quotas: &[Quota], phase_ns: u64, entries: &[Entry]) -> Verdict {
    let mut verdict = Verdict {
        used: vec![0; quotas.len()],
        used_by_others: vec![0; quotas.len()],
        ..Verdict::default()
    };
    let mut waits: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.who == Who::Client) {
        verdict.calls += 1;
        match (entry.status, &entry.limit) {
            (200, _) => {
                verdict.admitted += 1;
                if let (Some(priority), Some(asked_ns)) = (&entry.priority, entry.asked_unix_ns) {
                    let waited_ns = entry.unix_ns.saturating_sub(asked_ns);
                    waits.entry(priority.clone()).or_default().push(waited_ns);
                }
            }
            (429, Some(limit)) => *verdict.throttled.entry(limit.clone()).or_default() += 1,
            _ => verdict.failed += 1,
        }
    }
    for charge in finally(entries) {
        let used =
            if charge.who == Who::Other { &mut verdict.used_by_others } else { &mut verdict.used };
        for (used, amount) in used.iter_mut().zip(&charge.charged) {
            *used += amount;
        }
    }
    let came = entries.iter().filter(|entry| entry.who == Who::Client);
    let first_ns = came.clone().map(|entry| entry.virtual_ns).min();
    let last_ns = came.filter(|entry| entry.status == 200).map(|entry| entry.virtual_ns).max();
    verdict.span_ns = last_ns.zip(first_ns).map_or(0, |(last, first)| last.saturating_sub(first));
    for (at, quota) in quotas.iter().enumerate() {
        let taken: Vec<_> = at_arrival(entries, at);
        if let Some(breach) = breach(quota, phase_ns, &taken) {
            verdict.breaches.push(breach);
        }
    }
    verdict.waits = waits.into_iter().map(|(name, list)| (name, Waits::of(list))).collect();
    verdict
}

impl Verdict {
    /// How many were turned away by any quota.
    pub fn throttled(&self) -> u64 {
        self.throttled.values().sum()
    }
}

impl Waits {
    /// Of so many waits, in any order.
    pub fn of(mut list: Vec<u64>) -> Waits {
        list.sort_unstable();
        let rank = |percent: usize| {
            let at = (list.len() * percent).div_ceil(100).max(1) - 1;
            list.get(at).copied().unwrap_or(0)
        };
        Waits { calls: list.len() as u64, p50_ns: rank(50), p95_ns: rank(95), max_ns: rank(100) }
    }
}

/// The admitted entries with what they were charged in the end.
pub fn finally(entries: &[Entry]) -> Vec<Entry> {
    let mut admitted: BTreeMap<u64, Entry> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.status == 200) {
        match entry.settles.and_then(|seq| admitted.get_mut(&seq)) {
            Some(settled) => settled.charged.clone_from(&entry.charged),
            None if entry.who == Who::End => {}
            None => {
                admitted.insert(entry.seq, entry.clone());
            }
        }
    }
    admitted.into_values().collect()
}

/// When how much of a quota was charged, as it was known at the time.
fn at_arrival(entries: &[Entry], quota: usize) -> Vec<(u64, u64)> {
    let charged = entries.iter().filter(|entry| entry.status == 200 && entry.who != Who::End);
    let mut taken: Vec<_> = charged
        .filter_map(|entry| Some((entry.virtual_ns, *entry.charged.get(quota)?)))
        .filter(|(_, amount)| *amount > 0)
        .collect();
    taken.sort_unstable();
    taken
}

/// The first period in which more was taken than the quota allows. Only what never was corrected
/// can be judged so.
fn breach(quota: &Quota, phase_ns: u64, taken: &[(u64, u64)]) -> Option<String> {
    let said = |used: u64, at_ns: u64| Some(format!("{used} of {quota} at {at_ns} ns"));
    match quota.kind {
        Kind::Sliding => {
            // Whatever period is fullest ends with something that was taken.
            let (mut from, mut used) = (0, 0);
            for &(at_ns, amount) in taken {
                used += amount;
                while taken[from].0.saturating_add(quota.period_ns) <= at_ns {
                    used -= taken[from].1;
                    from += 1;
                }
                if used > quota.amount {
                    return said(used, at_ns);
                }
            }
            None
        }
        Kind::Calendar => {
            let mut windows: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
            for &(at_ns, amount) in taken {
                let window = (at_ns + phase_ns) / quota.period_ns;
                let (used, last_ns) = windows.entry(window).or_default();
                (*used, *last_ns) = (*used + amount, at_ns);
            }
            let over = windows.into_values().find(|(used, _)| *used > quota.amount);
            over.and_then(|(used, at_ns)| said(used, at_ns))
        }
        Kind::Bucket { burst } => {
            // In any span from t to u no more than the burst and what flows in between them: the
            // sum up to u, less what flowed by u, exceeds the least such figure before t by no more.
            let (period, amount) = (i128::from(quota.period_ns), i128::from(quota.amount));
            let (mut sum, mut least) = (0i128, i128::MAX);
            for &(at_ns, taken) in taken {
                let flowed = i128::from(at_ns) * amount;
                least = least.min(sum * period - flowed);
                sum += i128::from(taken);
                let over = sum * period - flowed - least - i128::from(burst) * period;
                if over > 0 {
                    let units = over.div_euclid(period) + 1 + i128::from(burst);
                    return said(u64::try_from(units).unwrap_or(u64::MAX), at_ns);
                }
            }
            None
        }
    }
}

#[cfg(test)]
mod tests;
