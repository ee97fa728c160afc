//! Reads what the engine said into the books, and lets the judges see it.

use rampmeter_core::{CallId, Decision, Output, Outputs, Refusal};

use super::super::books::State;
use super::super::scene::FOREVER;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must, wrong};
use super::{Ask, Plan, Player};

impl Player {
    /// Reads what followed from an input, and the answer to the call that asked with it, where it
    /// belongs: a call that starts at once starts after what had become due, if it did not wait for
    /// its turn meanwhile, and one that waits may be answered in the same buffer.
    pub(super) fn settle(&mut self, decided: Option<(&Ask, Decision)>) -> Verdict {
        let mut newly = match decided {
            Some((ask, Decision::Waiting(id))) => Some((ask, id)),
            _ => None,
        };
        let mut out = std::mem::take(&mut self.out);
        let mut at_once = match decided {
            Some((ask, Decision::Granted(id))) => Some((ask, id)),
            _ => None,
        };
        let place = at_once.map(|(ask, id)| self.place_of(ask, id, &out));
        for (at, output) in out.iter().enumerate() {
            if place == Some(at) {
                self.starts_at_once(at_once.take())?;
            }
            self.transcript.told(output);
            if newly.is_some_and(|(_, id)| names(output) == Some(id)) {
                self.waits_from_now(newly.take())?;
            }
            self.follows(output, decided.map(|(ask, _)| ask))?;
        }
        out.clear();
        self.out = out;
        self.waits_from_now(newly)?;
        self.starts_at_once(at_once)?;
        match decided {
            Some((ask, Decision::Refused(refusal))) => self.refused_at_once(ask, &refusal)?,
            Some((_, Decision::Pending(id))) => {
                return Err(wrong(
                    Judge::Answers,
                    format!("{id:?} is pending, and no store asked"),
                ));
            }
            _ => {}
        }
        self.all_is_learned()?;
        self.look()
    }

    /// What an output says of waiting calls and of limits; `by` has asked with the input.
    fn follows(&mut self, output: &Output, by: Option<&Ask>) -> Verdict {
        match *output {
            Output::Granted(id) => {
                let call = self.waiter(id)?;
                self.totals.add(Count::GrantedLater);
                self.books.is_its_turn(call)?;
                self.books.waits_no_more(call);
                self.starts(call, id)?;
            }
            Output::Refused(id, refusal) => {
                let call = self.waiter(id)?;
                self.totals.add(Count::RefusedLater);
                self.may_refuse_waiting(call, &refusal, by)?;
                self.never_runs(call, id)?;
            }
            Output::Saturated { limit, saturated } => {
                self.books.saturated(limit, saturated)?;
            }
            Output::Cooling { limit, until: None } => {
                let per = self.books.limits[usize::from(limit.0)].config.per.is_some();
                let was = self.books.is_over(limit, self.came_back);
                // Edits, and instances that were collected, are known before this is read.
                must(was || per || self.came_back.is_none(), Judge::Answers, || {
                    format!("{limit:?} was not stopped, and goes on")
                })?;
            }
            Output::Cooling { .. } | Output::Spent { .. } | Output::Moved { .. } => {}
            Output::Resized { limit, size } => self.size_is_said(limit, size)?,
            Output::Breaker { limit, state } => self.breaker_says(limit, state)?,
        }
        Ok(())
    }

    /// After how many of the outputs a call started that did not want to wait, or did for no time.
    fn place_of(&self, ask: &Ask, id: CallId, out: &Outputs) -> usize {
        if ask.tries { out.len() } else { self.books.place_among(out, id, &self.book_of(ask)) }
    }

    fn starts_at_once(&mut self, at_once: Option<(&Ask, CallId)>) -> Verdict {
        let Some((ask, id)) = at_once else { return Ok(()) };
        self.totals.add(Count::GrantedAtOnce);
        let call = self.enter(ask, id)?;
        self.books.nobody_is_before(call)?;
        self.starts(call, id)
    }

    fn waits_from_now(&mut self, newly: Option<(&Ask, CallId)>) -> Verdict {
        let Some((ask, id)) = newly else { return Ok(()) };
        self.totals.add(Count::Waited);
        let call = self.enter(ask, id)?;
        must(!ask.tries, Judge::Answers, || format!("{id:?} waits and did not want to"))?;
        self.books.starts_to_wait(call);
        self.is_rescued_instead(call, id);
        let (route, made) = (self.books.call(call).route, ask.parent.is_some());
        must(made || !self.books.is_refused_by_breaker(route, false), Judge::Answers, || {
            format!("{id:?} waits, though a breaker is open that refuses new calls")
        })?;
        self.books.queues_are_bounded(call)?;
        if ask.parent.is_some() {
            self.books.nobody_is_stuck()?;
        }
        let expires = self.books.call(call).expires;
        if expires < FOREVER {
            self.expiries.push(std::cmp::Reverse((expires, id.as_u64(), call)));
        }
        Ok(())
    }

    fn enter(&mut self, ask: &Ask, id: CallId) -> Verdict<u32> {
        let there = self.books.find(id);
        must(there.is_none(), Judge::Answers, || format!("{id:?} names two calls"))?;
        let taken = self.books.calls.get(id.index() as usize);
        let taken = taken.is_some_and(|call| call.state != State::Over);
        must(!taken, Judge::Answers, || {
            format!("{id:?} has the place of a call that is not over")
        })?;
        let book = self.book_of(ask);
        let call = self.books.enter(id, book);
        if self.plans.len() <= call as usize {
            self.plans.resize(call as usize + 1, Plan::NONE);
        }
        self.plans[call as usize] = ask.plan;
        Ok(call)
    }

    /// The waiting call that an answer names: any other has had its answer.
    fn waiter(&self, id: CallId) -> Verdict<u32> {
        let call = self.books.find(id);
        let call = call.filter(|call| self.books.call(*call).state == State::Waiting);
        call.ok_or_else(|| wrong(Judge::Answers, format!("{id:?} is answered but does not wait")))
    }

    fn starts(&mut self, call: u32, id: CallId) -> Verdict {
        self.forgets_what_was_collected(call);
        self.books.start(call)?;
        self.half_open -= self.books.breakers_start(self.books.call(call).route);
        if self.books.call(call).holds.iter().any(|hold| hold.borrowed > 0) {
            self.totals.add(Count::Borrowed);
        }
        self.progress = self.now;
        let kin = self.books.kin_of(call);
        self.last_start[kin] = self.books.clock;
        self.judge_estimate(call);
        self.plan_end(call, id);
        self.plan_calls(call, id);
        self.plan_what_it_tells(call, id);
        Ok(())
    }

    /// A waiting call is over and has never run.
    pub(super) fn never_runs(&mut self, call: u32, id: CallId) -> Verdict {
        self.books.waits_no_more(call);
        let parent = self.books.call(call).parent;
        self.books.leaves_its_tree(call);
        self.gone(id);
        self.asks_again(call);
        self.has_one_call_less(parent)
    }

    fn refused_at_once(&mut self, ask: &Ask, refusal: &Refusal) -> Verdict {
        self.totals.add(Count::RefusedAtOnce);
        self.may_refuse(ask, refusal)?;
        if let Some(source) = ask.plan.client {
            self.client_asks(source, true);
        }
        Ok(())
    }
}

/// The call that an output answers.
pub(super) fn names(output: &Output) -> Option<CallId> {
    match output {
        Output::Granted(id) | Output::Refused(id, _) => Some(*id),
        _ => None,
    }
}
