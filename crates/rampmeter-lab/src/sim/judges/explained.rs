//! Judge of the explanations: what is said to be in a waiting call's way is, at most one call is
//! rescued at a time and it starts within a bound; and how far off the estimates are.
//!
//! Bound: from being rescued, the longest that a call has run, twice (a call that started in a gap
//! may outlast it once), and the refill of the rates. Nested calls come on top.

use rampmeter_core::{CallId, Explanation, Instant, WaitsFor};

use super::super::books::{Books, BudgetBook, State};
use super::super::player::Player;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};

/// Once in so many inputs a waiting call is explained.
const LOOKS: u64 = 16;

impl Player {
    /// After an input that left no work over.
    pub(crate) fn now_and_then_a_wait_is_explained(&mut self) -> Verdict {
        self.who_is_rescued_starts_soon()?;
        if self.books.waiting.is_empty() || !self.rng.once_in(LOOKS) {
            return Ok(());
        }
        let call = self.rng.pick(&self.books.waiting);
        let Some(said) = self.explained(call)? else { return Ok(()) };
        self.totals.add(Count::Explained);
        let right = match said.waits_for {
            WaitsFor::Turn => true,
            WaitsFor::Release => {
                let book = self.books.call(call);
                let (route, nested) = (book.route, book.caller.is_some());
                !self.books.lacks_nothing_but_time(call)
                    || self.books.is_barred(route, nested)
                    || self.books.has_cooled(route)
            }
            WaitsFor::Until(at) => {
                let route = self.books.call(call).route;
                at.as_nanos() > self.books.clock
                    && (self.books.lacks_time(call)
                        || self.books.is_open_until(route, 0)
                        || self.books.has_cooled(route))
            }
            WaitsFor::Claimant(by) => self.claims_beside(by, call)?,
            WaitsFor::Resume => self.books.is_paused(self.books.call(call).route),
        };
        must(right, Judge::Waits, || {
            format!("{:?} is explained wrongly: {said:?}", self.books.call(call))
        })?;
        if said.rescued {
            self.is_rescued(said.call)?;
            must(said.claims, Judge::Waits, || format!("{said:?} is rescued and claims nothing"))?;
        }
        if let Some(at) = said.estimated_start {
            let expected = at.as_nanos().max(self.books.clock);
            self.plans[call as usize].expected = Some((self.books.clock, expected));
        }
        Ok(())
    }

    pub(crate) fn explained(&mut self, call: u32) -> Verdict<Option<Explanation>> {
        let Some(id) = self.books.call(call).id else { return Ok(None) };
        let now = Instant::from_nanos(self.books.clock);
        let said = self.engine.explain(now, id);
        let names_it = said.is_some_and(|said| said.call == id);
        must(names_it, Judge::Waits, || format!("{id:?} waits and is explained as {said:?}"))?;
        Ok(said)
    }

    /// How far off the estimate for a call was that starts now.
    pub(crate) fn judge_estimate(&mut self, call: u32) {
        let Some((since, expected)) = self.plans[call as usize].expected.take() else { return };
        let (wait, off) = (self.books.clock - since, self.books.clock.abs_diff(expected));
        self.totals.add(match off {
            _ if off * 4 <= wait => Count::OffByAQuarter,
            _ if off <= wait => Count::OffByTheWait,
            _ if off <= wait * 4 => Count::OffByFourWaits,
            _ => Count::OffByMore,
        });
    }

    /// Whether a call waits that claims, and that shares a limit with another.
    pub(crate) fn claims_beside(&mut self, by: CallId, call: u32) -> Verdict<bool> {
        let Some(claimant) = self.books.find(by) else { return Ok(false) };
        let waits = self.books.call(claimant).state == State::Waiting;
        if !waits || !self.books.share_a_limit(call, claimant) {
            return Ok(false);
        }
        Ok(self.explained(claimant)?.is_some_and(|said| said.claims))
    }

    fn is_rescued(&mut self, id: CallId) -> Verdict {
        match self.rescued {
            Some((known, _)) if known == id => Ok(()),
            Some((known, _)) if self.is_waiting(known) => {
                must(false, Judge::Waits, || format!("{id:?} is rescued beside {known:?}"))
            }
            _ => {
                self.totals.add(Count::Rescued);
                self.rescued = Some((id, self.books.clock));
                self.rescue_refill = 0;
                Ok(())
            }
        }
    }

    /// A call begins to wait; if it is like the one that is being rescued, and came earlier, it is
    /// rescued in that one's place from now on.
    pub(crate) fn is_rescued_instead(&mut self, call: u32, id: CallId) {
        let known = self.rescued.filter(|(known, _)| self.is_waiting(*known));
        let known = known.and_then(|(known, _)| self.books.find(known));
        if known.is_some_and(|known| self.is_before_one_like_it(call, known)) {
            self.rescued = Some((id, self.books.clock));
            self.rescue_refill = 0;
        }
    }

    /// Whether both draw alike, for the same flow, priority and caller, whatever their tools.
    fn is_before_one_like_it(&self, call: u32, other: u32) -> bool {
        let (one, two) = (self.books.call(call), self.books.call(other));
        let draws = |variant: u32| {
            let kind = &self.scene.kinds[self.books.variants[variant as usize].kind];
            let there = kind.draws.iter();
            let there = there.filter(|it| !self.books.limits[usize::from(it.limit)].removed);
            there.map(|it| (it.limit, it.weight, &it.costs)).collect::<Vec<_>>()
        };
        let (route, theirs) = (self.books.route_of(call), self.books.route_of(other));
        (one.flow, one.priority, one.caller) == (two.flow, two.priority, two.caller)
            && one.ticket < two.ticket
            && route.instances == theirs.instances
            && draws(one.variant) == draws(two.variant)
    }

    fn who_is_rescued_starts_soon(&mut self) -> Verdict {
        let Some((id, since)) = self.rescued else { return Ok(()) };
        if !self.is_waiting(id) {
            self.rescued = None;
            return Ok(());
        }
        // What stops and paces all is judged by its own rule.
        let mix = self.scene.mix;
        let spoiled = mix.nested || mix.breakers || mix.throttles;
        if self.paused() || self.last_resume > since || spoiled {
            self.rescued = self.rescued.filter(|_| spoiled);
            return Ok(());
        }
        let wait = self.books.clock - since;
        let bound = 2 * self.longest_hold().saturating_add(self.scene.late);
        // What was owed in between has been paid since.
        self.rescue_refill = self.rescue_refill.max(self.books.longest_refill());
        let bound = bound.saturating_add(self.rescue_refill);
        must(wait <= bound, Judge::Waits, || {
            format!("{id:?} is rescued since {since} and waits on, above {bound}")
        })
    }

    fn is_waiting(&self, id: CallId) -> bool {
        self.books.find(id).is_some_and(|call| self.books.call(call).state == State::Waiting)
    }

    /// The longest that a call has run so far.
    pub(crate) fn longest_hold(&self) -> u64 {
        let since = |call: &u32| self.books.clock - self.books.call(*call).started;
        self.books.running.iter().map(since).fold(self.longest_hold, u64::max)
    }
}

impl Books {
    /// Whether a call has all the slots that it needs.
    fn lacks_nothing_but_time(&self, call: u32) -> bool {
        let book = self.call(call);
        self.route_of(call).takes.iter().all(|take| match &self.budgets[take.budget as usize] {
            BudgetBook::Slots(slots) => {
                let (_, loan) = self.loan(book.parent, take.budget, take.amount);
                let counts = slots.counts(take.amount, book.priority).saturating_sub(loan);
                slots.has_room(counts, book.priority)
            }
            BudgetBook::Rate(_) => true,
        })
    }

    /// Whether some rate may lack units for a call.
    fn lacks_time(&mut self, call: u32) -> bool {
        let clock = self.clock;
        let route = self.call(call).route;
        let Books { routes, budgets, .. } = self;
        routes[route as usize].takes.iter().any(|take| match &mut budgets[take.budget as usize] {
            BudgetBook::Slots(_) => false,
            BudgetBook::Rate(rate) => !rate.has_room(take.amount, clock),
        })
    }
}
