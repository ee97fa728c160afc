//! From one policy to another: what the engine must be told, or why it cannot be done while calls
//! run, and what the plan then is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use rampmeter_core::{ConfigError, Edit, Instant, LimitId};

use super::calendar;
use super::limits::{self, Words};
use super::plan::{Plan, PlannedLabel, PlannedLimit, PlannedTool, flow_weights, label_ids, spared};
use crate::event::EventKind;
use crate::policy::{LimitPolicy, Policy};

/// What changes.
pub(super) struct Revision {
    pub(super) edits: Vec<Edit>,
    pub(super) events: Vec<(EventKind, Arc<str>)>,
    pub(super) labels: HashMap<String, PlannedLabel>,
}

impl Plan {
    /// What makes the engine enforce `policy` instead, or why it cannot.
    pub(super) fn revise(
        &self,
        policy: &Policy,
        now: Instant,
        wall: SystemTime,
    ) -> Result<Revision, ConfigError> {
        let weights = self.weights(policy)?;
        if self.policy.pressure.memory.is_some() != policy.pressure.memory.is_some() {
            return wrong(
                "whether [pressure] watches memory cannot change while calls run; its figures can, \
                 and a new gate can begin or cease to watch it"
                    .to_owned(),
            );
        }
        let (before, after) = (by_name(&self.policy), by_name(policy));
        let labels = label_ids(policy, &self.labels);
        for limit in &policy.limits {
            if let Some(before) = before.get(limit.name.as_str()) {
                self.same_instances(before, limit, &labels)?;
            }
        }
        let words = Words { priorities: &self.priorities, labels: &labels };
        let figures = |limit: &LimitPolicy, id: Option<LimitId>| {
            limits::limit(limit, &words, |period, zone| {
                let before = self.calendars.iter();
                let before = before.filter(|it| id.is_some_and(|id| it.is(id, period, zone)));
                let ends = before.map(|calendar| calendar.ends).next();
                ends.unwrap_or_else(|| calendar::ends(period, zone, now, wall))
            })
        };
        let (mut edits, mut events) = (Vec::new(), Vec::new());
        let mut edit = |edit, kind, name: &str| {
            edits.push(edit);
            events.push((kind, Arc::from(name)));
        };
        for gone in self.policy.limits.iter().filter(|it| !after.contains_key(&*it.name)) {
            if let Some(id) = self.limit_ids.get(&gone.name) {
                edit(Edit::Remove(*id), EventKind::Removed, &gone.name);
            }
        }
        for limit in &policy.limits {
            let id = self.limit_ids.get(&limit.name).copied();
            match (id, before.get(limit.name.as_str())) {
                (Some(_), Some(before)) if *before == limit => {}
                (Some(id), Some(_)) => {
                    let edited = Edit::Replace(id, figures(limit, Some(id)));
                    edit(edited, EventKind::Resized, &limit.name);
                }
                _ => edit(Edit::Add(figures(limit, None)), EventKind::Added, &limit.name),
            }
        }
        if self.weights(&self.policy)? != weights {
            edits.push(Edit::Weights(weights));
        }
        if self.policy.calls.patience != policy.calls.patience {
            edits.push(Edit::Patience(policy.calls.patience));
        }
        if self.policy.calls.max_depth != policy.calls.max_depth {
            edits.push(Edit::MaxDepth(policy.calls.max_depth));
        }
        Ok(Revision { edits, events, labels })
    }

    /// The weights of the priorities, by the engine's numbers.
    fn weights(&self, policy: &Policy) -> Result<Vec<u32>, ConfigError> {
        let weight = |name: &Arc<str>| {
            policy.priorities.iter().find(|it| it.name == **name).map(|it| it.weight)
        };
        let weights: Option<Vec<u32>> = self.priorities.iter().map(weight).collect();
        match weights {
            Some(weights) if weights.len() == policy.priorities.len() => Ok(weights),
            _ => {
                let names: Vec<&str> = policy.priorities.iter().map(|it| &*it.name).collect();
                wrong(format!(
                    "the priorities are {}, and cannot become {} while calls run; their weights \
                     can change, and a new gate can have others",
                    self.priorities.join(", "),
                    names.join(", ")
                ))
            }
        }
    }

    fn same_instances(
        &self,
        before: &LimitPolicy,
        after: &LimitPolicy,
        labels: &HashMap<String, PlannedLabel>,
    ) -> Result<(), ConfigError> {
        let name = &after.name;
        let per = |limit: &LimitPolicy| match &limit.per {
            Some(label) => format!("per {label}"),
            None => "one for all calls".to_owned(),
        };
        if before.per != after.per {
            return wrong(format!(
                "limit {name} is {}, and cannot become {} while calls run; give the new one \
                 another name",
                per(before),
                per(after)
            ));
        }
        let secret = |labels: &HashMap<String, PlannedLabel>| {
            after.per.as_ref().and_then(|label| labels.get(label)).map(|label| label.secret)
        };
        if secret(&self.labels) != secret(labels) {
            return wrong(format!(
                "whether the label that limit {name} is per is secret cannot change while calls \
                 run; its values are kept as they are shown"
            ));
        }
        Ok(())
    }

    /// Becomes the plan of `policy`, whose new limits the engine has numbered.
    pub(super) fn adopt(
        &mut self,
        policy: &Policy,
        labels: HashMap<String, PlannedLabel>,
        added: &[LimitId],
    ) {
        let is_new = |limit: &&LimitPolicy| !self.limit_ids.contains_key(&limit.name);
        let new: Vec<&LimitPolicy> = policy.limits.iter().filter(is_new).collect();
        let after = by_name(policy);
        self.limit_ids.retain(|name, _| after.contains_key(name.as_str()));
        for (limit, id) in new.into_iter().zip(added) {
            let at = usize::from(id.0);
            if at >= self.limits.len() {
                self.limits.resize(at + 1, PlannedLimit::new(""));
            }
            self.limits[at] = PlannedLimit::new(&limit.name);
            self.limit_ids.insert(limit.name.clone(), *id);
        }
        self.generation += 1;
        self.spared = spared(policy, &self.priorities);
        self.policy = Arc::new(policy.clone());
        self.labels = labels;
        self.flow_weights = flow_weights(policy);
        let tools: Vec<Arc<PlannedTool>> = self.tools.values().cloned().collect();
        for tool in tools {
            let planned = Arc::new(self.planned(tool.id, tool.name.clone()));
            self.tools.insert(tool.name.clone(), planned);
        }
    }
}

fn by_name(policy: &Policy) -> HashMap<&str, &LimitPolicy> {
    policy.limits.iter().map(|limit| (limit.name.as_str(), limit)).collect()
}

pub(super) fn wrong<T>(message: String) -> Result<T, ConfigError> {
    Err(ConfigError { message })
}
