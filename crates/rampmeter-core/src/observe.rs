//! What providers say of their quotas, taken in: the matching rate never admits more than that.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use crate::budget::{Budget, Budgets, Said};
use crate::call::{CallId, LimitId};
use crate::config::Counts;
use crate::decision::{Output, Outputs};
use crate::engine::Engine;
use crate::lane::Record;
use crate::route::Take;
use crate::time::{Instant, nanos};

/// What a provider said of one of its quotas, with the answer to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// What it counts.
    pub counts: Counts,
    /// How much a window holds, if it said so.
    pub limit: Option<u64>,
    /// How much is left of it, this call counted.
    pub remaining: u64,
    /// In how long it has all again, if it said so.
    pub resets_in: Option<Duration>,
    /// How long a window is, if that is known.
    pub window: Option<Duration>,
}

impl Word {
    fn is_less_than(&self, other: &Word) -> bool {
        let key = |word: &Word| (word.remaining, Reverse(word.resets_in));
        key(self) < key(other)
    }
}

impl Engine {
    /// The provider of a running call's limits has said this. It is about that rate of each limit
    /// that learns which counts the same: the one of that window, or of that limit, or else the
    /// shortest one that could reset so late. Says whether `id` named a running call.
    pub fn observe(&mut self, now: Instant, id: CallId, words: &[Word], out: &mut Outputs) -> bool {
        self.begin(now, out);
        let Some(index) = self.calls.resolve(id) else { return false };
        let Some(Record::Running(running)) = self.calls.get(index) else { return false };
        let (route, call) = (running.route, (id, running.started));
        for at in 0..self.routes.get(route).draws().len() {
            let draw = self.routes.get(route).draws()[at];
            let limit = self.instances.get(draw.instance).limit;
            if !self.config.learns(limit) {
                continue;
            }
            // Of several about one rate, as where only the minute is counted here and the provider
            // speaks of the day too, the one that leaves less.
            let mut heard: Vec<(Take, &Word)> = Vec::new();
            for word in words {
                let takes = self.routes.get(route).takes_of(draw);
                let Some(take) = about(&mut self.instances.budgets, takes, word) else { continue };
                match heard.iter_mut().find(|(it, _)| it.budget == take.budget) {
                    Some((_, other)) if word.is_less_than(other) => *other = word,
                    Some(_) => {}
                    None => heard.push((take, word)),
                }
            }
            for (take, word) in heard {
                self.hear(draw.instance, take, call, word, out);
            }
            self.instances.remember(draw.instance, self.now);
            self.mark(draw.instance);
        }
        self.pump(out);
        true
    }

    fn hear(
        &mut self,
        instance: u32,
        take: Take,
        (call, started): (CallId, Instant),
        word: &Word,
        out: &mut Outputs,
    ) {
        let said = Said {
            remaining: word.remaining,
            resets: word.resets_in.map(|within| self.now.saturating_add(within)),
            call,
            started,
            charged: take.amount,
        };
        let Budget::Rate(rate) = self.instances.budgets.one_mut(take.budget) else { return };
        if let Some(until) = rate.hear(&said, self.now) {
            let limit = LimitId(self.instances.get(instance).limit);
            out.push(Output::Spent { limit, until });
            self.refuse_who_cannot_wait(instance, until, out);
            self.yield_claims_over(instance);
        }
    }
}

/// Which of these a word is about.
fn about(budgets: &mut Budgets, takes: &[Take], word: &Word) -> Option<Take> {
    let mut best: Option<(Take, (bool, bool, bool, u64))> = None;
    for take in takes {
        let Budget::Rate(rate) = budgets.one_mut(take.budget) else { continue };
        if rate.counts != word.counts {
            continue;
        }
        let period = rate.period_nanos;
        let resets = word.resets_in.map_or(0, nanos);
        let unlike_window = word.window.is_some_and(|it| nanos(it) != period);
        let unlike_limit = word.limit.is_some_and(|it| it != rate.amount);
        let too_short = period.saturating_add(period / 4) < resets;
        // Of those that are too short it is the longest.
        let length = if too_short { u64::MAX - period } else { period };
        let key = (unlike_window, unlike_limit, too_short, length);
        if best.is_none_or(|(_, other)| key < other) {
            best = Some((*take, key));
        }
    }
    best.map(|(take, _)| take)
}
