//! Changing the limits while calls run, in two phases: everything that could be wrong is found
//! first and changes nothing; then all of it is changed at one instant, which cannot fail.

use std::sync::Arc;

use rampmeter_core::{ConfigError, Edit, Instant};

use super::Gate;
use super::revise::wrong;
use super::state::State;
use crate::event::{Event, EventKind};
use crate::policy::{Policy, nearest_word};

impl Gate {
    /// Enforces `policy` from now on. Limits are told apart by name: those that stay keep what is
    /// held and used, those that are new begin empty, those that are gone hold nobody back any
    /// more. No running call is touched; waiting calls that can never start any more are refused.
    /// Calls that wait or run keep the limits and weights that their tools had; handles find
    /// theirs anew. A limit that is paused stays so.
    ///
    /// An [`Executor`](crate::Executor) has its own copy of the policy, for time-outs and
    /// accesses; make a new one to change those.
    ///
    /// # Errors
    /// What cannot be changed while calls run: the names of the priorities, what a limit is
    /// `per`, whether that label is secret. Nothing is changed then.
    pub fn apply(&self, policy: &Policy) -> Result<(), ConfigError> {
        self.home().input(|state, now| state.apply(now, policy))?;
        self.tenancy.retries.lock().apply(policy.retries, self.now());
        Ok(())
    }

    /// The policy that is enforced now. Wakes nobody.
    pub fn policy(&self) -> Arc<Policy> {
        self.home().visit(|state| match state {
            Some(state) => state.plan.policy.clone(),
            None => unreachable!("a home is not emptied while its gate is held"),
        })
    }

    /// Starts nothing any more that draws on the limit, until [`Gate::resume`]. Calls that run go
    /// on; calls that wait go on waiting, and their clocks go on too.
    ///
    /// # Errors
    /// There is no limit of this name.
    pub fn pause(&self, limit: &str) -> Result<(), ConfigError> {
        self.home().input(|state, now| state.set_paused(now, limit, true))
    }

    /// Lets a paused limit go on.
    ///
    /// # Errors
    /// There is no limit of this name.
    pub fn resume(&self, limit: &str) -> Result<(), ConfigError> {
        self.home().input(|state, now| state.set_paused(now, limit, false))
    }
}

impl State {
    fn apply(&mut self, now: Instant, policy: &Policy) -> Result<(), ConfigError> {
        if *self.plan.policy == *policy {
            return Ok(());
        }
        let wall = self.runtime.wall_clock();
        let revision = self.plan.revise(policy, now, wall)?;
        let added = self.engine.edit(revision.edits)?.commit(now, &mut self.out);
        for (kind, limit) in revision.events {
            self.tell_of(now, kind, &limit);
        }
        // What followed is told by the old names: a number may be given anew.
        self.settle(now);
        self.plan.adopt(policy, revision.labels, &added);
        self.plan.calendars = self.plan.calendars(now, wall);
        self.flows.clear();
        self.revoke_leases();
        self.align(now, wall);
        self.adopt_pressure(now);
        self.keep_time(now);
        Ok(())
    }

    fn set_paused(&mut self, now: Instant, name: &str, paused: bool) -> Result<(), ConfigError> {
        let Some(id) = self.plan.limit_ids.get(name).copied() else {
            let mut known: Vec<&str> = self.plan.limit_ids.keys().map(String::as_str).collect();
            known.sort_unstable();
            let remedy = match nearest_word(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("the policy has {}", known.join(", ")),
            };
            return wrong(format!("there is no limit {name:?}; {remedy}"));
        };
        let Some(limit) = self.plan.limits.get_mut(usize::from(id.0)) else { return Ok(()) };
        if limit.paused == paused {
            return Ok(());
        }
        let edit = if paused { Edit::Pause(id) } else { Edit::Resume(id) };
        let change = self.engine.edit(vec![edit])?;
        let kind = if paused { EventKind::Paused } else { EventKind::Resumed };
        limit.paused = paused;
        let name = limit.name.clone();
        change.commit(now, &mut self.out);
        self.tell_of(now, kind, &name);
        Ok(())
    }

    pub(super) fn tell_of(&mut self, now: Instant, kind: EventKind, limit: &Arc<str>) {
        let limit = Some(limit.clone());
        self.emit(now, kind, None, |event| Event { limit, ..event });
    }
}
