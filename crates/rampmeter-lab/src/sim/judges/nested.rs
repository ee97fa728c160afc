//! Judges of nested calls: none waits that could start, none is let in that would wait for ever,
//! and none is refused as deadlocked that could have started.
//!
//! Brute force: everybody who is not a caller of outstanding calls ends by itself. A waiting call
//! starts once it has room beside what stuck callers hold, with what is lent to it; a caller ends
//! once all of its calls do. Who is left over when that comes to rest is stuck.

use std::collections::BTreeMap;

use super::super::books::{Books, BudgetBook, NONE, SlotsBook, State};
use super::super::verdict::{Judge, Verdict, must};

/// A call that asks and has no place in the books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct New {
    pub(crate) route: u32,
    pub(crate) priority: u8,
    pub(crate) parent: u32,
}

/// Who is left over.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    callers: Vec<u32>,
    pub(crate) waiters: Vec<u32>,
    pub(crate) new: bool,
}

impl Books {
    /// No waiting nested call is stuck.
    pub(crate) fn nobody_is_stuck(&self) -> Verdict {
        if self.nested.is_empty() {
            return Ok(());
        }
        let stuck = self.stuck(None);
        must(stuck.waiters.is_empty(), Judge::Nested, || {
            let ids: Vec<_> = stuck.waiters.iter().map(|it| self.call(*it).id).collect();
            format!("{ids:?} wait for ever")
        })
    }

    /// No nested call waits that has room everywhere.
    pub(crate) fn nested_calls_start(&mut self) -> Verdict {
        for place in 0..self.nested.len() {
            let call = self.nested[place];
            if self.could_start(call) {
                let elder = self.nested.iter().any(|it| {
                    let (one, other) = (self.call(*it), self.call(call));
                    (one.caller, one.variant) == (other.caller, other.variant)
                        && one.ticket < other.ticket
                });
                let book = self.call(call);
                must(elder, Judge::Idle, || format!("{book:?} is nested and waits for nothing"))?;
            }
        }
        Ok(())
    }

    /// Who would wait for ever.
    pub(crate) fn stuck(&self, new: Option<New>) -> Stuck {
        let callers = self.running.iter().copied().filter(|it| {
            !self.call(*it).children.is_empty() || new.is_some_and(|new| new.parent == *it)
        });
        let mut stuck =
            Stuck { callers: callers.collect(), waiters: self.nested.clone(), new: new.is_some() };
        loop {
            let held = self.held_by_stuck(&stuck);
            let before = (stuck.callers.len(), stuck.waiters.len(), stuck.new);
            let starts = |call: New| self.fits(call, &held, &stuck);
            let waiters = stuck.waiters.iter().copied().filter(|it| {
                let book = self.call(*it);
                let (route, priority, parent) = (book.route, book.priority, book.parent);
                !starts(New { route, priority, parent })
            });
            let waiters: Vec<u32> = waiters.collect();
            let new_is_stuck = stuck.new && new.is_some_and(|new| !starts(new));
            (stuck.waiters, stuck.new) = (waiters, new_is_stuck);
            let of_new = new.map_or(NONE, |new| new.parent);
            let ends = |call: u32| {
                !(stuck.new && call == of_new)
                    && self
                        .call(call)
                        .children
                        .iter()
                        .all(|it| !stuck.waiters.contains(it) && !stuck.callers.contains(it))
            };
            let callers = stuck.callers.iter().copied().filter(|it| !ends(*it)).collect();
            stuck.callers = callers;
            if before == (stuck.callers.len(), stuck.waiters.len(), stuck.new) {
                return stuck;
            }
        }
    }

    fn held_by_stuck(&self, stuck: &Stuck) -> BTreeMap<u32, SlotsBook> {
        let mut held: BTreeMap<u32, SlotsBook> = BTreeMap::new();
        for call in &stuck.callers {
            let book = self.call(*call);
            for hold in &book.holds {
                if let BudgetBook::Slots(slots) = &self.budgets[hold.budget as usize] {
                    let slots = held.entry(hold.budget).or_insert_with(|| slots.emptied());
                    slots.take(hold.own, book.priority);
                }
            }
        }
        held
    }

    fn fits(&self, call: New, held: &BTreeMap<u32, SlotsBook>, stuck: &Stuck) -> bool {
        self.routes[call.route as usize].takes.iter().all(|take| {
            let BudgetBook::Slots(slots) = &self.budgets[take.budget as usize] else { return true };
            let loan =
                if slots.lend { self.loan_in_the_end(call.parent, take.budget, stuck) } else { 0 };
            let needs = slots.counts(take.amount, call.priority).saturating_sub(loan);
            match held.get(&take.budget) {
                Some(slots) => slots.has_room(needs, call.priority),
                None => needs <= slots.most_now(call.priority),
            }
        })
    }

    fn loan_in_the_end(&self, mut caller: u32, budget: u32, stuck: &Stuck) -> u64 {
        let mut best = 0;
        while caller != NONE {
            if let Some(hold) = self.hold(caller, budget)
                && !stuck.callers.contains(&hold.borrower)
            {
                best = best.max(hold.stands_on());
            }
            caller = self.call(caller).parent;
        }
        best
    }

    /// The running call that an id names.
    pub(crate) fn running_call(&self, id: rampmeter_core::CallId) -> Option<u32> {
        self.find(id).filter(|call| self.call(*call).state == State::Running)
    }
}
