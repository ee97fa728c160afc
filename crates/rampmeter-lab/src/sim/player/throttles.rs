//! Running calls that their servers throttle.

use std::time::Duration;

use rampmeter_core::{CallId, Instant};

use super::super::books::CoolBook;
use super::super::scene::SEC;
use super::super::totals::Count;
use super::super::verdict::{Judge, Verdict, must};
use super::Player;

/// The random part of a wait is at most this part of it.
const JITTER: u64 = 16;

impl Player {
    /// A running call is throttled, with a delay or without.
    pub(super) fn throttled(&mut self, id: CallId) -> Verdict {
        self.catch_up()?;
        let Some(call) = self.books.running_call(id) else { return Ok(()) };
        self.totals.add(Count::Throttled);
        let delay = self.told.percent(70).then(|| self.told.scale(1, self.scene.pace * 30));
        let now = self.input();
        self.transcript.tell(|| format!("{} throttled {id:?} {delay:?}", now.as_nanos()));
        let delayed = delay.map(Duration::from_nanos);
        let heeded = self.engine.throttled(now, id, delayed, &mut self.out);
        must(heeded, Judge::Answers, || format!("{id:?} runs and cannot be throttled"))?;
        for place in 0..self.books.route_of(call).instances.len() {
            let instance = self.books.route_of(call).instances[place];
            self.cools_as_told(instance, self.books.call(call).started, delay)?;
        }
        self.settle(None)
    }

    /// A cool-down is as long as the server said, and a random part longer; never shorter.
    fn cools_as_told(&mut self, instance: u32, started: u64, delay: Option<u64>) -> Verdict {
        let said = self.cooling(instance);
        let clock = self.books.clock;
        let book = &self.books.instances[instance as usize];
        let before = book.cool.as_ref().map(|cool| cool.until);
        let learns = self.books.limits[usize::from(book.limit)].config.learns;
        let news = before.is_none_or(|before| started >= before) || delay.is_some();
        let (least, most) = match delay {
            Some(delay) => (clock + delay, clock + delay + delay / JITTER),
            None => (clock + SEC, clock + 60 * SEC + 60 * SEC / JITTER),
        };
        let after = |least: u64| before.map_or(least, |before| before.max(least));
        let right = match said {
            _ if !learns || !news => said == before,
            Some(until) => (after(least)..=after(most)).contains(&until),
            None => false,
        };
        must(right, Judge::Limits, || {
            format!(
                "throttled at {clock} for {delay:?}: it cools until {said:?}, before {before:?}"
            )
        })?;
        if let Some(until) = said.filter(|_| said != before) {
            self.books.instances[instance as usize].cool = Some(CoolBook::new(until));
        }
        Ok(())
    }

    /// Until when the engine says that an instance is stopped or has been.
    fn cooling(&mut self, instance: u32) -> Option<u64> {
        let book = &self.books.instances[instance as usize];
        let limit = &self.books.limits[usize::from(book.limit)];
        let value = (instance - limit.first) as usize;
        let label = limit.config.per.map(|of| self.scene.values[usize::from(of.0)][value].as_str());
        let snapshot = self.engine.snapshot(Instant::from_nanos(self.books.clock));
        let of = snapshot.limits.iter().find(|it| it.limit.0 == book.limit)?;
        let seen = of.instances.iter().find(|seen| seen.label.as_deref() == label)?;
        seen.cooling.map(Instant::as_nanos)
    }

    /// Instances that were collected meanwhile know nothing of it any more.
    pub(super) fn forgets_what_was_collected(&mut self, call: u32) {
        for instance in self.books.route_of(call).instances.clone() {
            let book = &self.books.instances[instance as usize];
            let per = self.books.limits[usize::from(book.limit)].config.per.is_some();
            let over = book.cool.as_ref().is_some_and(|cool| cool.until <= self.books.clock);
            if per && over && self.cooling(instance).is_none() {
                self.books.instances[instance as usize].cool = None;
            }
        }
    }
}
