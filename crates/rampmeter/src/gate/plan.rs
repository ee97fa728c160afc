//! A policy, made ready for the engine: names become numbers, wildcard tools become entries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rampmeter_core as core;
use rampmeter_core::{Cost, Instant, LabelId, LimitId, Priority, ToolId, Unit};

use crate::policy::{self, LimitPolicy, Policy, RateKind, RatePolicy};

/// The unit of the `tokens` budgets.
pub(super) const TOKENS: Unit = Unit(0);

/// What a tool that the policy does not know may wait; the same as one that says nothing.
const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(60);

/// Tools whose durations are learned one by one; the others share their pattern's.
const MAX_KNOWN_TOOLS: usize = 4096;

pub(super) struct Plan {
    pub(super) limits: Vec<Arc<str>>,
    pub(super) priorities: Vec<Arc<str>>,
    pub(super) calendars: Vec<Calendar>,
    labels: HashMap<String, PlannedLabel>,
    flow_weights: HashMap<String, u32>,
    policy: Arc<Policy>,
    limit_ids: HashMap<String, LimitId>,
    tools: HashMap<Arc<str>, Arc<PlannedTool>>,
}

#[derive(Clone, Copy)]
pub(super) struct PlannedLabel {
    pub(super) id: LabelId,
    pub(super) secret: bool,
}

/// A tool that has been asked for by name.
pub(super) struct PlannedTool {
    pub(super) id: ToolId,
    pub(super) name: Arc<str>,
    pub(super) priority: Priority,
    pub(super) queue_timeout: Duration,
    pub(super) draws: Vec<PlannedDraw>,
}

pub(super) struct PlannedDraw {
    pub(super) limit: LimitId,
    pub(super) weight: u64,
    pub(super) tokens: Cost,
}

/// A calendar rate, whose windows the gate places.
pub(super) struct Calendar {
    pub(super) limit: LimitId,
    pub(super) budget: usize,
    period: Duration,
    offset_seconds: i32,
}

impl Plan {
    /// The plan, and the config of an engine that enforces it from `now` on.
    pub(super) fn new(policy: &Policy, now: Instant, wall: SystemTime) -> (Plan, core::Config) {
        let labels = label_ids(policy);
        let calendars = calendars(policy);
        let budgets = |index: usize, limit: &LimitPolicy| {
            let slots = limit.concurrency.map(|size| core::BudgetConfig::Concurrency { size });
            let first_rate = usize::from(slots.is_some());
            let rates = limit.rates.iter().enumerate().map(move |(at, rate)| {
                let ends = match rate.kind {
                    RateKind::Calendar { zone } => {
                        Calendar::over(index, first_rate + at, rate, zone).ends(now, wall)
                    }
                    _ => Instant::NEVER,
                };
                rate_config(rate, ends)
            });
            slots.into_iter().chain(rates).collect()
        };
        let limits = policy.limits.iter().enumerate().map(|(index, limit)| core::LimitConfig {
            name: limit.name.clone(),
            budgets: budgets(index, limit),
            per: limit.per.as_ref().and_then(|label| labels.get(label)).map(|label| label.id),
            max_instances: limit.instances,
            queue_size: u32::try_from(limit.queue.size).unwrap_or(u32::MAX),
            queue_age: limit.queue.age,
        });
        let config = core::Config {
            limits: limits.collect(),
            priorities: policy.priorities.iter().map(|priority| priority.weight).collect(),
        };
        let weights = policy.flows.iter().map(|flow| (flow.name.clone(), flow.weight));
        let limit_ids = policy.limits.iter().enumerate();
        let plan = Plan {
            limits: policy.limits.iter().map(|limit| limit.name.as_str().into()).collect(),
            priorities: policy.priorities.iter().map(|it| it.name.as_str().into()).collect(),
            calendars,
            labels,
            flow_weights: weights.collect(),
            limit_ids: limit_ids
                .map(|(index, limit)| (limit.name.clone(), LimitId(narrow(index))))
                .collect(),
            tools: HashMap::new(),
            policy: Arc::new(policy.clone()),
        };
        (plan, config)
    }

    pub(super) fn priority(&self, name: &str) -> Option<Priority> {
        let at = self.priorities.iter().position(|priority| **priority == *name)?;
        Some(Priority(u8::try_from(at).unwrap_or(u8::MAX)))
    }

    pub(super) fn label(&self, name: &str) -> Option<PlannedLabel> {
        self.labels.get(name).copied()
    }

    pub(super) fn flow_weight(&self, name: &str) -> u32 {
        self.flow_weights.get(name).copied().unwrap_or(1)
    }

    pub(super) fn limit(&self, id: LimitId) -> Option<Arc<str>> {
        self.limits.get(usize::from(id.0)).cloned()
    }

    /// The tool of this name: what the policy says of it, or a tool without limits.
    pub(super) fn tool(&mut self, name: &str) -> Arc<PlannedTool> {
        if let Some(tool) = self.tools.get(name) {
            return tool.clone();
        }
        let policy = self.policy.clone();
        let declared = policy.tool(name);
        let known = self.tools.len() < MAX_KNOWN_TOOLS;
        let id = if known { self.tools.len() } else { MAX_KNOWN_TOOLS };
        let default_priority = || self.priority("normal").unwrap_or(Priority(0));
        let tool = Arc::new(PlannedTool {
            id: ToolId(narrow(id)),
            name: name.into(),
            priority: declared
                .and_then(|tool| self.priority(&tool.priority))
                .unwrap_or_else(default_priority),
            queue_timeout: declared.map_or(DEFAULT_QUEUE_TIMEOUT, |tool| tool.queue_timeout),
            draws: declared.map(|tool| self.draws(tool)).unwrap_or_default(),
        });
        if known {
            self.tools.insert(tool.name.clone(), tool.clone());
        }
        tool
    }

    fn draws(&self, tool: &policy::ToolPolicy) -> Vec<PlannedDraw> {
        let draws = tool.draws.iter().filter_map(|draw| {
            Some(PlannedDraw {
                limit: *self.limit_ids.get(&draw.limit)?,
                weight: draw.weight,
                tokens: Cost { unit: TOKENS, amount: draw.tokens },
            })
        });
        draws.collect()
    }
}

impl Calendar {
    fn over(limit: usize, budget: usize, rate: &RatePolicy, zone: policy::Zone) -> Calendar {
        let limit = LimitId(narrow(limit));
        Calendar { limit, budget, period: rate.period, offset_seconds: zone.offset_seconds }
    }

    /// When the window that `wall` is in ends, by the gate's clock, which says `now`.
    pub(super) fn ends(&self, now: Instant, wall: SystemTime) -> Instant {
        let since = match wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
        };
        let local = since + i128::from(self.offset_seconds) * 1_000_000_000;
        let period = i128::try_from(self.period.as_nanos()).unwrap_or(i128::MAX).max(1);
        let left = period - local.rem_euclid(period);
        now.saturating_add(Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)))
    }
}

fn calendars(policy: &Policy) -> Vec<Calendar> {
    let mut calendars = Vec::new();
    for (index, limit) in policy.limits.iter().enumerate() {
        let first_rate = usize::from(limit.concurrency.is_some());
        for (at, rate) in limit.rates.iter().enumerate() {
            if let RateKind::Calendar { zone } = rate.kind {
                calendars.push(Calendar::over(index, first_rate + at, rate, zone));
            }
        }
    }
    calendars
}

fn rate_config(rate: &RatePolicy, ends: Instant) -> core::BudgetConfig {
    core::BudgetConfig::Rate {
        counts: match rate.unit {
            policy::Unit::Requests => core::Counts::Calls,
            policy::Unit::Tokens => core::Counts::Unit(TOKENS),
        },
        amount: rate.amount,
        period: rate.period,
        kind: match rate.kind {
            RateKind::Sliding { transit } => core::RateKind::Sliding { transit },
            RateKind::Bucket { burst } => core::RateKind::Bucket { burst },
            RateKind::Calendar { .. } => core::RateKind::Calendar { ends },
        },
    }
}

/// Labels that some limit is per. Others make no difference to the engine.
fn label_ids(policy: &Policy) -> HashMap<String, PlannedLabel> {
    let mut labels = HashMap::new();
    for name in policy.limits.iter().filter_map(|limit| limit.per.as_ref()) {
        let id = LabelId(narrow(labels.len()));
        let secret = policy.labels.iter().any(|label| label.name == *name && label.secret);
        labels.entry(name.clone()).or_insert(PlannedLabel { id, secret });
    }
    labels
}

fn narrow(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_window_ends_where_its_zone_says_also_before_1970() {
        let day = |offset_seconds| Calendar {
            limit: LimitId(0),
            budget: 0,
            period: Duration::from_secs(86_400),
            offset_seconds,
        };
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let left = |calendar: Calendar, wall| {
            calendar.ends(Instant::EPOCH, wall).as_nanos() / 1_000_000_000
        };
        assert_eq!(left(day(0), at(0)), 86_400);
        assert_eq!(left(day(0), at(86_399)), 1);
        assert_eq!(left(day(3_600), at(86_400 - 3_600 - 1)), 1, "midnight at +01:00 is 23:00 UTC");
        assert_eq!(left(day(-3_600), at(3_599)), 1);
        assert_eq!(left(day(0), SystemTime::UNIX_EPOCH - Duration::from_secs(1)), 1);
    }
}
