//! The engine's timer, punctual or late, and what time alone must not do before it.

use rampmeter_core::{Instant, Outputs};

use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};
use super::Player;

/// Once in so many turns a copy of the engine is told a time before the moment it named.
const TRIALS: u64 = 1_024;

impl Player {
    /// When the timer fires: at the moment that the engine names, or somewhat late.
    pub(super) fn timer(&mut self) -> Option<u64> {
        let moment = self.engine.next_moment()?.as_nanos();
        if moment <= self.now {
            return Some(self.now);
        }
        match self.armed {
            Some((armed, fires)) if armed == moment => Some(fires.max(self.now)),
            _ => {
                let late = if self.healed { 0 } else { self.scene.late };
                let late = if late > 0 && self.rng.percent(50) { self.rng.below(late) } else { 0 };
                self.armed = Some((moment, moment.saturating_add(late)));
                Some(moment.saturating_add(late))
            }
        }
    }

    /// The timer fires.
    pub(super) fn fire(&mut self) -> Verdict {
        self.totals.add(Count::Timers);
        self.totals.add(Count::Steps);
        let due = self.engine.next_moment().map_or(0, Instant::as_nanos);
        let now = self.punctual();
        self.transcript.tell(|| format!("{} timer", now.as_nanos()));
        self.engine.advance(now, &mut self.out);
        let quiet = self.out.is_empty();
        self.settle(None)?;
        let more = self.engine.next_moment().is_some_and(|next| next.as_nanos() <= self.now);
        if more {
            self.totals.add(Count::TimersWithMoreToDo);
        }
        self.idle_timers = if quiet && more { self.idle_timers + 1 } else { 0 };
        // An input looks at 256 calls, and each may be looked at once for each of its limits; at 64
        // nested ones in one go, and once more if something changed meanwhile.
        let nested = self.books.nested.len() * self.books.limits.len();
        let bound = 4 + self.books.waiting.len() / 16 + nested / 16;
        let busy = self.idle_timers > bound;
        must(!busy, Judge::Idle, || format!("a busy loop: it names {due} more than {bound} times"))
    }

    /// Does what is due until nothing is; what follows belongs to the world as it was.
    pub(super) fn catch_up(&mut self) -> Verdict {
        loop {
            self.fire()?;
            if self.engine.next_moment().is_none_or(|next| next.as_nanos() > self.books.clock) {
                return Ok(());
            }
        }
    }

    /// Before the moment that the engine names, time alone changes nothing.
    pub(super) fn try_before(&mut self, to: u64) -> Verdict {
        if !self.rng.once_in(TRIALS) || to <= self.now {
            return Ok(());
        }
        let next = self.engine.next_moment();
        let last = next.map_or(to, |next| to.min(next.as_nanos().saturating_sub(1)));
        if last <= self.books.clock {
            return Ok(());
        }
        self.totals.add(Count::Trials);
        let at = self.rng.range(self.books.clock + 1, last);
        let (mut copy, mut out) = (self.engine.clone(), Outputs::new());
        copy.advance(Instant::from_nanos(at), &mut out);
        let same = (copy.next_moment(), copy.waiting()) == (next, self.engine.waiting());
        must(same && out.is_empty(), Judge::Idle, || {
            format!("it named {next:?}, but at {at} this happened: {out:?}")
        })
    }
}
