//! A policy, made ready for the engine: names become numbers, wildcard tools become entries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rampmeter_core as core;
use rampmeter_core::{Cost, Instant, LabelId, LimitId, Priority, ToolId, Unit};

use super::calendar::Calendar;
use super::limits;
use crate::policy::{self, Policy, RateKind};

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

impl Plan {
    /// The plan, and the config of an engine that enforces it from `now` on.
    pub(super) fn new(policy: &Policy, now: Instant, wall: SystemTime) -> (Plan, core::Config) {
        let labels = label_ids(policy);
        let calendars = calendars(policy, now, wall);
        let limits = policy.limits.iter().map(|limit| {
            let per = limit.per.as_ref().and_then(|label| labels.get(label)).map(|label| label.id);
            limits::limit(limit, policy, per, now, wall)
        });
        let config = core::Config {
            limits: limits.collect(),
            priorities: policy.priorities.iter().map(|priority| priority.weight).collect(),
            patience: policy.calls.patience,
            max_depth: policy.calls.max_depth,
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

fn calendars(policy: &Policy, now: Instant, wall: SystemTime) -> Vec<Calendar> {
    let mut calendars = Vec::new();
    for (index, limit) in policy.limits.iter().enumerate() {
        let first_rate = limits::first_rate(limit);
        for (at, rate) in limit.rates.iter().enumerate() {
            if let RateKind::Calendar { zone } = rate.kind {
                let (limit, budget) = (LimitId(narrow(index)), first_rate + at);
                calendars.push(Calendar::new(limit, budget, rate.period, zone, now, wall));
            }
        }
    }
    calendars
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
