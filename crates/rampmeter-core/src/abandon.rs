//! Work that cannot be ended: its call gives its slots up, and what the work still uses of them is
//! counted beside what is held.
//!
//! It is in nobody's way: others start as if the slots were free. But a limit's peak is what was
//! used at once, so it counts both.

use alloc::{boxed::Box, vec::Vec};

use crate::call::{CallId, LimitId, Outcome};
use crate::decision::Outputs;
use crate::engine::Engine;
use crate::lane::Record;
use crate::time::Instant;

/// What the work of an abandoned call still uses; give it back with [`Engine::abandoned_ended`].
#[derive(Debug)]
#[must_use = "what is not given back counts as used for ever"]
pub struct Abandoned(Vec<Used>);

#[derive(Debug)]
struct Used {
    limit: u16,
    label: Option<Box<str>>,
    slots: u64,
}

impl Engine {
    /// [`Engine::release`] of a call whose work goes on. `None` if `id` names no running call.
    pub fn abandon(
        &mut self,
        now: Instant,
        id: CallId,
        outcome: Outcome,
        out: &mut Outputs,
    ) -> Option<Abandoned> {
        self.begin(now, out);
        let index = self.calls.resolve(id)?;
        let Some(Record::Running(running)) = self.calls.get(index) else { return None };
        let route = self.routes.get(running.route);
        let mut used = Vec::new();
        for draw in route.draws() {
            let instance = self.instances.get(draw.instance);
            let takes = route.takes_of(*draw).iter();
            let slots = takes.filter(|take| Some(take.budget) == instance.slots);
            let slots = slots.map(|take| self.nests.owned(running.nest, take)).sum();
            if slots > 0 && !LimitId(instance.limit).is_key() {
                used.push(Used { limit: instance.limit, label: instance.label.clone(), slots });
            }
        }
        for it in &used {
            self.count_abandoned(it, |counted| counted.saturating_add(it.slots));
        }
        self.release(now, id, outcome, out);
        Some(Abandoned(used))
    }

    /// The work of an abandoned call has ended.
    pub fn abandoned_ended(&mut self, Abandoned(used): Abandoned) {
        for it in &used {
            self.count_abandoned(it, |counted| counted.saturating_sub(it.slots));
        }
    }

    /// A running call must have ended by then, and so must the calls that it makes: none of them
    /// starts later. Says whether `id` named a running call.
    pub fn must_end_by(&mut self, id: CallId, by: Instant) -> bool {
        let running = self.calls.resolve(id).and_then(|index| self.calls.get_mut(index));
        let Some(Record::Running(running)) = running else { return false };
        running.deadline = running.deadline.min(by);
        true
    }

    /// By when a running call, and what it makes, must have ended or at least started.
    pub fn ends_by(&self, id: CallId) -> Option<Instant> {
        match self.calls.resolve(id).and_then(|index| self.calls.get(index)) {
            Some(Record::Running(running)) => Some(running.deadline),
            _ => None,
        }
    }

    /// Its limit may have been removed meanwhile, and lost its slots.
    fn count_abandoned(&mut self, used: &Used, change: impl FnOnce(u64) -> u64) {
        let Some(id) = self.instances.look_up(used.limit, used.label.as_deref()) else { return };
        let slots = self.instances.get(id).slots;
        if let Some(slots) = slots.and_then(|slots| self.instances.budgets.slots_mut(slots)) {
            slots.abandoned = change(slots.abandoned);
        }
        self.instances.remember(id, self.now);
    }
}
