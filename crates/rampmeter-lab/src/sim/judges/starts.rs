//! Judges of every start: nothing above a limit, nothing late, nobody before those who came
//! earlier in the same lane.

use super::super::books::{Books, BudgetBook, Hold, NONE};
use super::super::verdict::{Judge, Verdict, must, wrong};

impl Books {
    /// A call starts: takes what it draws on, if it may.
    pub(crate) fn start(&mut self, call: u32) -> Verdict {
        let book = self.call(call);
        let (id, route, priority, expires) = (book.id, book.route, book.priority, book.expires);
        let (parent, nested) = (book.parent, book.caller.is_some());
        must(self.clock < expires, Judge::Late, || {
            format!("{id:?} starts at {}, not before {expires}", self.clock)
        })?;
        must(!self.is_paused(route), Judge::Limits, || format!("{id:?} starts on a paused limit"))?;
        if let Some(cool) = self.goes_out(call) {
            return Err(wrong(Judge::Limits, format!("{id:?} starts where {cool}")));
        }
        must(!self.is_barred(route, nested), Judge::Limits, || {
            format!("{id:?} starts on a limit whose breaker does not let it through")
        })?;
        for place in 0..self.routes[route as usize].takes.len() {
            let take = self.routes[route as usize].takes[place];
            let (lender, loan) = self.loan(parent, take.budget, take.amount);
            let needs = take.amount - loan;
            let room = match &mut self.budgets[take.budget as usize] {
                BudgetBook::Slots(slots) => {
                    let counts = slots.counts(take.amount, priority).saturating_sub(loan);
                    let room = slots.has_room(counts, priority);
                    slots.take(needs, priority);
                    self.stands(call, Hold::new(take.budget, needs, loan, lender));
                    room
                }
                BudgetBook::Rate(rate) => {
                    let (charge, room) = rate.take(take.amount, self.clock);
                    self.call_mut(call).charges.push((take.budget, charge));
                    room
                }
            };
            if !room {
                let (name, amount) = (self.name_of(take.budget), needs);
                let state = &self.budgets[take.budget as usize];
                let what = format!("{id:?} takes {amount} above {name}: {state:?}");
                return Err(wrong(Judge::Limits, what));
            }
        }
        self.starts_to_run(call);
        self.works(call, true);
        self.works_within_what_is_held(call)
    }

    /// The weights of calls at work are never more than what is held.
    pub(crate) fn works_within_what_is_held(&self, call: u32) -> Verdict {
        for hold in &self.call(call).holds {
            if let BudgetBook::Slots(slots) = &self.budgets[hold.budget as usize] {
                must(slots.at_work <= slots.held, Judge::Limits, || {
                    format!("{} at work on {slots:?}", self.name_of(hold.budget))
                })?;
            }
        }
        Ok(())
    }

    /// A waiting call starts: it is the first of its lane.
    pub(crate) fn is_its_turn(&self, call: u32) -> Verdict {
        if self.call(call).caller.is_some() {
            return self.no_sibling_is_before(call);
        }
        let first = self.lanes[self.lane_of(call) as usize].first;
        must(first == call, Judge::Waits, || {
            let (id, before) = (self.call(call).id, self.call(first).id);
            format!("{id:?} starts before {before:?}, which is like it and came earlier")
        })
    }

    /// A call starts as it asks: nobody like it waits that was asked for before.
    pub(crate) fn nobody_is_before(&self, call: u32) -> Verdict {
        if self.call(call).caller.is_some() {
            return self.no_sibling_is_before(call);
        }
        let first = self.lanes[self.lane_of(call) as usize].first;
        let before = first != NONE && self.call(first).ticket < self.call(call).ticket;
        must(!before, Judge::Waits, || {
            let (id, before) = (self.call(call).id, self.call(first).id);
            format!("{id:?} starts at once, though {before:?} is like it and waits")
        })
    }

    /// Calls of one caller that are alike start in the order in which they were made.
    fn no_sibling_is_before(&self, call: u32) -> Verdict {
        let mine = self.call(call);
        let before = self.nested.iter().map(|it| self.call(*it)).find(|it| {
            (it.caller, it.variant) == (mine.caller, mine.variant) && it.ticket < mine.ticket
        });
        must(before.is_none(), Judge::Waits, || {
            format!("{:?} starts before its elder sibling {:?}", mine.id, before.map(|it| it.id))
        })
    }
}
