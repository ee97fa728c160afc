//! Judges of every start: nothing above a limit, nothing late, nobody before those who came
//! earlier in the same lane.

use super::super::books::{Books, BudgetBook};
use super::super::verdict::{Judge, Verdict, must, wrong};

impl Books {
    /// A call starts: takes what it draws on, if it may.
    pub(crate) fn start(&mut self, call: u32) -> Verdict {
        let book = self.call(call);
        let (id, route, priority, expires) = (book.id, book.route, book.priority, book.expires);
        must(self.clock < expires, Judge::Late, || {
            format!("{id:?} starts at {}, not before {expires}", self.clock)
        })?;
        must(!self.is_paused(route), Judge::Limits, || format!("{id:?} starts on a paused limit"))?;
        for place in 0..self.routes[route as usize].takes.len() {
            let take = self.routes[route as usize].takes[place];
            let room = match &mut self.budgets[take.budget as usize] {
                BudgetBook::Slots(slots) => {
                    let room = slots.has_room(take.amount, priority);
                    slots.take(take.amount);
                    room
                }
                BudgetBook::Rate(rate) => rate.take(take.amount, self.clock),
            };
            if !room {
                let (name, amount) = (self.name_of(take.budget), take.amount);
                let state = &self.budgets[take.budget as usize];
                let what = format!("{id:?} takes {amount} above {name}: {state:?}");
                return Err(wrong(Judge::Limits, what));
            }
        }
        self.starts_to_run(call);
        Ok(())
    }

    /// A waiting call starts: it is the first of its lane.
    pub(crate) fn is_its_turn(&self, call: u32) -> Verdict {
        let first = self.lanes[self.lane_of(call) as usize].first;
        must(first == call, Judge::Waits, || {
            let (id, before) = (self.call(call).id, self.call(first).id);
            format!("{id:?} starts before {before:?}, which is like it and came earlier")
        })
    }

    /// A call starts as it asks: nobody like it waits.
    pub(crate) fn nobody_is_before(&self, call: u32) -> Verdict {
        let first = self.lanes[self.lane_of(call) as usize].first;
        must(first == super::super::books::NONE, Judge::Waits, || {
            let (id, before) = (self.call(call).id, self.call(first).id);
            format!("{id:?} starts at once, though {before:?} is like it and waits")
        })
    }
}
