//! Calls that end, and calls that are given up.

use rampmeter_core::{CallId, Outcome};

use super::super::books::End;
use super::super::scene::FOREVER;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};
use super::{Job, Player};

/// So many stale ids are remembered.
const STALE: usize = 64;

impl Player {
    /// A call starts: decides when it will end.
    pub(super) fn plan_end(&mut self, call: u32, id: CallId) {
        let variant = self.books.call(call).variant;
        let kind = &self.scene.kinds[self.books.variants[variant as usize].kind];
        let tool = self.scene.tools[usize::from(kind.tool)];
        let mut takes = tool.takes(&mut self.rng);
        if self.now < self.slow_until.0 {
            takes = takes.saturating_mul(self.slow_until.1);
        }
        if self.scene.mix.faults && !self.healed && self.rng.once_in(500) {
            self.totals.add(Count::Hangs);
            takes = FOREVER;
        }
        takes = takes.min(tool.timeout.unwrap_or(FOREVER));
        let ends = self.now.saturating_add(takes);
        self.plans[call as usize].ends = ends;
        if ends < FOREVER {
            self.later(ends, Job::End(id));
        }
    }

    pub(super) fn end(&mut self, id: CallId) -> Verdict {
        let Some(call) = self.books.find(id) else { return Ok(()) };
        // It was put off, or ends sooner.
        if self.plans[call as usize].ends != self.now {
            return Ok(());
        }
        if self.waits_for_its_calls(call) {
            return Ok(());
        }
        let outcome = self.outcome(call);
        self.release(call, id, outcome)
    }

    pub(super) fn release(&mut self, call: u32, id: CallId, outcome: Outcome) -> Verdict {
        self.due_first()?;
        self.totals.add(Count::Released);
        let now = self.input();
        self.transcript.tell(|| format!("{} release {id:?} {outcome:?}", now.as_nanos()));
        let done = self.engine.release(now, id, outcome, &mut self.out);
        must(done, Judge::Answers, || format!("{id:?} runs but cannot be released"))?;
        let held = self.books.clock.saturating_sub(self.books.call(call).started);
        self.longest_hold = self.longest_hold.max(held);
        let parent = self.books.call(call).parent;
        self.books.comes_back(call, matches!(outcome, Outcome::Succeeded | Outcome::Failed));
        let (route, started) = (self.books.call(call).route, self.books.call(call).started);
        let end = End { route, started, outcome };
        self.to_tell = self.books.breakers_end(route, started, outcome);
        self.to_shrink = self.books.must_shrink(&end);
        self.books.learns_from(&end);
        self.ended = Some(end);
        self.books.runs_no_more(call);
        self.gone(id);
        self.has_one_call_less(parent)?;
        self.asks_again(call);
        self.came_back = Some(call);
        let said = self.settle(None);
        self.came_back = None;
        said
    }

    pub(super) fn give_up(&mut self, id: CallId) -> Verdict {
        if !self.waits(id) {
            return Ok(());
        }
        self.due_first()?;
        if !self.waits(id) {
            return Ok(());
        }
        self.totals.add(Count::Cancelled);
        let now = self.input();
        self.transcript.tell(|| format!("{} cancel {id:?}", now.as_nanos()));
        let done = self.engine.cancel(now, id, &mut self.out);
        self.transcript.number(u64::from(done));
        if done {
            let Some(call) = self.books.find(id) else { return Ok(()) };
            let named = self.out.iter().any(|it| super::answers::names(it) == Some(id));
            must(!named, Judge::Answers, || format!("{id:?} was cancelled and answered"))?;
            self.never_runs(call, id)?;
            return self.settle(None);
        }
        self.settle(None)?;
        must(!self.waits(id), Judge::Answers, || format!("{id:?} waits but cannot be cancelled"))
    }

    fn waits(&self, id: CallId) -> bool {
        let call = self.books.find(id).map(|call| self.books.call(call).state);
        call == Some(super::super::books::State::Waiting)
    }

    /// Half of the time what is due comes first, and must do without what the call holds. With
    /// loans it always does, since otherwise nobody can tell who lent to whom, and where limits go by
    /// how calls end.
    fn due_first(&mut self) -> Verdict {
        let due = self.engine.next_moment().is_some_and(|next| next.as_nanos() <= self.now);
        let mix = self.scene.mix;
        let always = mix.nested || mix.adaptive || mix.breakers || mix.throttles;
        if due && (always || self.rng.percent(50)) { self.catch_up() } else { Ok(()) }
    }

    /// An id that names nothing from here on.
    pub(super) fn gone(&mut self, id: CallId) {
        self.progress = self.now;
        if self.stale.len() < STALE {
            self.stale.push(id);
        } else {
            let place = self.rng.index(STALE);
            self.stale[place] = id;
        }
    }

    /// A client asks again after its call is over.
    pub(super) fn asks_again(&mut self, call: u32) {
        if let Some(source) = self.plans[call as usize].client {
            self.client_asks(source, false);
        }
    }

    pub(super) fn client_asks(&mut self, source: u16, refused: bool) {
        if self.healed {
            return;
        }
        let super::super::scene::Arrivals::Closed { think, .. } =
            self.scene.sources[usize::from(source)].arrivals
        else {
            return;
        };
        // Who is refused asks no more than a few times while a call runs.
        let pause = if refused { self.scene.pace } else { self.scene.pace / 64 };
        let after = self.rng.about(think) + self.rng.below(pause) + 1;
        self.later(self.now.saturating_add(after), Job::Ask(source));
    }

    fn outcome(&mut self, call: u32) -> Outcome {
        let variant = self.books.call(call).variant;
        let kind = &self.scene.kinds[self.books.variants[variant as usize].kind];
        let fails = self.scene.tools[usize::from(kind.tool)].fails;
        let stormy = self.now < self.storm_until;
        if stormy || self.rng.percent(fails) {
            return self.rng.pick(&[Outcome::Failed, Outcome::Overloaded, Outcome::Cancelled]);
        }
        Outcome::Succeeded
    }
}
