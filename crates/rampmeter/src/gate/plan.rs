//! A policy, made ready for the engine: names become numbers, wildcard tools become entries.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rampmeter_core as core;
use rampmeter_core::{Instant, LabelId, LimitId, Priority, ToolId};

use super::calendar::{self, Calendar};
use super::limits::{self, Words};
use super::pressure::{GUARD, guard_limit};
use crate::call::Call;
use crate::policy::{self, Policy, RateKind, RatePolicy, Unit};

/// What a tool that the policy does not know may wait; the same as one that says nothing.
const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(60);

/// Tools whose durations are learned one by one; the others share their pattern's.
const MAX_KNOWN_TOOLS: usize = 4096;

pub(super) struct Plan {
    /// Counts the changes of limits.
    pub(super) generation: u64,
    pub(super) policy: Arc<Policy>,
    /// By the engine's numbers; one that was removed keeps its name until it is used again.
    pub(super) limits: Vec<PlannedLimit>,
    /// By the engine's numbers, whatever the order of a later policy.
    pub(super) priorities: Vec<Arc<str>>,
    pub(super) calendars: Vec<Calendar>,
    pub(super) labels: HashMap<String, PlannedLabel>,
    pub(super) limit_ids: HashMap<String, LimitId>,
    pub(super) flow_weights: HashMap<String, u32>,
    pub(super) tools: HashMap<Arc<str>, Arc<PlannedTool>>,
    /// The limit that is paused while too much memory is in use, if it is watched.
    pub(super) guard: Option<LimitId>,
    /// Priorities that pressure spares.
    pub(super) spared: Vec<Priority>,
}

#[derive(Clone)]
pub(super) struct PlannedLimit {
    pub(super) name: Arc<str>,
    pub(super) paused: bool,
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
    /// Keys of every call.
    pub(super) keys: Vec<policy::Key>,
    /// Other keys depend on a call's arguments, which the gate does not see.
    pub(super) has_open_keys: bool,
}

pub(super) struct PlannedDraw {
    pub(super) limit: LimitId,
    pub(super) weight: u64,
    /// Of each unit that the limit counts.
    pub(super) costs: Vec<PlannedCost>,
}

/// What a call takes of a unit unless it says so itself.
pub(super) struct PlannedCost {
    pub(super) unit: Unit,
    /// As the policy says; what it does not say is learned.
    pub(super) said: Option<u64>,
    /// The most that is reserved where it is learned: what the smallest of the tool's rates holds.
    pub(super) most: u64,
}

impl PlannedTool {
    /// Whether some amount is neither said by the policy nor by the call.
    pub(super) fn learns(&self, call: &Call<'_>) -> bool {
        self.draws.iter().any(|draw| draw.estimated(call).next().is_some())
    }
}

impl PlannedDraw {
    /// The units of which neither the policy nor the call says how much it takes.
    pub(super) fn estimated(&self, call: &Call<'_>) -> impl Iterator<Item = Unit> {
        let costs = self.costs.iter();
        let costs = costs.filter(|it| it.said.is_none() && call.costs.of(it.unit).is_none());
        costs.map(|cost| cost.unit)
    }
}

impl Plan {
    /// The plan, and the config of an engine that enforces it from `now` on.
    pub(super) fn new(policy: &Policy, now: Instant, wall: SystemTime) -> (Plan, core::Config) {
        let priorities: Vec<Arc<str>> =
            policy.priorities.iter().map(|it| it.name.as_str().into()).collect();
        let labels = label_ids(policy, &HashMap::new());
        let words = Words { priorities: &priorities, labels: &labels };
        let limits = policy.limits.iter().map(|limit| {
            limits::limit(limit, &words, |period, zone| calendar::ends(period, zone, now, wall))
        });
        let guard = policy.pressure.memory.map(|_| guard_limit());
        let config = core::Config {
            limits: limits.chain(guard).collect(),
            priorities: policy.priorities.iter().map(|priority| priority.weight).collect(),
            patience: policy.calls.patience,
            max_depth: policy.calls.max_depth,
            ..core::Config::default()
        };
        let limit_ids = policy.limits.iter().enumerate();
        let limit_ids =
            limit_ids.map(|(index, limit)| (limit.name.clone(), LimitId(narrow(index))));
        let mut plan = Plan {
            generation: 0,
            policy: Arc::new(policy.clone()),
            limits: policy.limits.iter().map(|limit| PlannedLimit::new(&limit.name)).collect(),
            spared: spared(policy, &priorities),
            priorities,
            calendars: Vec::new(),
            labels,
            limit_ids: limit_ids.collect(),
            flow_weights: flow_weights(policy),
            tools: HashMap::new(),
            guard: None,
        };
        if policy.pressure.memory.is_some() {
            plan.guard = Some(LimitId(narrow(plan.limits.len())));
            plan.limits.push(PlannedLimit::new(GUARD));
        }
        plan.calendars = plan.calendars(now, wall);
        (plan, config)
    }

    pub(super) fn priority(&self, name: &str) -> Option<Priority> {
        let at = self.priorities.iter().position(|priority| **priority == *name)?;
        Some(Priority(u8::try_from(at).unwrap_or(u8::MAX)))
    }

    pub(super) fn label(&self, name: &str) -> Option<PlannedLabel> {
        self.labels.get(name).copied()
    }

    /// Whether the label that a limit is per is secret.
    pub(super) fn has_secret_label(&self, limit: &str) -> bool {
        let limit = self.policy.limits.iter().find(|it| it.name == limit);
        let label = limit.and_then(|limit| self.label(limit.per.as_deref()?));
        label.is_some_and(|label| label.secret)
    }

    pub(super) fn flow_weight(&self, name: &str) -> u32 {
        self.flow_weights.get(name).copied().unwrap_or(1)
    }

    pub(super) fn limit(&self, id: LimitId) -> Option<Arc<str>> {
        self.limit_name(id).cloned()
    }

    pub(super) fn limit_name(&self, id: LimitId) -> Option<&Arc<str>> {
        self.limits.get(usize::from(id.0)).map(|limit| &limit.name)
    }

    /// The tool of this name: what the policy says of it, or a tool without limits.
    pub(super) fn tool(&mut self, name: &str) -> Arc<PlannedTool> {
        if let Some(tool) = self.tools.get(name) {
            return tool.clone();
        }
        let known = self.tools.len() < MAX_KNOWN_TOOLS;
        let id = if known { self.tools.len() } else { MAX_KNOWN_TOOLS };
        let tool = Arc::new(self.planned(ToolId(narrow(id)), name.into()));
        if known {
            self.tools.insert(tool.name.clone(), tool.clone());
        }
        tool
    }

    /// What the policy says of a tool.
    pub(super) fn planned(&self, id: ToolId, name: Arc<str>) -> PlannedTool {
        let declared = self.policy.tool(&name);
        let default_priority = || self.priority("normal").unwrap_or(Priority(0));
        PlannedTool {
            id,
            priority: declared
                .and_then(|tool| self.priority(&tool.priority))
                .unwrap_or_else(default_priority),
            queue_timeout: declared.map_or(DEFAULT_QUEUE_TIMEOUT, |tool| tool.queue_timeout),
            draws: declared.map(|tool| self.draws(tool)).unwrap_or_default(),
            keys: declared.map(policy::ToolPolicy::fixed_keys).unwrap_or_default(),
            has_open_keys: declared.is_some_and(policy::ToolPolicy::names_keys_by_arguments),
            name,
        }
    }

    /// The calendar rates of the policy's limits. Those that there were stand as they did.
    pub(super) fn calendars(&self, now: Instant, wall: SystemTime) -> Vec<Calendar> {
        let mut calendars = Vec::new();
        for limit in &self.policy.limits {
            let Some(id) = self.limit_ids.get(&limit.name).copied() else { continue };
            for (at, rate) in limit.rates.iter().enumerate() {
                if let RateKind::Calendar { zone } = &rate.kind {
                    let budget = limits::first_rate(limit) + at;
                    let before = self.calendars.iter().find(|it| it.is(id, rate.period, zone));
                    calendars.push(match before {
                        Some(before) => before.moved(budget),
                        None => Calendar::new(id, budget, rate.period, zone.clone(), now, wall),
                    });
                }
            }
        }
        calendars
    }

    fn draws(&self, tool: &policy::ToolPolicy) -> Vec<PlannedDraw> {
        let draws = tool.draws.iter().filter_map(|draw| {
            let id = *self.limit_ids.get(&draw.limit)?;
            let limit = self.policy.limits.iter().find(|limit| limit.name == draw.limit)?;
            let counted = Unit::COSTS.into_iter().filter(|unit| limit.counts(*unit));
            let costs = counted.map(|unit| {
                let most = self.smallest(tool, unit);
                PlannedCost { unit, said: draw.said(unit), most }
            });
            Some(PlannedDraw { limit: id, weight: draw.weight, costs: costs.collect() })
        });
        draws.collect()
    }

    /// What the smallest of a tool's rates of a unit holds at once.
    fn smallest(&self, tool: &policy::ToolPolicy, unit: Unit) -> u64 {
        let limits = self.policy.limits.iter();
        let limits = limits.filter(|it| tool.draws.iter().any(|draw| draw.limit == it.name));
        let rates = limits.flat_map(|limit| &limit.rates).filter(|rate| rate.unit == unit);
        rates.map(RatePolicy::capacity).min().unwrap_or(u64::MAX)
    }
}

impl PlannedLimit {
    pub(super) fn new(name: &str) -> PlannedLimit {
        PlannedLimit { name: name.into(), paused: false }
    }
}

/// The priorities that pressure spares, by the engine's numbers.
pub(super) fn spared(policy: &Policy, priorities: &[Arc<str>]) -> Vec<Priority> {
    let named = policy.pressure.reserved.iter();
    let places = named.filter_map(|name| priorities.iter().position(|it| **it == **name));
    places.map(|at| Priority(u8::try_from(at).unwrap_or(u8::MAX))).collect()
}

pub(super) fn flow_weights(policy: &Policy) -> HashMap<String, u32> {
    policy.flows.iter().map(|flow| (flow.name.clone(), flow.weight)).collect()
}

/// Labels that some limit is per. Others make no difference to the engine. A label that there was
/// keeps its number.
pub(super) fn label_ids(
    policy: &Policy,
    before: &HashMap<String, PlannedLabel>,
) -> HashMap<String, PlannedLabel> {
    let used: Vec<&String> = policy.limits.iter().filter_map(|limit| limit.per.as_ref()).collect();
    let kept = used.iter().filter_map(|name| Some(before.get(*name)?.id.0));
    let kept: BTreeSet<u16> = kept.collect();
    let mut free = (0..u16::MAX).filter(|id| !kept.contains(id));
    let mut labels = HashMap::new();
    for name in used {
        let secret = policy.labels.iter().any(|label| label.name == *name && label.secret);
        labels.entry(name.clone()).or_insert_with(|| {
            let id = before.get(name).map(|label| label.id);
            let id = id.unwrap_or_else(|| LabelId(free.next().unwrap_or(u16::MAX)));
            PlannedLabel { id, secret }
        });
    }
    labels
}

fn narrow(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
