//! From a call by name to the engine's numbers.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{Draw, Engine, Flow, Instant, Outputs, Prepared, Reason};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::plan::PlannedTool;
use super::state::{Standing, State, Wanted};
use crate::call::Call;
use crate::event::CallInfo;
use crate::refusal::{Refusal, Retry};

impl State {
    /// Asks the engine about a call given by name.
    pub(super) fn ask(&mut self, now: Instant, call: &Call<'_>, wait: bool) -> Standing {
        let tool = self.plan.tool(call.tool);
        let wanted = match self.wanted(call, &tool) {
            Ok(wanted) => wanted,
            Err(refusal) => {
                let info = Arc::new(CallInfo {
                    tool: tool.name.clone(),
                    flow: call.flow.into(),
                    priority: call.priority.unwrap_or_default().into(),
                    id: call.id.into(),
                    turn: call.turn,
                });
                return self.refused_unheard(now, info, *refusal);
            }
        };
        let deadline = call.deadline.map_or(Instant::NEVER, |within| now.saturating_add(within));
        let decision =
            self.with_engine_call(call, &tool, &wanted, deadline, |engine, call, out| {
                if wait { engine.admit(now, call, out) } else { engine.try_admit(now, call, out) }
            });
        self.decided(now, decision, wanted.info)
    }

    /// Asks the engine about a call whose limits were found before.
    pub(super) fn ask_prepared(
        &mut self,
        now: Instant,
        call: &Prepared,
        wanted: &Wanted,
        wait: bool,
    ) -> Standing {
        let (flow, priority) = (wanted.flow, wanted.priority);
        let terms = core::Terms { flow, priority, deadline: Instant::NEVER, parent: None };
        let decision = if wait {
            self.engine.admit_prepared(now, call, &terms, &mut self.out)
        } else {
            self.engine.try_admit_prepared(now, call, &terms, &mut self.out)
        };
        self.decided(now, decision, wanted.info.clone())
    }

    /// Finds a call's limits for many admissions.
    pub(super) fn prepare(
        &mut self,
        now: Instant,
        call: &Call<'_>,
    ) -> Result<(Prepared, Wanted), Box<Refusal>> {
        let tool = self.plan.tool(call.tool);
        let wanted = self.wanted(call, &tool)?;
        let prepared = self
            .with_engine_call(call, &tool, &wanted, Instant::NEVER, |engine, call, _| {
                engine.prepare(now, call)
            })
            .map_err(|refusal| self.in_words(now, Duration::ZERO, &wanted.info, refusal))?;
        Ok((prepared, wanted))
    }

    fn wanted(&mut self, call: &Call<'_>, tool: &PlannedTool) -> Result<Wanted, Box<Refusal>> {
        let priority = match call.priority {
            None => tool.priority,
            Some(name) => self.plan.priority(name).ok_or_else(|| {
                let known: Vec<&str> = self.plan.priorities.iter().map(AsRef::as_ref).collect();
                let known = known.join(", ");
                let detail = format!("there is no priority {name:?}; the policy has {known}");
                Box::new(unsupported(&tool.name, detail))
            })?,
        };
        let (name, flow) = self.flow(call.flow);
        let info = Arc::new(CallInfo {
            tool: tool.name.clone(),
            flow: name,
            priority: self.plan.priorities[usize::from(priority.0)].clone(),
            id: if call.id.is_empty() { self.nothing.clone() } else { call.id.into() },
            turn: call.turn,
        });
        Ok(Wanted { info, flow, priority })
    }

    /// A flow by name. Recent names are kept, so that a call need not copy its own.
    fn flow(&mut self, name: &str) -> (Arc<str>, Flow) {
        const KEPT: usize = 4096;
        if let Some((name, flow)) = self.flows.get_key_value(name) {
            return (name.clone(), *flow);
        }
        if self.flows.len() >= KEPT {
            self.flows.clear();
        }
        let flow = Flow { id: self.hasher.hash_one(name), weight: self.plan.flow_weight(name) };
        let name: Arc<str> = name.into();
        self.flows.insert(name.clone(), flow);
        (name, flow)
    }

    /// Puts a call in the engine's words.
    fn with_engine_call<R>(
        &mut self,
        call: &Call<'_>,
        tool: &PlannedTool,
        wanted: &Wanted,
        deadline: Instant,
        ask: impl FnOnce(&mut Engine, &core::Call<'_>, &mut Outputs) -> R,
    ) -> R {
        let costs: SmallVec<[core::Cost; 4]> = tool
            .draws
            .iter()
            .map(|draw| match call.tokens {
                Some(amount) => core::Cost { amount, ..draw.tokens },
                None => draw.tokens,
            })
            .collect();
        let draws = tool.draws.iter().zip(&costs).map(|(draw, cost)| Draw {
            limit: draw.limit,
            weight: draw.weight,
            costs: std::slice::from_ref(cost),
        });
        let draws: SmallVec<[Draw<'_>; 4]> = draws.collect();
        let known = call.labels.iter().filter_map(|(name, value)| {
            let label = self.plan.label(name)?;
            let hidden = label.secret.then(|| short_hash(value));
            Some((label.id, *value, hidden))
        });
        let known: SmallVec<[_; 2]> = known.collect();
        let labels: SmallVec<[_; 2]> = known
            .iter()
            .map(|(id, value, hidden)| (*id, hidden.as_deref().unwrap_or(value)))
            .collect();
        let engine_call = core::Call {
            tool: tool.id,
            flow: wanted.flow,
            priority: wanted.priority,
            labels: &labels,
            draws: &draws,
            keys: &[],
            parent: None,
            deadline,
            queue_timeout: tool.queue_timeout,
        };
        ask(&mut self.engine, &engine_call, &mut self.out)
    }
}

/// The refusal of what cannot even be asked.
pub(super) fn unsupported(tool: &Arc<str>, detail: String) -> Refusal {
    Refusal {
        tool: tool.clone(),
        reason: Reason::Unsupported,
        limit: None,
        retry: Retry::Never,
        waited: Duration::ZERO,
        detail: Some(detail),
    }
}

/// A secret as it may be shown: 64 bits of its SHA-256, in hexadecimal.
fn short_hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
