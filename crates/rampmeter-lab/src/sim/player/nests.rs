//! Running calls that make calls.

use rampmeter_core::CallId;

use super::super::books::NONE;
use super::super::scene::FOREVER;
use super::super::totals::Count;
use super::super::verdict::Verdict;
use super::{Ask, Job, Plan, Player};

impl Player {
    /// A call starts: decides what calls it will make.
    pub(super) fn plan_calls(&mut self, call: u32, id: CallId) {
        let book = self.books.call(call);
        let (variant, depth) = (book.variant, book.depth);
        let kind = &self.scene.kinds[self.books.variants[variant as usize].kind];
        if !kind.nests || !self.rng.percent([70, 50, 30, 20][usize::from(depth.min(3))]) {
            return;
        }
        let many = if self.rng.percent(60) { 1 } else { self.rng.range(2, 4) };
        let joins = self.rng.percent(85);
        let plan = &mut self.plans[call as usize];
        (plan.children, plan.joins) = (u8::try_from(many).unwrap_or(1), joins);
        let takes = plan.ends.min(self.now.saturating_add(self.scene.pace * 4)) - self.now;
        for _ in 0..many {
            let at = self.now + if self.rng.percent(30) { 0 } else { self.rng.below(takes + 1) };
            self.later(at, Job::Make(id));
        }
    }

    /// A running call makes a call.
    pub(super) fn make(&mut self, caller: CallId) -> Verdict {
        let Some(parent) = self.books.running_call(caller) else { return Ok(()) };
        let plan = &mut self.plans[parent as usize];
        plan.children = plan.children.saturating_sub(1);
        if plan.vanished {
            return self.has_one_call_less(parent);
        }
        let mut ask = self.nested_ask(parent, caller);
        // Now and then somebody names a caller that does not run.
        if self.rng.once_in(50) && !self.stale.is_empty() && !self.healed {
            ask.parent = Some(self.rng.pick(&self.stale));
        }
        let gives_up = self.rng.percent(5).then(|| self.rng.about(self.scene.pace * 4));
        self.totals.add(Count::Nested);
        self.ask(&ask, gives_up)?;
        self.has_one_call_less(parent)
    }

    fn nested_ask(&mut self, parent: u32, caller: CallId) -> Ask {
        let rng = &mut self.rng;
        let book = self.books.call(parent);
        // As often as not it draws on what its caller draws on.
        let kind = if rng.percent(50) {
            self.books.variants[book.variant as usize].kind
        } else {
            rng.index(self.scene.kinds.len())
        };
        let (first, many) = self.books.variants_of(kind);
        let variant = first + u32::try_from(rng.below(u64::from(many))).unwrap_or(0);
        let own = if rng.percent(10) { self.now + rng.about(self.scene.pace * 9) } else { FOREVER };
        let patient = rng.percent(70);
        let queue_timeout = if patient { FOREVER } else { rng.scale(1, self.scene.pace * 50) };
        Ask {
            variant,
            flow: book.flow,
            priority: book.priority,
            deadline: own.min(book.deadline),
            queue_timeout,
            arrived: FOREVER,
            tries: rng.percent(5),
            parent: Some(caller),
            plan: Plan::NONE,
        }
    }

    /// A call that has nothing left to do waits for its calls, if it is one that does.
    pub(super) fn waits_for_its_calls(&mut self, call: u32) -> bool {
        let outstanding = !self.books.call(call).children.is_empty();
        let plan = &mut self.plans[call as usize];
        if plan.vanished || !plan.joins || !outstanding && plan.children == 0 {
            return false;
        }
        (plan.done, plan.ends) = (true, FOREVER);
        true
    }

    /// One of a caller's calls is over, or will not be made.
    pub(super) fn has_one_call_less(&mut self, caller: u32) -> Verdict {
        if caller == NONE || self.books.call(caller).id.is_none() {
            return Ok(());
        }
        self.books.works_within_what_is_held(caller)?;
        let outstanding = !self.books.call(caller).children.is_empty();
        let plan = &mut self.plans[caller as usize];
        if let (true, false, 0, Some(id)) =
            (plan.done, outstanding, plan.children, self.books.call(caller).id)
        {
            let ends = self.now + self.rng.below(self.scene.pace / 8 + 1);
            (plan.done, plan.ends) = (false, ends);
            self.later(ends, Job::End(id));
        }
        Ok(())
    }
}
