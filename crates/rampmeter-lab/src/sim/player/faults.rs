//! What goes wrong.

use rampmeter_core::{BudgetConfig, Instant, LimitId, Outcome, RateKind};

use super::super::books::State;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};
use super::{Job, Player};

impl Player {
    /// Something goes wrong.
    pub(super) fn fault(&mut self) -> Verdict {
        let mix = self.scene.mix;
        match self.rng.below(12) {
            0 | 1 => self.stale_id(),
            2 if mix.faults => self.cancel_storm(),
            3 if mix.faults => {
                self.totals.add(Count::Storms);
                self.storm_until = self.now + self.rng.about(self.scene.pace * 20);
                Ok(())
            }
            4 if mix.faults => {
                let until = self.now + self.rng.about(self.scene.pace * 20);
                self.slow_until = (until, self.rng.range(2, 20));
                Ok(())
            }
            5 | 6 if mix.faults => self.vanish(),
            9..=11 if mix.edits => self.edit(),
            7 | 8 if mix.clocks => self.align_somewhere(),
            _ => Ok(()),
        }
    }

    /// An id that does not name what is asked of it is answered "no".
    fn stale_id(&mut self) -> Verdict {
        self.totals.add(Count::StaleIds);
        let stale = match self.rng.below(3) {
            0 if !self.stale.is_empty() => self.rng.pick(&self.stale),
            1 if !self.books.running.is_empty() => {
                let call = self.rng.pick(&self.books.running);
                return self.wrong_verb(call, State::Running);
            }
            2 if !self.books.waiting.is_empty() => {
                let call = self.rng.pick(&self.books.waiting);
                return self.wrong_verb(call, State::Waiting);
            }
            _ => return Ok(()),
        };
        self.catch_up()?;
        let now = self.input();
        let heeded = self.engine.release(now, stale, Outcome::Failed, &mut self.out);
        self.settle(None)?;
        let now = self.input();
        let heeded = heeded || self.engine.cancel(now, stale, &mut self.out);
        must(!heeded, Judge::Input, || format!("{stale:?} is stale and was heeded"))?;
        self.settle(None)
    }

    /// A waiting call cannot be released, and a running one cannot be cancelled.
    fn wrong_verb(&mut self, call: u32, state: State) -> Verdict {
        self.catch_up()?;
        let book = self.books.call(call);
        let (Some(id), true) = (book.id, book.state == state) else { return Ok(()) };
        let now = self.input();
        let heeded = match state {
            State::Running => self.engine.cancel(now, id, &mut self.out),
            _ => self.engine.release(now, id, Outcome::Succeeded, &mut self.out),
        };
        must(!heeded, Judge::Input, || format!("{id:?} is {state:?}, and the wrong verb heeded"))?;
        self.settle(None)
    }

    /// Many callers give up at one instant.
    fn cancel_storm(&mut self) -> Verdict {
        self.totals.add(Count::Storms);
        let percent = self.rng.pick(&[20, 50, 100]);
        let waiting = self.books.waiting.clone();
        for call in waiting {
            if self.rng.percent(percent)
                && let Some(id) = self.books.call(call).id
            {
                self.give_up(id)?;
            }
        }
        Ok(())
    }

    /// A caller vanishes: what it runs ends only with its lease, and what waits is given up.
    fn vanish(&mut self) -> Verdict {
        if self.books.running.is_empty() {
            return Ok(());
        }
        self.totals.add(Count::Vanished);
        let call = self.rng.pick(&self.books.running);
        let Some(id) = self.books.call(call).id else { return Ok(()) };
        let lease = self.now + self.scene.pace * self.rng.range(10, 60);
        let plan = &mut self.plans[call as usize];
        (plan.vanished, plan.ends) = (true, lease);
        let client = plan.client;
        self.later(lease, Job::End(id));
        for waiting in self.books.waiting.clone() {
            if self.plans[waiting as usize].client == client
                && client.is_some()
                && self.rng.percent(20)
                && let Some(id) = self.books.call(waiting).id
            {
                self.give_up(id)?;
            }
        }
        Ok(())
    }

    /// A clock steps: some calendar window ends at another moment.
    fn align_somewhere(&mut self) -> Verdict {
        let limit = self.rng.index(self.books.limits.len());
        let budgets = self.books.limits[limit].config.budgets.clone();
        for (place, budget) in budgets.iter().enumerate() {
            let BudgetConfig::Rate { kind: RateKind::Calendar { .. }, period, .. } = budget else {
                continue;
            };
            let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
            let ends = match self.rng.below(4) {
                0 => self.rng.below(self.now + 1),
                1 => self.now + self.rng.below(3 * period),
                _ => self.now + self.rng.below(period),
            };
            self.align(limit, place, ends)?;
        }
        Ok(())
    }

    /// No calendar window ends later than in one period.
    pub(super) fn align_near(&mut self) -> Verdict {
        for limit in 0..self.books.limits.len() {
            let budgets = self.books.limits[limit].config.budgets.clone();
            for (place, budget) in budgets.iter().enumerate() {
                if let BudgetConfig::Rate { kind: RateKind::Calendar { .. }, period, .. } = budget {
                    let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
                    let ends = self.now + self.rng.below(period) + 1;
                    self.align(limit, place, ends)?;
                }
            }
        }
        Ok(())
    }

    fn align(&mut self, limit: usize, budget: usize, ends: u64) -> Verdict {
        self.catch_up()?;
        self.totals.add(Count::Aligns);
        let name = LimitId(u16::try_from(limit).unwrap_or(u16::MAX));
        let now = self.input();
        self.transcript.tell(|| format!("{} align {name:?} {budget} {ends}", now.as_nanos()));
        let done = self.engine.align(now, name, budget, Instant::from_nanos(ends), &mut self.out);
        must(done, Judge::Input, || format!("no calendar is budget {budget} of {name:?}"))?;
        self.books.align(limit, budget, ends);
        self.settle(None)
    }
}
