//! What is judged after each input, how all is healed, and what must be so in the end.

use super::super::scene::FOREVER;
use super::super::verdict::{Judge, Verdict, must};
use super::{Job, Player};

impl Player {
    /// The judges look, after every input.
    pub(super) fn look(&mut self) -> Verdict {
        let books = (self.books.running.len(), self.books.waiting.len());
        let engine = (self.engine.running(), self.engine.waiting());
        must(engine == books, Judge::Answers, || {
            format!("{engine:?} run and wait, by the books {books:?}")
        })?;
        if self.engine.next_moment().is_none_or(|next| next.as_nanos() > self.books.clock) {
            self.who_is_due_is_answered()?;
            self.nobody_waits_for_nothing()?;
            self.books.nested_calls_start()?;
            self.now_and_then_a_wait_is_explained()?;
        }
        self.now_and_then_nobody_starves()?;
        self.now_and_then_a_snapshot_is_right()
    }

    /// No more faults: what hangs ends, and nobody asks any more.
    pub(super) fn heal(&mut self) -> Verdict {
        self.healed = true;
        (self.slow_until, self.storm_until, self.armed) = ((0, 1), 0, None);
        self.transcript.tell(|| format!("{} healed", self.now));
        self.resume_all()?;
        self.align_near()?;
        let soon = self.now.saturating_add(self.scene.longest());
        for place in 0..self.books.running.len() {
            let call = self.books.running[place];
            let Some(id) = self.books.call(call).id else { continue };
            let plan = &mut self.plans[call as usize];
            if plan.ends > soon && !plan.done {
                plan.ends = self.now + self.rng.below(self.scene.longest());
                let ends = plan.ends;
                self.later(ends, Job::End(id));
            }
        }
        self.progress = self.now;
        Ok(())
    }

    /// After healing somebody starts, ends or is answered within a longest hold and a refill.
    pub(super) fn goes_on(&mut self) -> Verdict {
        let refill = self.books.longest_refill().max(self.books.longest_cooling());
        let before = if self.refill.0 == self.progress { self.refill.1 } else { 0 };
        self.refill = (self.progress, refill.max(before));
        let bound = self.scene.longest() + self.refill.1 + self.books.longest_open();
        let since = self.now - self.progress;
        let waits = self.books.waiting.len();
        must(since <= bound || waits == 0, Judge::Waits, || {
            format!("nothing has moved for {since}, above {bound}, and {waits} wait")
        })
    }

    /// Nobody waits, nothing is held, and nothing is due.
    pub(super) fn all_is_over(&mut self) -> Verdict {
        let (runs, waits) = (self.books.running.len(), self.books.waiting.len());
        must(waits == 0, Judge::Waits, || format!("{waits} wait, and nothing will ever happen"))?;
        must(runs == 0, Judge::Answers, || format!("{runs} run, and nobody will end them"))?;
        let next = self.engine.next_moment();
        must(next.is_none(), Judge::Answers, || format!("nobody waits, and it names {next:?}"))?;
        for limit in &self.books.limits {
            must(limit.saturated == 0, Judge::Answers, || {
                format!("nobody waits, and {} is saturated", limit.config.name)
            })?;
        }
        self.snapshot_is_right()?;
        std::mem::take(&mut self.prepared)
            .into_iter()
            .flatten()
            .for_each(|kind| self.engine.discard(kind));
        Ok(())
    }

    /// When the next fault is.
    pub(super) fn fault_after(&mut self) -> u64 {
        if self.healed { FOREVER } else { self.rng.about(self.scene.pace * 8) + 1 }
    }
}
