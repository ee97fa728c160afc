//! Why calls wait, in names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core as core;
use rampmeter_core::{CallId, Instant};

use super::state::State;
use super::{Admission, Ask, Gate};
use crate::event::CallInfo;
use crate::refusal::{in_words, key_name};

/// Why a call waits, and when it should start. Displays as one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The call.
    pub call: Arc<CallInfo>,
    /// The limit that holds it; a key as `key NAME`.
    pub limit: Arc<str>,
    /// What it waits for there.
    pub waits_for: WaitsFor,
    /// How long it has waited.
    pub waited: Duration,
    /// Calls of its own flow and priority that wait for this limit before it; at a key all that do.
    pub ahead: u32,
    /// All calls that wait at this limit.
    pub waiting: u32,
    /// Whether nothing later may take what it needs of some limit.
    pub claims: bool,
    /// Whether it is being rescued: its flow has started nothing for the policy's `patience`, and
    /// it goes first among those that claim.
    pub rescued: bool,
    /// In how long it should start, if calls take as long as those of their tools did so far;
    /// `None` while too little is known.
    pub starts_in: Option<Duration>,
}

/// What a waiting call waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WaitsFor {
    /// Its turn: others go first.
    Turn,
    /// Another call must end.
    Release,
    /// So long, for a rate or a window.
    Time(Duration),
    /// There is room, but it is kept for this call, which has waited for more.
    Claimant(Arc<CallInfo>),
    /// The limit is paused.
    Resume,
}

impl<A: Ask> Admission<'_, A> {
    /// Why the call waits now; `None` if it does not: it has not been polled yet, or it has its
    /// answer.
    pub fn explain(&self) -> Option<Explanation> {
        self.gate().explain_call(self.waiting()?)
    }
}

impl Gate {
    pub(super) fn explain_call(&self, id: CallId) -> Option<Explanation> {
        self.home().input(|state, now| {
            state.advance(now);
            state.explain(now, id)
        })
    }

    /// Why calls wait: those `most` that came first, in the order in which they came. The gate
    /// stands still meanwhile; it is for people, who do not read thousands.
    pub fn waiting(&self, most: usize) -> Vec<Explanation> {
        self.home().input(|state, now| {
            state.advance(now);
            let waiting = state.waiting_calls(most);
            waiting.into_iter().filter_map(|id| state.explain(now, id)).collect()
        })
    }
}

impl State {
    fn explain(&mut self, now: Instant, id: CallId) -> Option<Explanation> {
        let found = self.engine.explain(now, id)?;
        let (info, asked) = self.known(id)?;
        Some(Explanation {
            call: info.clone(),
            limit: self.name_of(found.limit)?,
            waits_for: match found.waits_for {
                core::WaitsFor::Turn => WaitsFor::Turn,
                core::WaitsFor::Release => WaitsFor::Release,
                core::WaitsFor::Until(at) => WaitsFor::Time(at.saturating_since(now)),
                core::WaitsFor::Claimant(other) => match self.info(other) {
                    Some(other) => WaitsFor::Claimant(other.clone()),
                    None => WaitsFor::Turn,
                },
                core::WaitsFor::Resume => WaitsFor::Resume,
            },
            waited: now.saturating_since(asked),
            ahead: found.ahead,
            waiting: found.waiting,
            claims: found.claims,
            rescued: found.rescued,
            starts_in: found.estimated_start.map(|at| at.saturating_since(now)),
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallInfo { tool, flow, priority, .. } = &*self.call;
        write!(f, "{tool} (flow {flow}, priority {priority}) has waited {:.1?}", self.waited)?;
        write!(f, " for {}", in_words(&self.limit))?;
        match &self.waits_for {
            WaitsFor::Turn => f.write_str(", where others go first")?,
            WaitsFor::Release => f.write_str(", where another call must end")?,
            WaitsFor::Time(left) => write!(f, ", which has room in {left:.1?}")?,
            WaitsFor::Claimant(other) => {
                write!(f, ", where room is kept for {} of flow {}", other.tool, other.flow)?;
            }
            WaitsFor::Resume => f.write_str(", which is paused")?,
        }
        let of = if key_name(&self.limit).is_some() { "" } else { " of its flow" };
        match self.ahead {
            0 => {}
            1 => write!(f, "; 1 call{of} is ahead of it")?,
            ahead => write!(f, "; {ahead} calls{of} are ahead of it")?,
        }
        match (self.rescued, self.claims) {
            (true, _) => f.write_str("; it has waited long and is put first")?,
            (false, true) => f.write_str("; it claims what it needs")?,
            (false, false) => {}
        }
        match self.starts_in {
            Some(left) => write!(f, "; it should start in {left:.1?}"),
            None => f.write_str("; when it should start is not known yet"),
        }
    }
}
