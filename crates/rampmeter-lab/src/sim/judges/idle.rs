//! Judge of work conservation: no call waits while every limit it needs has room, unless a
//! claimant waits for one of the same limits, or an earlier call of its own flow and priority.

use super::super::books::{Books, BudgetBook};
use super::super::player::Player;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};

/// The engine looks at so many lanes behind one that cannot start.
const LOOKS_BEHIND: usize = 8;

/// So many lanes are looked at after each input in the mean.
const HEADS: u64 = 8;

impl Player {
    /// No work is left over: whoever could start has started.
    pub(crate) fn nobody_waits_for_nothing(&mut self) -> Verdict {
        let lanes = self.books.active.len();
        if lanes == 0 || !self.rng.once_in((lanes as u64).div_ceil(HEADS)) {
            return Ok(());
        }
        for place in 0..lanes {
            self.totals.add(Count::HeadsJudged);
            let head = self.books.lanes[self.books.active[place] as usize].first;
            if self.books.could_start(head) {
                self.totals.add(Count::HeadsWithRoom);
                let held_back = self.is_held_back(head)?;
                must(held_back, Judge::Idle, || {
                    let route = self.books.route_of(head);
                    let book = self.books.call(head);
                    format!("{book:?} waits for nothing: it takes {:?}", route.takes)
                })?;
            }
        }
        Ok(())
    }
}

impl Player {
    /// Whether somebody who shares a limit with a call may hold it back.
    fn is_held_back(&mut self, call: u32) -> Verdict<bool> {
        let mut beside = 0;
        let takes_nothing = self.books.route_of(call).takes.iter().any(|take| take.amount == 0);
        for place in 0..self.books.active.len() + self.books.nested.len() {
            let books = &self.books;
            let other = match books.active.get(place) {
                Some(lane) => books.lanes[*lane as usize].first,
                None => books.nested[place - books.active.len()],
            };
            if other == call || !books.share_a_limit(call, other) {
                continue;
            }
            // Who takes nothing of what is in the way may pass so many and no more.
            beside += 1;
            let held_back = takes_nothing && beside >= LOOKS_BEHIND
                || books.are_kin(other, call)
                || self.books.lacks_units_of(other, call)
                || self.explained(other)?.is_some_and(|said| said.claims)
                    && self.books.somebody_lacks_room(call);
            if held_back {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Books {
    /// Whether every limit that a call needs has room for it.
    pub(crate) fn could_start(&mut self, call: u32) -> bool {
        let book = self.call(call);
        let (route, priority, parent) = (book.route, book.priority, book.parent);
        let nested = self.call(call).caller.is_some();
        self.in_the_way(route, priority, parent).is_none()
            && !self.is_paused(route)
            && !self.may_be_cooling(route, nested)
            && !self.is_barred(route, nested)
    }

    /// Whether anybody lacks room of those who share a limit with a call, or with them, and so on:
    /// in the end somebody must, for a claim to hold anybody back.
    fn somebody_lacks_room(&mut self, call: u32) -> bool {
        let heads = self.active.iter().map(|lane| self.lanes[*lane as usize].first);
        let mut others: Vec<u32> = heads.chain(self.nested.iter().copied()).collect();
        let mut connected = vec![call];
        while let Some(one) = connected.pop() {
            if !self.could_start(one) {
                return true;
            }
            let (near, far) = others.into_iter().partition(|it| self.share_a_limit(one, *it));
            others = far;
            connected.extend::<Vec<u32>>(near);
        }
        false
    }

    /// Whether a call lacks units of a rate that another would take units of, too: it would
    /// claim them if it came to that, and until then nobody looks.
    fn lacks_units_of(&mut self, call: u32, other: u32) -> bool {
        let book = self.call(call);
        let (route, priority, parent) = (book.route, book.priority, book.parent);
        let theirs = self.call(other).route;
        for place in 0..self.routes[route as usize].takes.len() {
            let take = self.routes[route as usize].takes[place];
            let takes = &self.routes[theirs as usize].takes;
            let Some(same) = takes.iter().find(|it| it.budget == take.budget).copied() else {
                continue;
            };
            let (_, loan) = self.loan(parent, take.budget, take.amount);
            let clock = self.clock;
            let budget = &mut self.budgets[take.budget as usize];
            let is_rate = matches!(budget, BudgetBook::Rate(_)) && same.amount > 0;
            if is_rate && !budget.has_room(take.amount - loan, priority, clock) {
                return true;
            }
        }
        false
    }

    /// Whether `earlier` is of the same flow and priority and came before.
    pub(crate) fn are_kin(&self, earlier: u32, call: u32) -> bool {
        let (one, other) = (self.call(earlier), self.call(call));
        (one.flow, one.priority) == (other.flow, other.priority) && one.ticket < other.ticket
    }

    pub(crate) fn share_a_limit(&self, call: u32, other: u32) -> bool {
        let (mine, theirs) = (&self.route_of(call).instances, &self.route_of(other).instances);
        mine.iter().any(|id| theirs.contains(id))
    }
}
