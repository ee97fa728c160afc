//! Adaptive concurrency: how many slots there are follows from how calls end.
//!
//! Two rules, in whole numbers. Both look at _rounds_: a round is as many calls as there are slots
//! that started after the last change downwards and have ended since. A round counts only if at the
//! end of one of them at least half of the slots were held: fewer calls say nothing of how many would
//! be too many. Cancelled calls say nothing at all. A call that failed of its own was let in, and so
//! counts like one that succeeded; how long it took does not count.
//!
//! **AIMD** (Chiu, Jain: "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance
//! in Computer Networks", 1989; as in TCP and Netflix's concurrency-limits). After a round without
//! an overload the size grows by a step; an overloaded call cuts it by a twentieth, at least 1.
//! Calls that started before the last cut do not count again, so there is at most one cut a round
//! trip. What differs here: the step is 1 for eight rounds and then grows by one a round, to an
//! eighth of the size at most, so that much new room is found in tens of rounds and not in hundreds;
//! and cuts that follow each other without a whole round between them grow by a twentieth each, to a
//! quarter, so that a server that has lost most of its room is left in peace as soon.
//!
//! **Vegas** (Brakmo, Peterson: "TCP Vegas", 1995; as in Netflix's concurrency-limits). With `R` the
//! mean latency of a round and `R0` the least such mean, `size·(R - R0)/R` calls wait inside the
//! server. Below a sixteenth of the size (at least 2) it grows by the step above, beyond twice that
//! by what is too much it shrinks, at most by an eighth a round; overloads cut as above. What
//! differs here: means of rounds, not single samples; and when 32 rounds have passed and what waits
//! is not too much, the size is lowered by it, at most an eighth, until a round has shown what `R0`
//! is now: without that a queue of its own making would pass for the server's latency. If 16 rounds
//! in a row have taken something away and still too much seems to wait, the server has become
//! slower: `R0` is what it is now.
//! Its regime: calls that take about as long as each other, at a server that is as quick for many
//! as for one up to a knee, and lets them queue beyond. Where latency varies from call to call, or
//! rises with load long before the best concurrency, it settles far too low; there AIMD is right.
//!
//! Bounds: `min ≤ size ≤ max`; at most one step up and one cut a round.

use crate::call::Outcome;
use crate::config::{Adaptive, AdaptiveRule};
use crate::time::Instant;

/// Rounds after a cut with a step of 1.
const CALM_ROUNDS: u64 = 8;
/// A step up is at most the size divided by this, and so is what Vegas takes away in a round.
const STEP_SHARE: u64 = 8;
/// A cut takes the size divided by this, at least 1.
const CUT_SHARE: u64 = 20;
/// Cuts in a row, each greater by one such share, up to so many.
const CUTS_IN_A_ROW: u64 = 5;
/// Rounds from one probe for the latency without a queue to the next.
const PROBE_ROUNDS: u64 = 32;
/// Rounds in a row that shrink because of a queue.
const SHRINKING_ROUNDS: u64 = 16;
/// What may wait inside the server: at least 2, or the size divided by this; beyond twice that it
/// is too much.
const QUEUE_SHARE: u64 = 16;

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) outcome: Outcome,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    /// Slots held just before it ended, its own among them.
    pub(crate) held: u64,
}

/// What is learned of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Adapting {
    /// How many slots there were when other figures were given, for those to go on with.
    pub(super) learned: u64,
    rule: AdaptiveRule,
    min: u64,
    max: u64,
    /// Calls that started before do not count.
    since: Option<Instant>,
    /// What this round has shown so far: calls, the most slots held at the end of one, and the time
    /// that some of them took.
    calls: u64,
    high: u64,
    nanos: u128,
    timed: u64,
    /// Rounds since the last cut.
    rounds: u64,
    /// Cuts since the last whole round.
    cuts: u64,
    delay: Delay,
}

/// What Vegas knows besides.
#[derive(Clone, Debug, Default)]
struct Delay {
    /// The least mean latency of a round, 0 if none is known.
    least_nanos: u64,
    /// Rounds since the last probe.
    rounds: u64,
    /// Rounds in a row that shrank because of a queue.
    shrinking: u64,
    /// The size to go back to, during a probe.
    back_to: Option<u64>,
}

impl Adapting {
    pub(super) fn new(config: &Adaptive, size: u64) -> Adapting {
        Adapting {
            learned: size,
            rule: config.rule,
            min: config.min,
            max: config.max,
            since: None,
            calls: 0,
            high: 0,
            nanos: 0,
            timed: 0,
            rounds: 0,
            cuts: 0,
            delay: Delay::default(),
        }
    }

    /// The same state under other bounds; another rule begins anew, with as many slots.
    pub(super) fn bounded(self, config: &Adaptive) -> Adapting {
        let (learned, min, max) =
            (self.learned.clamp(config.min, config.max), config.min, config.max);
        if self.rule == config.rule {
            Adapting { learned, min, max, ..self }
        } else {
            Adapting::new(config, learned)
        }
    }

    /// The most slots that there can ever be.
    pub(super) fn most(&self) -> u64 {
        self.max
    }

    /// A call has ended; returns how many slots there are from now on.
    pub(super) fn ended(&mut self, size: u64, sample: &Sample) -> u64 {
        if self.since.is_some_and(|since| sample.started < since) {
            return size;
        }
        match sample.outcome {
            Outcome::Cancelled => size,
            Outcome::Overloaded => self.cut(size, sample.ended),
            outcome => {
                self.calls += 1;
                self.high = self.high.max(sample.held);
                if outcome == Outcome::Succeeded {
                    let took = sample.ended.saturating_since(sample.started);
                    self.nanos += took.as_nanos();
                    self.timed += 1;
                }
                if self.calls < size { size } else { self.round(size, sample.ended) }
            }
        }
    }

    fn fit(&self, size: u64) -> u64 {
        size.clamp(self.min, self.max)
    }

    fn cut(&mut self, size: u64, now: Instant) -> u64 {
        self.cuts = (self.cuts + 1).min(CUTS_IN_A_ROW);
        let taken = (size.saturating_mul(self.cuts) / CUT_SHARE).max(1);
        self.rounds = 0;
        self.delay.back_to = None;
        self.begin_round(Some(now));
        self.fit(size.saturating_sub(taken))
    }

    /// A whole round has ended, and nothing in it was overloaded.
    fn round(&mut self, size: u64, now: Instant) -> u64 {
        let mean = self.nanos.checked_div(u128::from(self.timed));
        let mean = mean.map_or(0, |mean| u64::try_from(mean).unwrap_or(u64::MAX));
        let used = self.high >= size.div_ceil(2);
        self.begin_round(self.since);
        if !used {
            return size;
        }
        (self.cuts, self.rounds) = (0, self.rounds.saturating_add(1));
        match self.rule {
            AdaptiveRule::Aimd => self.grown(size),
            AdaptiveRule::Vegas if mean == 0 => size,
            AdaptiveRule::Vegas => self.by_delay(size, mean, now),
        }
    }

    fn begin_round(&mut self, since: Option<Instant>) {
        self.since = since;
        (self.calls, self.high, self.nanos, self.timed) = (0, 0, 0, 0);
    }

    fn grown(&self, size: u64) -> u64 {
        let step = self.rounds.saturating_sub(CALM_ROUNDS).max(1);
        self.fit(size.saturating_add(step.min((size / STEP_SHARE).max(1))))
    }

    fn by_delay(&mut self, size: u64, mean: u64, now: Instant) -> u64 {
        if let Some(back_to) = self.delay.back_to.take() {
            self.delay = Delay { least_nanos: mean, ..Delay::default() };
            self.begin_round(Some(now));
            return self.fit(back_to);
        }
        if self.delay.shrinking >= SHRINKING_ROUNDS {
            self.delay = Delay::default();
        }
        let least = match self.delay.least_nanos {
            0 => mean,
            known => known.min(mean),
        };
        self.delay.least_nanos = least;
        self.delay.rounds += 1;
        let waits = crate::units::mul_div(size, mean - least, mean);
        let (few, share) = ((size / QUEUE_SHARE).max(2), (size / STEP_SHARE).max(1));
        if waits > 2 * few {
            self.delay.shrinking += 1;
            self.rounds = 0;
            self.begin_round(Some(now));
            return self.fit(size.saturating_sub((waits - 2 * few).min(share)));
        }
        self.delay.shrinking = 0;
        if self.delay.rounds >= PROBE_ROUNDS {
            self.delay.back_to = Some(size);
            self.begin_round(Some(now));
            return self.fit(size.saturating_sub((waits + 1).min(share)));
        }
        if waits < few { self.grown(size) } else { size }
    }
}
