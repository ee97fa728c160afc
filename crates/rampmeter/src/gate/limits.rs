//! A policy's limits, as the engine is told of them.

use std::time::SystemTime;

use rampmeter_core as core;
use rampmeter_core::{BudgetConfig, Instant, LabelId, Priority};

use super::calendar;
use super::plan::TOKENS;
use crate::policy::{LimitPolicy, Overflow, Policy, RateKind, RatePolicy, Unit};

/// One limit's figures. Its slots come first among its budgets, then its rates in their order.
pub(super) fn limit(
    limit: &LimitPolicy,
    policy: &Policy,
    per: Option<LabelId>,
    now: Instant,
    wall: SystemTime,
) -> core::LimitConfig {
    let rates = limit.rates.iter().map(|rate| self::rate(rate, now, wall));
    core::LimitConfig {
        name: limit.name.clone(),
        budgets: slots(limit, policy).into_iter().chain(rates).collect(),
        per,
        max_instances: limit.instances,
        queue_size: narrow(limit.queue.size),
        queue_per_flow: limit.queue.per_flow.map(narrow),
        queue_age: limit.queue.age,
        overflow: match limit.queue.overflow {
            Overflow::Refuse => core::Overflow::Refuse,
            Overflow::Evict => core::Overflow::Evict,
        },
    }
}

/// The place of a limit's first rate among its budgets.
pub(super) fn first_rate(limit: &LimitPolicy) -> usize {
    usize::from(limit.concurrency.is_some())
}

fn slots(limit: &LimitPolicy, policy: &Policy) -> Option<BudgetConfig> {
    let reserved = limit.reserved.iter().filter_map(|kept| {
        let at = policy.priorities.iter().position(|it| it.name == kept.priority)?;
        Some((Priority(u8::try_from(at).ok()?), kept.slots))
    });
    let (size, lend) = (limit.concurrency?, limit.lend);
    Some(BudgetConfig::Concurrency { size, reserved: reserved.collect(), lend })
}

fn rate(rate: &RatePolicy, now: Instant, wall: SystemTime) -> BudgetConfig {
    BudgetConfig::Rate {
        counts: match rate.unit {
            Unit::Requests => core::Counts::Calls,
            Unit::Tokens => core::Counts::Unit(TOKENS),
        },
        amount: rate.amount,
        period: rate.period,
        kind: match rate.kind {
            RateKind::Sliding { transit } => core::RateKind::Sliding { transit },
            RateKind::Bucket { burst } => core::RateKind::Bucket { burst },
            RateKind::Calendar { zone } => {
                core::RateKind::Calendar { ends: calendar::ends(rate.period, zone, now, wall) }
            }
        },
    }
}

fn narrow(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
