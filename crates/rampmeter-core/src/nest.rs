//! Calls that running calls make: lineage, and slots that are lent.
//!
//! A caller counts as waiting while a call of its own, or of theirs, is outstanding. The slots
//! that it holds are then lent to one descendant at a time: the borrower takes from the limit only
//! what it needs beyond the loan, so the weights of calls that really run never exceed the size.
//! The lender is the ancestor, of those that have not lent theirs, whose slots cover the most of
//! what is needed; of equals the nearest.
//!
//! When a call ends whose slots are lent, the borrower keeps what it stands on: from the lender's
//! own lender as far as it was borrowed, the rest as its own. Calls outlive their caller as calls
//! of its caller.
//!
//! (Lending in the spirit of the priority ceiling's "critical section entered by the same job":
//! Sha, Rajkumar, Lehoczky, "Priority Inheritance Protocols", IEEE ToC 1990.)

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use crate::budget::{Answer, Budget, Budgets};
use crate::call::{CallId, Flow, Priority};
use crate::decision::{Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::inherit::Raised;
use crate::lane::{NO_CALLER, NONE, Record};
use crate::route::Take;
use crate::slab::Slab;
use crate::time::Instant;

/// One call with a caller or calls of its own.
#[derive(Clone, Debug)]
pub(crate) struct Nest {
    pub(crate) call: u32,
    /// Its caller, or [`NONE`].
    pub(crate) parent: u32,
    /// Its outstanding calls, waiting and running, as a list.
    pub(crate) first_child: u32,
    previous: u32,
    pub(crate) next: u32,
    /// What it stands on, once it runs; budgets of slots only.
    pub(crate) holds: Vec<Hold>,
}

/// What a running call stands on, of one budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) budget: u32,
    /// Counted as held.
    pub(crate) own: u64,
    /// Counted as held by the lender.
    pub(crate) borrowed: u64,
    pub(crate) lender: u32,
    /// Who stands on all or part of it.
    pub(crate) borrower: u32,
    pub(crate) lent: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Nests {
    pub(crate) slab: Slab<Nest>,
}

/// Lanes of nested calls that wait at one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct NestedLanes {
    /// By when they were opened.
    pub(crate) lanes: BTreeMap<u64, u32>,
    /// Where the round of looks that is not over yet goes on; 0 if none has begun.
    pub(crate) looked_up_to: u64,
    /// Something has changed during that round: another must follow.
    pub(crate) again: bool,
}

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    pub(crate) nest: u32,
    /// As [`LaneKey::caller`](crate::lane::LaneKey::caller).
    pub(crate) caller: u64,
    /// What the call gets from those who wait for its callers' keys.
    pub(crate) raised: Raised,
}

impl Parent {
    pub(crate) const NONE: Parent = Parent { nest: NONE, caller: NO_CALLER, raised: Raised::NOT };
}

impl Nests {
    /// The ancestor, from `nest` on, that can lend the most of `amount` slots of a budget, and how
    /// many.
    pub(crate) fn lender(&self, mut nest: u32, budget: u32, amount: u64) -> (u32, u64) {
        let (mut lender, mut loan) = (NONE, 0);
        while let Some(data) = self.slab.get(nest) {
            if let Some(hold) = data.hold(budget).filter(|hold| hold.borrower == NONE) {
                let most = hold.stands_on().min(amount);
                if most > loan {
                    (lender, loan) = (nest, most);
                }
            }
            nest = data.parent;
        }
        (lender, loan)
    }

    /// Whether a call of this one's would be nested deeper than `most`. Callers that have ended do not
    /// count: their calls are their callers'.
    fn is_deeper_than(&self, nest: u32, most: u8) -> bool {
        let mut caller = nest;
        for _ in 0..most {
            match self.slab.get(caller) {
                Some(data) if data.parent != NONE => caller = data.parent,
                _ => return false,
            }
        }
        true
    }

    fn link(&mut self, nest: u32, parent: u32) {
        let next = match self.slab.get_mut(parent) {
            Some(data) => core::mem::replace(&mut data.first_child, nest),
            None => NONE,
        };
        if let Some(after) = self.slab.get_mut(next) {
            after.previous = nest;
        }
        let data = &mut self.slab[nest];
        (data.parent, data.previous, data.next) = (parent, NONE, next);
    }

    fn unlink(&mut self, nest: u32) {
        let Nest { parent, previous, next, .. } = self.slab[nest];
        if let Some(after) = self.slab.get_mut(next) {
            after.previous = previous;
        }
        if let Some(before) = self.slab.get_mut(previous) {
            before.next = next;
        } else if let Some(parent) = self.slab.get_mut(parent) {
            parent.first_child = next;
        }
    }

    /// A call is over: its own outstanding calls are its caller's from now on.
    fn remove(&mut self, nest: u32) {
        self.unlink(nest);
        let parent = self.slab[nest].parent;
        let mut child = self.slab[nest].first_child;
        while child != NONE {
            let next = self.slab[child].next;
            self.link(child, parent);
            child = next;
        }
        self.slab.remove(nest);
    }

    /// Slots of a call that ends and has lent them: the borrower keeps what it stands on. Returns
    /// what is left to give back of the call's own.
    fn pass_on(&mut self, hold: Hold) -> u64 {
        let from_lender = hold.lent.min(hold.borrowed);
        let from_own = hold.lent - from_lender;
        if hold.borrower != NONE
            && let Some(it) = self.hold_mut(hold.borrower, hold.budget)
        {
            it.own += from_own;
            it.borrowed = from_lender;
            it.lender = if from_lender > 0 { hold.lender } else { NONE };
        }
        if let Some(it) = self.hold_mut(hold.lender, hold.budget) {
            it.borrower = if from_lender > 0 { hold.borrower } else { NONE };
            it.lent = from_lender;
        }
        hold.own - from_own
    }

    /// What a call takes of a budget as its own, without what is lent to it.
    pub(crate) fn owned(&self, nest: u32, take: &Take) -> u64 {
        let hold = self.slab.get(nest).and_then(|nest| nest.hold(take.budget));
        hold.map_or(take.amount, |hold| hold.own)
    }

    /// The same, where the budget may be one that the call does not know yet: then all of it is
    /// its own from now on.
    pub(crate) fn owned_or_new(&mut self, nest: u32, take: &Take) -> u64 {
        if let Some(nest) = self.slab.get_mut(nest)
            && nest.hold(take.budget).is_none()
        {
            nest.holds.push(Hold::own(take.budget, take.amount));
        }
        self.owned(nest, take)
    }

    /// Budgets have moved to places from `first` on, each from where `from` says.
    pub(crate) fn reform(&mut self, from: &[Option<u32>], first: u32, old: Range<u32>) {
        let places: Vec<u32> = self.slab.iter().map(|(id, _)| id).collect();
        for id in places {
            let holds = &mut self.slab[id].holds;
            holds.retain_mut(|hold| {
                if !old.contains(&hold.budget) {
                    return true;
                }
                let to = from.iter().zip(first..).find(|(from, _)| **from == Some(hold.budget));
                to.map(|(_, to)| hold.budget = to).is_some()
            });
        }
    }

    fn hold_mut(&mut self, nest: u32, budget: u32) -> Option<&mut Hold> {
        self.slab.get_mut(nest)?.holds.iter_mut().find(|hold| hold.budget == budget)
    }
}

impl Nest {
    pub(crate) fn hold(&self, budget: u32) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.budget == budget)
    }
}

impl Hold {
    pub(crate) fn own(budget: u32, own: u64) -> Hold {
        Hold { budget, own, borrowed: 0, lender: NONE, borrower: NONE, lent: 0 }
    }

    /// Slots that it stands on.
    pub(crate) fn stands_on(&self) -> u64 {
        self.own.saturating_add(self.borrowed)
    }
}

impl Budgets {
    /// What a nested call needs of a budget beyond what its ancestors lend it, who lends, and how
    /// much.
    pub(crate) fn beyond_loan(&self, take: &Take, nests: &Nests, parent: u32) -> (u64, u32, u64) {
        if !self.slots(take.budget).is_some_and(|slots| slots.lend) {
            return (take.amount, NONE, 0);
        }
        let (lender, loan) = nests.lender(parent, take.budget, take.amount);
        (take.amount - loan, lender, loan)
    }

    /// [`Budgets::answer`] for a call whose caller is `parent`.
    pub(crate) fn answer_nested(
        &mut self,
        takes: &[Take],
        priority: Priority,
        (nests, parent): (&Nests, u32),
        now: Instant,
    ) -> Answer {
        let mut worst = Answer::Ready;
        for take in takes {
            let (beyond, _, loan) = self.beyond_loan(take, nests, parent);
            let need = self.slots(take.budget).map_or(beyond, |slots| {
                // Only what the call counts as is needed beyond the loan, not all that it weighs.
                slots.need(take.amount, priority).saturating_sub(loan)
            });
            worst = worst.and(self.one_mut(take.budget).answer(need, priority, now));
        }
        worst
    }
}

impl Engine {
    /// Checks who makes a call, and makes sure that its caller's lineage is kept.
    pub(crate) fn parent_of(&mut self, id: CallId) -> Result<Parent, Refusal> {
        let refuse = |reason| Err(Refusal { reason, limit: None, retry: Retry::Never });
        let Some(index) = self.calls.resolve(id) else { return refuse(Reason::NoParent) };
        let Some(Record::Running(running)) = self.calls.get(index) else {
            return refuse(Reason::NoParent);
        };
        if self.nests.is_deeper_than(running.nest, self.config.max_depth) {
            return refuse(Reason::TooDeep);
        }
        let nest = if running.nest == NONE {
            let takes = self.routes.get(running.route).takes().iter();
            let holds = takes.filter(|take| self.instances.budgets.slots(take.budget).is_some());
            let holds = holds.map(|take| Hold::own(take.budget, take.amount)).collect();
            let nest = self.nests.slab.insert(Nest::new(index, holds));
            if let Some(Record::Running(running)) = self.calls.get_mut(index) {
                running.nest = nest;
            }
            nest
        } else {
            running.nest
        };
        Ok(Parent { nest, caller: id.as_u64(), raised: Raised::NOT })
    }

    /// What a call takes from its caller: flow, priority, and deadline if that is sooner.
    pub(crate) fn inherited(&self, parent: CallId, deadline: Instant) -> (Flow, Priority, Instant) {
        match self.calls.resolve(parent).and_then(|index| self.calls.get(index)) {
            Some(Record::Running(it)) => (it.flow, it.own, deadline.min(it.deadline)),
            _ => (Flow { id: 0, weight: 1 }, Priority(0), deadline),
        }
    }

    /// A call of `parent`'s is outstanding from now on.
    pub(crate) fn adopt(&mut self, call: u32, parent: Parent) -> u32 {
        if parent.nest == NONE {
            return NONE;
        }
        let nest = self.nests.slab.insert(Nest::new(call, Vec::new()));
        self.nests.link(nest, parent.nest);
        self.holds_as_caller(parent.nest);
        nest
    }

    /// Takes what a nested call's route says: of slots only what is not lent to it.
    pub(crate) fn take_nested(&mut self, nest: u32, route: u32, priority: Priority) {
        let parent = self.nests.slab[nest].parent;
        let mut holds = Vec::new();
        for take in self.routes.get(route).takes() {
            let (need, lender, loan) =
                self.instances.budgets.beyond_loan(take, &self.nests, parent);
            let budget = self.instances.budgets.one_mut(take.budget);
            budget.take(need, priority, self.now);
            if !matches!(budget, Budget::Concurrency(_)) {
                continue;
            }
            let lent = Hold { borrowed: loan, lender, ..Hold::own(take.budget, need) };
            holds.push(lent);
            if let Some(it) = self.nests.hold_mut(lender, take.budget) {
                (it.borrower, it.lent) = (nest, loan);
            }
        }
        self.nests.slab[nest].holds = holds;
    }

    /// Gives back what a call with a lineage stood on, and ends its part in it.
    pub(crate) fn give_nested(&mut self, nest: u32, route: u32, priority: Priority) {
        for take in self.routes.get(route).takes() {
            let budget = self.instances.budgets.one_mut(take.budget);
            if matches!(budget, Budget::Rate(_)) {
                budget.give(take.amount, priority);
            }
        }
        let holds = core::mem::take(&mut self.nests.slab[nest].holds);
        for hold in &holds {
            let free = self.nests.pass_on(*hold);
            let budget = self.instances.budgets.one_mut(hold.budget);
            budget.give(free, priority);
            // What it took at its priority, the borrower will give back at its own.
            let borrower = self.nests.slab.get(hold.borrower).map(|nest| nest.call);
            if let Some(Record::Running(it)) = borrower.and_then(|call| self.calls.get(call))
                && it.priority != priority
                && let Budget::Concurrency(slots) = budget
            {
                slots.give(hold.own - free, priority);
                slots.take(hold.own - free, it.priority);
            }
        }
        self.nests.remove(nest);
    }

    /// A nested call that waited waits no more, and does not run.
    pub(crate) fn disown(&mut self, nest: u32) {
        if nest != NONE {
            self.nests.remove(nest);
        }
    }

    /// The caller of a call with this lineage.
    pub(crate) fn parent_nest(&self, nest: u32) -> u32 {
        self.nests.slab.get(nest).map_or(NONE, |nest| nest.parent)
    }
}

impl Nest {
    fn new(call: u32, holds: Vec<Hold>) -> Nest {
        let (parent, first_child, previous, next) = (NONE, NONE, NONE, NONE);
        Nest { call, parent, first_child, previous, next, holds }
    }
}
