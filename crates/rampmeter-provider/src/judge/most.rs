//! The most that a provider could admit: an allocator that knows all that will come.

use crate::quota::{Kind, Quota};

/// One call: from when it may be admitted, and what it takes of each quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// By the provider's clock.
    pub from_ns: u64,
    /// In the order of the quotas.
    pub takes: Vec<u64>,
}

/// The most units that a quota can accept from one moment on and before another, whatever comes.
pub fn room(quota: &Quota, phase_ns: u64, from_ns: u64, until_ns: u64) -> u64 {
    if until_ns <= from_ns {
        return 0;
    }
    let span_ns = until_ns - from_ns;
    match quota.kind {
        Kind::Sliding => quota.amount.saturating_mul(span_ns.div_ceil(quota.period_ns)),
        Kind::Calendar => {
            let window = |at_ns: u64| at_ns.saturating_add(phase_ns) / quota.period_ns;
            let windows = window(until_ns - 1) - window(from_ns) + 1;
            quota.amount.saturating_mul(windows)
        }
        Kind::Bucket { burst } => {
            let flows = u128::from(span_ns) * u128::from(quota.amount);
            let flows = flows / u128::from(quota.period_ns);
            burst.saturating_add(u64::try_from(flows).unwrap_or(u64::MAX))
        }
    }
}

/// When the last of these calls could be admitted at the soonest, each as soon as all quotas have
/// room for it after those before it, in this order; `None` if one never could be.
///
/// Plain counting over all that was admitted before, for every call anew.
pub fn soonest_ns(quotas: &[Quota], phase_ns: u64, calls: &[Asked]) -> Option<u64> {
    let mut admitted: Vec<(u64, &[u64])> = Vec::new();
    // Of each quota, the first that may still count, and for a bucket the moment it is full again,
    // in nanoseconds times the amount.
    let mut since = vec![0; quotas.len()];
    let mut full_again = vec![0u128; quotas.len()];
    let mut now_ns = 0;
    for call in calls {
        now_ns = now_ns.max(call.from_ns);
        // Each quota may only ever put it off; when none does any more, it is admitted.
        loop {
            let mut later_ns = now_ns;
            for (at, quota) in quotas.iter().enumerate() {
                let takes = call.takes[at];
                if takes > quota.size() {
                    return None;
                }
                let so_far = &admitted[since[at]..];
                let used =
                    |entries: &[(u64, &[u64])]| -> u64 { entries.iter().map(|it| it.1[at]).sum() };
                let free_ns = match quota.kind {
                    Kind::Sliding => {
                        let gone = so_far.partition_point(|it| it.0 + quota.period_ns <= now_ns);
                        since[at] += gone;
                        let counts = &so_far[gone..];
                        let mut sum = used(counts);
                        let mut free_ns = now_ns;
                        for it in counts {
                            if sum + takes <= quota.amount {
                                break;
                            }
                            sum -= it.1[at];
                            free_ns = it.0 + quota.period_ns;
                        }
                        free_ns
                    }
                    Kind::Calendar => {
                        let window = (now_ns + phase_ns) / quota.period_ns;
                        let begins_ns = (window * quota.period_ns).saturating_sub(phase_ns);
                        let gone = so_far.partition_point(|it| it.0 < begins_ns);
                        since[at] += gone;
                        let fits = used(&so_far[gone..]) + takes <= quota.amount;
                        let ends_ns = (window + 1) * quota.period_ns - phase_ns;
                        if fits { now_ns } else { ends_ns }
                    }
                    Kind::Bucket { burst } => {
                        let room = u128::from(burst - takes) * u128::from(quota.period_ns);
                        let scaled = full_again[at].saturating_sub(room);
                        let free_ns = scaled.div_ceil(u128::from(quota.amount.max(1)));
                        now_ns.max(u64::try_from(free_ns).ok()?)
                    }
                };
                later_ns = later_ns.max(free_ns);
            }
            if later_ns == now_ns {
                break;
            }
            now_ns = later_ns;
        }
        for (at, quota) in quotas.iter().enumerate() {
            let here = u128::from(now_ns) * u128::from(quota.amount);
            let more = u128::from(call.takes[at]) * u128::from(quota.period_ns);
            full_again[at] = full_again[at].max(here) + more;
        }
        admitted.push((now_ns, &call.takes));
    }
    Some(now_ns)
}
