//! A policy's limits, as the engine is told of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{BudgetConfig, Instant, Priority};

use super::plan::PlannedLabel;
use crate::policy::{
    AdaptivePolicy, BreakerPolicy, LimitPolicy, Overflow, RateKind, RatePolicy, Unit, Zone,
};

/// The engine's numbers for a policy's words.
pub(super) struct Words<'a> {
    pub(super) priorities: &'a [Arc<str>],
    pub(super) labels: &'a HashMap<String, PlannedLabel>,
}

/// One limit's figures. Its slots come first among its budgets, then its rates in their order.
/// `ends` says when the present window of a calendar rate does.
pub(super) fn limit(
    limit: &LimitPolicy,
    words: &Words<'_>,
    ends: impl Fn(Duration, &Zone) -> Instant,
) -> core::LimitConfig {
    let rates = limit.rates.iter().map(|rate| self::rate(rate, &ends));
    core::LimitConfig {
        name: limit.name.clone(),
        budgets: slots(limit, words).into_iter().chain(rates).collect(),
        adaptive: limit.adaptive.map(|AdaptivePolicy { rule, min, max }| core::Adaptive {
            rule,
            min,
            max,
        }),
        per: limit.per.as_ref().and_then(|label| words.labels.get(label)).map(|label| label.id),
        max_instances: limit.instances,
        queue_size: narrow(limit.queue.size),
        queue_per_flow: limit.queue.per_flow.map(narrow),
        queue_age: limit.queue.age,
        overflow: match limit.queue.overflow {
            Overflow::Refuse => core::Overflow::Refuse,
            Overflow::Evict => core::Overflow::Evict,
        },
        learns: limit.feedback,
        breaker: limit.breaker.map(breaker),
    }
}

/// The place of a limit's first rate among its budgets.
pub(super) fn first_rate(limit: &LimitPolicy) -> usize {
    usize::from(limit.concurrency.is_some())
}

fn slots(limit: &LimitPolicy, words: &Words<'_>) -> Option<BudgetConfig> {
    let reserved = limit.reserved.iter().filter_map(|kept| {
        let at = words.priorities.iter().position(|name| **name == *kept.priority)?;
        Some((Priority(u8::try_from(at).ok()?), kept.slots))
    });
    let (size, lend) = (limit.concurrency?, limit.lend);
    Some(BudgetConfig::Concurrency { size, reserved: reserved.collect(), lend })
}

fn rate(rate: &RatePolicy, ends: impl Fn(Duration, &Zone) -> Instant) -> BudgetConfig {
    BudgetConfig::Rate {
        counts: unit_id(rate.unit).map_or(core::Counts::Calls, core::Counts::Unit),
        amount: rate.amount,
        period: rate.period,
        kind: match rate.kind {
            RateKind::Sliding { transit } => core::RateKind::Sliding { transit },
            RateKind::Bucket { burst } => core::RateKind::Bucket { burst },
            RateKind::Calendar { ref zone } => {
                core::RateKind::Calendar { ends: ends(rate.period, zone) }
            }
        },
    }
}

/// The engine's number for a unit; requests are calls and have none.
impl Unit {
    /// What a rate of a [`Snapshot`](crate::Snapshot) counts.
    pub fn of(counts: core::Counts) -> Unit {
        let counted = |unit: &Unit| unit_id(*unit).map(core::Counts::Unit) == Some(counts);
        Unit::COSTS.into_iter().find(counted).unwrap_or(Unit::Requests)
    }
}

pub(super) fn unit_id(unit: Unit) -> Option<core::Unit> {
    match unit {
        Unit::Requests => None,
        Unit::Tokens => Some(core::Unit(0)),
        Unit::InputTokens => Some(core::Unit(1)),
        Unit::OutputTokens => Some(core::Unit(2)),
    }
}

fn breaker(breaker: BreakerPolicy) -> core::Breaker {
    let BreakerPolicy { failures_per_mille, over, min_calls, open, probes, when_open } = breaker;
    core::Breaker { failures_per_mille, over, min_calls, open_for: open, probes, when_open }
}

fn narrow(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
