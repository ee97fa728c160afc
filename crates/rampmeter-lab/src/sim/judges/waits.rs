//! Judge of the waits: whoever expires is answered in time, and nobody starves.
//!
//! Bound: calls of a flow at a priority (kin) start one within the patience, and then, since one
//! call is rescued at a time, within a longest hold and a refill for each of the kin that wait.
//! Twice that, since a call that starts beside a claim may outlast what was expected of it once. As
//! long as calls that come again may be older, those are rescued before it.

use std::cmp::Reverse;

use rampmeter_core::CallId;

use super::super::books::{Books, BudgetBook, State};
use super::super::player::Player;
use super::super::verdict::{Judge, Verdict, must};

/// Once in so many inputs all lanes are looked at.
const LOOKS: u64 = 256;

impl Player {
    /// After an input that left no work over.
    pub(crate) fn who_is_due_is_answered(&mut self) -> Verdict {
        while let Some(Reverse((expires, id, call))) = self.expiries.peek().copied() {
            if expires > self.books.clock {
                break;
            }
            self.expiries.pop();
            let book = self.books.call(call);
            let waits = book.state == State::Waiting && book.id.map(CallId::as_u64) == Some(id);
            must(!waits, Judge::Late, || format!("{book:?} expired at {expires} and waits on"))?;
        }
        Ok(())
    }

    pub(crate) fn now_and_then_nobody_starves(&mut self) -> Verdict {
        if !self.rng.once_in(LOOKS) || self.books.active.is_empty() {
            return Ok(());
        }
        let mix = self.scene.mix;
        if self.paused() || mix.nested || mix.breakers || mix.throttles {
            return Ok(());
        }
        let (clock, longest) = (self.books.clock, self.longest_hold());
        let (refill, patience) = (self.books.longest_refill(), self.patience);
        let kin = self.last_start.len() as u64;
        let ago = if mix.retries { self.longest_ago() } else { 0 };
        let bound = 2 * (longest + refill + self.scene.late).saturating_mul(kin + 1) + ago;
        for lane in &self.books.active {
            let call = self.books.lanes[*lane as usize].first;
            let book = self.books.call(call);
            let since = book.arrived.max(self.last_start[self.books.kin_of(call)]);
            let since = since.max(self.last_resume);
            let due = since.saturating_add(patience).max(book.asked);
            must(clock <= due.saturating_add(bound), Judge::Waits, || {
                format!("{book:?} waits since {since}, above {patience} and {bound}")
            })?;
        }
        Ok(())
    }

    pub(crate) fn paused(&self) -> bool {
        self.books.limits.iter().any(|limit| limit.paused && !limit.removed)
    }
}

impl Books {
    /// The place of a call's flow and priority among all of them.
    pub(crate) fn kin_of(&self, call: u32) -> usize {
        let book = self.call(call);
        usize::from(book.priority) * self.flows() + usize::from(book.flow)
    }

    /// The longest until some rate has all of its units again.
    pub(crate) fn longest_refill(&self) -> u64 {
        let refill = |budget: &BudgetBook| match budget {
            BudgetBook::Slots(_) => 0,
            BudgetBook::Rate(rate) => rate.refilled(self.clock) - self.clock,
        };
        self.budgets.iter().map(refill).max().unwrap_or(0)
    }
}
