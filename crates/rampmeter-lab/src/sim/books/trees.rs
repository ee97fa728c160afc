//! Calls that running calls make, and slots that are lent to them.
//!
//! A caller with a call outstanding is not at work. What it stands on of a budget that lends is
//! lent to one descendant at a time, by the ancestor who can lend the most of what is needed; who
//! starts takes of the budget only what it needs beyond its loan.

use super::{Books, BudgetBook, NONE, State};

/// What a running call stands on, of one budget of slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) budget: u32,
    /// What the budget counts for it.
    pub(crate) own: u64,
    /// What it counts for the lender.
    pub(crate) borrowed: u64,
    pub(crate) lender: u32,
    pub(crate) borrower: u32,
    /// What the borrower has of it.
    pub(crate) lent: u64,
}

impl Hold {
    pub(crate) fn new(budget: u32, own: u64, borrowed: u64, lender: u32) -> Hold {
        Hold { budget, own, borrowed, lender, borrower: NONE, lent: 0 }
    }

    pub(crate) fn stands_on(&self) -> u64 {
        self.own + self.borrowed
    }
}

impl Books {
    pub(crate) fn hold(&self, call: u32, budget: u32) -> Option<&Hold> {
        self.call(call).holds.iter().find(|hold| hold.budget == budget)
    }

    fn hold_mut(&mut self, call: u32, budget: u32) -> Option<&mut Hold> {
        let book = self.calls.get_mut(call as usize)?;
        book.holds.iter_mut().find(|hold| hold.budget == budget)
    }

    /// Who would lend a call of this caller how much of a budget.
    pub(crate) fn loan(&self, mut caller: u32, budget: u32, amount: u64) -> (u32, u64) {
        let lends = matches!(&self.budgets[budget as usize], BudgetBook::Slots(it) if it.lend);
        let mut best = (NONE, 0);
        while lends && caller != NONE {
            let hold = self.hold(caller, budget).filter(|hold| hold.borrower == NONE);
            let loan = hold.map_or(0, |hold| hold.stands_on().min(amount));
            if loan > best.1 {
                best = (caller, loan);
            }
            caller = self.call(caller).parent;
        }
        best
    }

    /// A call stands on slots from now on, some of which may be lent to it.
    pub(crate) fn stands(&mut self, call: u32, hold: Hold) {
        if let Some(it) = self.hold_mut(hold.lender, hold.budget) {
            (it.borrower, it.lent) = (call, hold.borrowed);
        }
        self.call_mut(call).holds.push(hold);
    }

    /// A call that ends gives back what it stands on, except what is lent on.
    pub(crate) fn gives_back(&mut self, call: u32) {
        let priority = self.call(call).priority;
        for hold in std::mem::take(&mut self.call_mut(call).holds) {
            let from_lender = hold.lent.min(hold.borrowed);
            let from_own = hold.lent - from_lender;
            let lender = if from_lender > 0 { hold.lender } else { NONE };
            if let Some(it) = self.hold_mut(hold.borrower, hold.budget) {
                it.own += from_own;
                (it.borrowed, it.lender) = (from_lender, lender);
            }
            if let Some(it) = self.hold_mut(hold.lender, hold.budget) {
                it.borrower = if from_lender > 0 { hold.borrower } else { NONE };
                it.lent = from_lender;
            }
            if let BudgetBook::Slots(slots) = &mut self.budgets[hold.budget as usize] {
                slots.give(hold.own - from_own, priority);
            }
        }
    }

    /// A call is outstanding from now on: its caller is no longer at work.
    pub(crate) fn is_made_by(&mut self, call: u32, parent: u32) {
        self.call_mut(call).parent = parent;
        if parent != NONE {
            if self.call(parent).children.is_empty() {
                self.works(parent, false);
            }
            self.call_mut(parent).children.push(call);
        }
    }

    /// A call is over: its own are its caller's from now on, who may be at work again.
    pub(crate) fn leaves_its_tree(&mut self, call: u32) {
        let parent = std::mem::replace(&mut self.call_mut(call).parent, NONE);
        for child in std::mem::take(&mut self.call_mut(call).children) {
            self.call_mut(child).parent = NONE;
            if parent != NONE {
                self.is_made_by(child, parent);
            }
        }
        if parent != NONE {
            self.call_mut(parent).children.retain(|child| *child != call);
            if self.call(parent).children.is_empty() {
                self.works(parent, true);
            }
        }
    }

    /// Whether a running call works, and does not wait for calls of its own.
    pub(crate) fn is_at_work(&self, call: u32) -> bool {
        let book = self.call(call);
        book.state == State::Running && book.children.is_empty()
    }

    /// A running call is at work, or no longer.
    pub(crate) fn works(&mut self, call: u32, at_work: bool) {
        for place in 0..self.call(call).holds.len() {
            let hold = self.call(call).holds[place];
            if let BudgetBook::Slots(slots) = &mut self.budgets[hold.budget as usize] {
                match at_work {
                    true => slots.at_work += hold.stands_on(),
                    false => slots.at_work -= hold.stands_on(),
                }
            }
        }
    }
}
