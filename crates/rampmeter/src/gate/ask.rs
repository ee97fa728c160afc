//! From a call by name to the engine's numbers.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{
    CallId, Decision, Draw, Engine, Flow, Instant, MAX_KEY_BYTES, Outputs, Prepared, Priority,
    Reason,
};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::limits::unit_id;
use super::plan::{PlannedDraw, PlannedTool};
use super::state::{Standing, State, Wanted};
use crate::call::Call;
use crate::event::CallInfo;
use crate::refusal::{Refusal, Retry};

impl State {
    /// Asks the engine about a call given by name, made by the running call `parent` if by any.
    #[inline]
    pub(super) fn ask(
        &mut self,
        now: Instant,
        call: &Call<'_>,
        parent: Option<CallId>,
        wait: bool,
    ) -> Standing {
        if parent.is_none()
            && call.keys.is_none()
            && call.arrived.is_none()
            && let Some(standing) = self.ask_shape(now, call, wait)
        {
            return standing;
        }
        self.ask_anew(now, call, parent, wait)
    }

    /// [`State::ask`], of which nothing is known from before.
    #[inline(never)]
    fn ask_anew(
        &mut self,
        now: Instant,
        call: &Call<'_>,
        parent: Option<CallId>,
        wait: bool,
    ) -> Standing {
        let tool = self.plan.tool(call.tool);
        let wanted = match self.wanted(call, &tool, parent) {
            Ok(wanted) => wanted,
            Err(refusal) => return self.never_asked(now, call, *refusal),
        };
        let deadline = call.deadline.map_or(Instant::NEVER, |within| now.saturating_add(within));
        let decide = |engine: &mut Engine, call: &core::Call<'_>, out: &mut Outputs| {
            let call = core::Call { parent, deadline, ..*call };
            if wait { engine.admit(now, &call, out) } else { engine.try_admit(now, &call, out) }
        };
        let mut decision = self.with_engine_call(call, &tool, &wanted, decide);
        // Instances and keys may be held by nothing but shapes.
        if let Decision::Refused(refusal) = decision
            && matches!(refusal.reason, Reason::TooManyInstances | Reason::TooManyKeys)
            && self.forget_shapes()
        {
            decision = self.with_engine_call(call, &tool, &wanted, decide);
        }
        match self.decided(now, decision, wanted.info) {
            Standing::Refused(refusal) => {
                Standing::Refused(self.with_estimates(refusal, call, &tool))
            }
            standing => standing,
        }
    }

    /// Asks the engine about a call whose limits were found before.
    #[inline(always)]
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
        self.infos.share(wanted.info);
        self.decided(now, decision, wanted.info)
    }

    /// A handle of another gate was given; its numbers mean something else here, or nothing.
    #[inline(never)]
    pub(super) fn refused_stranger(&mut self, now: Instant, info: Arc<CallInfo>) -> Standing {
        let detail = "the handle was made at another gate; make one at this gate";
        let refusal = unsupported(&info.tool, detail.into());
        self.refused_unheard(now, info, refusal)
    }

    /// Answers no to what the engine cannot even be asked.
    #[inline(never)]
    pub(super) fn never_asked(
        &mut self,
        now: Instant,
        call: &Call<'_>,
        refusal: Refusal,
    ) -> Standing {
        let info = Arc::new(CallInfo {
            tool: refusal.tool.clone(),
            flow: call.flow.into(),
            priority: call.priority.unwrap_or_default().into(),
            id: call.id.into(),
            turn: call.turn,
            attempt: call.attempt,
        });
        self.refused_unheard(now, info, refusal)
    }

    /// Finds a call's limits for many admissions.
    pub(super) fn prepare(
        &mut self,
        now: Instant,
        call: &Call<'_>,
    ) -> Result<(Prepared, Wanted, Arc<CallInfo>), Box<Refusal>> {
        let tool = self.plan.tool(call.tool);
        let wanted = self.wanted(call, &tool, None)?;
        let info = self.infos.get(wanted.info).clone();
        let prepared = self
            .with_engine_call(call, &tool, &wanted, |engine, call, _| engine.prepare(now, call))
            .map_err(|refusal| {
                self.infos.release(wanted.info);
                self.in_words(now, Duration::ZERO, &info, refusal)
            })?;
        Ok((prepared, wanted, info))
    }

    /// Gives up what [`State::prepare`] found.
    pub(super) fn forget(&mut self, prepared: Prepared, wanted: &Wanted) {
        self.engine.discard(prepared);
        self.infos.release(wanted.info);
    }

    /// What is known of a call that is like another, but may have an id and a turn of its own.
    #[inline]
    pub(super) fn info_for(&mut self, like: u32, call: &Call<'_>) -> u32 {
        if call.id.is_empty() && call.turn.is_none() && call.attempt == 1 {
            self.infos.share(like);
            return like;
        }
        let like = (**self.infos.get(like)).clone();
        let id = if call.id.is_empty() { like.id } else { call.id.into() };
        self.infos.insert(Arc::new(CallInfo { id, turn: call.turn, attempt: call.attempt, ..like }))
    }

    fn wanted(
        &mut self,
        call: &Call<'_>,
        tool: &PlannedTool,
        parent: Option<CallId>,
    ) -> Result<Wanted, Box<Refusal>> {
        let priority = match call.priority {
            None => tool.priority,
            Some(name) => self.plan.priority(name).ok_or_else(|| {
                let known: Vec<&str> = self.plan.priorities.iter().map(AsRef::as_ref).collect();
                let known = known.join(", ");
                let detail = format!("there is no priority {name:?}; the policy has {known}");
                Box::new(unsupported(&tool.name, detail))
            })?,
        };
        if let Some(detail) = wrong_keys(call, tool, self.plan.guard.is_some()) {
            return Err(Box::new(unsupported(&tool.name, detail)));
        }
        if let Some(parent) = parent.and_then(|parent| self.info(parent)).cloned() {
            return Ok(self.inherited(call, tool, priority, &parent));
        }
        let (name, flow) = self.flow(call.flow);
        let info = Arc::new(CallInfo {
            tool: tool.name.clone(),
            flow: name,
            priority: self.plan.priorities[usize::from(priority.0)].clone(),
            id: if call.id.is_empty() { self.nothing.clone() } else { call.id.into() },
            turn: call.turn,
            attempt: call.attempt,
        });
        let guarded = self.plan.guard.is_some() && !self.plan.spared.contains(&priority);
        Ok(Wanted { info: self.infos.insert(info), flow, priority, guarded })
    }

    /// A nested call is for whom its caller is, at its caller's priority and in its turn.
    fn inherited(
        &mut self,
        call: &Call<'_>,
        tool: &PlannedTool,
        own: Priority,
        parent: &CallInfo,
    ) -> Wanted {
        let (name, flow) = self.flow(&parent.flow);
        let info = Arc::new(CallInfo {
            tool: tool.name.clone(),
            flow: name,
            priority: parent.priority.clone(),
            id: if call.id.is_empty() { self.nothing.clone() } else { call.id.into() },
            turn: call.turn.or(parent.turn),
            attempt: call.attempt,
        });
        let priority = self.plan.priority(&parent.priority).unwrap_or(own);
        // If it waited for memory, its caller would go on holding its own.
        Wanted { info: self.infos.insert(info), flow, priority, guarded: false }
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
        ask: impl FnOnce(&mut Engine, &core::Call<'_>, &mut Outputs) -> R,
    ) -> R {
        let costs: SmallVec<[SmallVec<[core::Cost; 2]>; 4]> =
            tool.draws.iter().map(|draw| self.costs(call, tool.id, draw)).collect();
        let draws = tool.draws.iter().zip(&costs).map(|(draw, costs)| Draw {
            limit: draw.limit,
            weight: draw.weight,
            costs,
        });
        let guard = self.plan.guard.filter(|_| wanted.guarded);
        let guard = guard.map(|limit| Draw { limit, weight: 1, costs: &[] });
        let draws: SmallVec<[Draw<'_>; 4]> = draws.chain(guard).collect();
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
        let fixed = tool.keys.iter().map(|(key, access)| (key.as_str(), *access));
        let named = call.keys.iter().flat_map(|keys| &keys.0);
        let named = named.map(|(key, access)| (&**key, *access));
        let keys: SmallVec<[_; 4]> = fixed.chain(named).collect();
        let engine_call = core::Call {
            tool: tool.id,
            flow: wanted.flow,
            priority: wanted.priority,
            labels: &labels,
            draws: &draws,
            keys: &keys,
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: tool.queue_timeout,
            arrived: call.arrived.unwrap_or(Instant::NEVER),
        };
        ask(&mut self.engine, &engine_call, &mut self.out)
    }
}

impl State {
    /// What a call is charged by one of its limits: as it says itself, as the policy says, or as
    /// much as calls of its tool took so far. Of a tool of which nothing is known an eighth of the
    /// smallest rate is reserved.
    fn costs(
        &mut self,
        call: &Call<'_>,
        tool: core::ToolId,
        draw: &PlannedDraw,
    ) -> SmallVec<[core::Cost; 2]> {
        let costs = draw.costs.iter().filter_map(|cost| {
            let unit = unit_id(cost.unit)?;
            let said = call.costs.of(cost.unit).or(cost.said);
            let amount = said.unwrap_or_else(|| {
                let learned = self.engine.expected(tool, unit);
                learned.unwrap_or(cost.most / 8).min(cost.most)
            });
            Some(core::Cost { unit, amount })
        });
        costs.collect()
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

/// What is wrong with the keys that a call names, if anything is.
fn wrong_keys(call: &Call<'_>, tool: &PlannedTool, guarded: bool) -> Option<String> {
    let Some(keys) = &call.keys else {
        let detail = || {
            "its keys depend on its arguments, which the gate does not see; name them with \
             Call::reads and Call::writes, as ToolPolicy::keys fills them"
                .to_owned()
        };
        return tool.has_open_keys.then(detail);
    };
    let long = keys.0.iter().map(|(key, _)| key.len()).find(|bytes| *bytes > MAX_KEY_BYTES);
    if let Some(bytes) = long {
        return Some(format!("it names a key of {bytes} bytes; name at most {MAX_KEY_BYTES}"));
    }
    let all = tool.draws.len() + tool.keys.len() + keys.0.len();
    let most = core::MAX_DRAWS - usize::from(guarded);
    (all > most).then(|| format!("it names {all} limits and keys; name at most {most}"))
}

/// A secret as it may be shown: 64 bits of its SHA-256, in hexadecimal.
pub(super) fn short_hash(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
