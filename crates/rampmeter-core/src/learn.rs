//! How a call ended changes the limits that learn from it.

use crate::budget::Sample;
use crate::call::{LimitId, Outcome};
use crate::config::Config;
use crate::decision::{Output, Outputs, Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::lane::Running;

impl Config {
    /// Whether any limit changes with how calls end.
    pub(crate) fn is_by_outcome(&self) -> bool {
        self.limits.iter().any(|limit| limit.adaptive.is_some() || limit.breaker.is_some())
    }
}

impl Engine {
    /// A running call is about to give back what it holds. Says whether a limit has another size now.
    #[inline(never)]
    pub(crate) fn learn(&mut self, running: &Running, outcome: Outcome, out: &mut Outputs) -> bool {
        let mut resized = false;
        for index in 0..self.routes.get(running.route).draws().len() {
            let id = self.routes.get(running.route).draws()[index].instance;
            self.breaker_learns(id, running.started, outcome, out);
            let instance = self.instances.get(id);
            let (limit, slots) = (LimitId(instance.limit), instance.slots);
            let slots = slots.and_then(|slots| self.instances.budgets.slots_mut(slots));
            let Some(slots) = slots else { continue };
            let (started, ended, held) = (running.started, self.now, slots.held);
            let before = slots.size;
            slots.learn(&Sample { outcome, started, ended, held });
            let size = slots.size;
            if size != before {
                out.push(Output::Resized { limit, size });
                self.mark(id);
            }
            resized |= size != before;
        }
        resized
    }

    /// With another number of slots, nested calls that wait may now wait for each other. Also with
    /// more: a call that counts as all it could have counts as more then, and there is no more room
    /// for it while callers hold more than the size.
    pub(crate) fn break_cycles(&mut self, out: &mut Outputs) {
        while let Some(stuck) = self.deadlocked() {
            let (reason, retry) = (Reason::WouldDeadlock, Retry::OnRelease);
            self.refuse_waiting(stuck, Refusal { reason, limit: None, retry }, out);
        }
    }
}
