//! Circuit breaker (Nygard, "Release It!", 2007; the states as in resilience4j): where too many of
//! the last calls have failed, no more are sent for a while.
//!
//! _Closed_: every end is counted in a ring of ten buckets, each a tenth of `over` long, so the window
//! covers between nine tenths of it and all of it. With `n` ends in it, of which `f` were failures, it
//! opens once `n ≥ min_calls` and `1000·f ≥ failures_per_mille·n`. Failed and overloaded calls are
//! failures; a cancelled call does not count.
//!
//! _Open_, for `open_for`: nothing starts. New calls are refused at once, or wait, as the config says;
//! those that waited already wait on.
//!
//! _Half-open_ from then on: at most `probes` calls, not counting those that were cancelled. When as
//! many have ended well it is closed and has seen nothing; the first failure opens it again.
//!
//! What differs here: a call counts only in the state in which it started, so those that were out when
//! it opened neither close it nor open it again. A new call made by a running call never waits for a
//! probe, which may be its own caller's: beyond the probes it is refused. One that waited before is
//! let through.

use alloc::boxed::Box;
use core::time::Duration;

use crate::budget::Answer;
use crate::call::{LimitId, Outcome};
use crate::config::{Breaker, WhenOpen};
use crate::decision::{Output, Outputs, Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::time::{Instant, nanos};

const BUCKETS: usize = 10;

/// What a breaker lets through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// Everything.
    Closed,
    /// Nothing, until the moment.
    Open(Instant),
    /// A few probes.
    HalfOpen,
}

/// One instance's breaker.
#[derive(Clone, Debug)]
pub(crate) struct Circuit {
    config: Breaker,
    state: State,
    /// What was seen since it was closed.
    window: Window,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Calls that started before `since` do not count.
    Closed { since: Instant },
    /// Half-open from `until` on, when nobody may have noticed it yet.
    Open { until: Instant, probing: Option<Probing> },
}

#[derive(Clone, Copy, Default, Debug)]
struct Probing {
    out: u32,
    succeeded: u32,
}

/// Ends by when they came.
#[derive(Clone, Debug, Default)]
struct Window {
    buckets: [Bucket; BUCKETS],
}

#[derive(Clone, Copy, Default, Debug)]
struct Bucket {
    /// Which tenth of `over` since the epoch it is.
    number: u64,
    calls: u64,
    failures: u64,
}

impl Circuit {
    pub(crate) fn new(config: Breaker, since: Instant) -> Circuit {
        Circuit { config, state: State::Closed { since }, window: Window::default() }
    }

    /// It has other figures; what it saw in a window of another length is forgotten. If as many
    /// probes have succeeded as are needed now, it is closed: no other may come that would close it.
    pub(crate) fn revise(&mut self, config: Breaker, now: Instant) {
        if self.config.over != config.over {
            self.window = Window::default();
        }
        self.config = config;
        if let State::Open { probing: Some(Probing { succeeded, .. }), .. } = self.state
            && succeeded >= self.config.probes
        {
            self.state = State::Closed { since: now };
        }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until, .. } if now < until => BreakerState::Open(until),
            State::Open { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether it is in anybody's way.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// What it says to a call that may wait.
    #[inline]
    pub(crate) fn answer(&self, nested: bool, now: Instant) -> Answer {
        match &self.state {
            State::Closed { .. } => Answer::Ready,
            State::Open { until, .. } if now < *until => Answer::At(*until),
            State::Open { .. } if nested || self.has_probe() => Answer::Ready,
            State::Open { .. } => Answer::OnRelease,
        }
    }

    /// When a new call that is refused here may come again; `None` if it is not refused.
    fn refuses(&self, nested: bool, now: Instant) -> Option<Retry> {
        match self.state(now) {
            BreakerState::Open(until) if self.config.when_open == WhenOpen::Refuse => {
                Some(Retry::At(until))
            }
            BreakerState::HalfOpen if nested && !self.has_probe() => Some(Retry::OnRelease),
            _ => None,
        }
    }

    fn has_probe(&self) -> bool {
        let State::Open { probing, .. } = &self.state else { return false };
        let Probing { out, succeeded } = probing.unwrap_or_default();
        out.saturating_add(succeeded) < self.config.probes
    }

    /// A call starts; says whether it is the first probe.
    fn started(&mut self) -> bool {
        let State::Open { probing, .. } = &mut self.state else { return false };
        let first = probing.is_none();
        probing.get_or_insert_default().out += 1;
        first
    }

    /// A call has ended; says whether the state is another now.
    fn ended(&mut self, started: Instant, outcome: Outcome, now: Instant) -> bool {
        let failed = matches!(outcome, Outcome::Failed | Outcome::Overloaded);
        let cancelled = outcome == Outcome::Cancelled;
        match &mut self.state {
            State::Closed { since } => {
                if cancelled || started < *since {
                    return false;
                }
                let (calls, failures) = self.window.count(self.config.over, now, failed);
                let most = u128::from(self.config.failures_per_mille) * u128::from(calls);
                let opens = calls >= u64::from(self.config.min_calls)
                    && u128::from(failures) * 1_000 >= most;
                if opens {
                    self.open(now);
                }
                opens
            }
            State::Open { until, probing: Some(probing) } if started >= *until => {
                probing.out = probing.out.saturating_sub(1);
                if failed {
                    self.open(now);
                    return true;
                }
                probing.succeeded = probing.succeeded.saturating_add(u32::from(!cancelled));
                let closes = probing.succeeded >= self.config.probes;
                if closes {
                    self.state = State::Closed { since: now };
                }
                closes
            }
            State::Open { .. } => false,
        }
    }

    fn open(&mut self, now: Instant) {
        let until = now.saturating_add(self.config.open_for);
        self.state = State::Open { until, probing: None };
        self.window = Window::default();
    }

    /// From when on it remembers nothing that matters.
    pub(crate) fn idle_at(&self) -> Instant {
        match &self.state {
            State::Closed { .. } => self.window.idle_at(self.config.over),
            // Whoever comes back long after may as well be the first.
            State::Open { until, .. } => until.saturating_add(self.config.open_for),
        }
    }
}

impl Window {
    /// Counts an end; returns how many there are in the window, and how many of them failed.
    fn count(&mut self, over: Duration, now: Instant, failed: bool) -> (u64, u64) {
        let number = now.as_nanos() / width_nanos(over);
        let at = usize::try_from(number % BUCKETS as u64).unwrap_or(0);
        let bucket = &mut self.buckets[at];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.calls += 1;
        bucket.failures += u64::from(failed);
        let oldest = number.saturating_sub(BUCKETS as u64 - 1);
        let inside = self.buckets.iter().filter(|bucket| bucket.number >= oldest);
        inside.fold((0, 0), |(calls, failures), it| (calls + it.calls, failures + it.failures))
    }

    fn idle_at(&self, over: Duration) -> Instant {
        let used = self.buckets.iter().filter(|bucket| bucket.calls > 0);
        let last = used.map(|bucket| bucket.number).max();
        let after = last.map_or(0, |last| last.saturating_add(BUCKETS as u64));
        Instant::from_nanos(after.saturating_mul(width_nanos(over)))
    }
}

fn width_nanos(over: Duration) -> u64 {
    nanos(over).div_ceil(BUCKETS as u64).max(1)
}

impl Engine {
    /// The limit whose breaker refuses a new call at once.
    pub(crate) fn refusal_as_open(&self, route: u32, nested: bool) -> Option<Refusal> {
        let mut draws = self.routes.get(route).draws().iter();
        draws.find_map(|draw| {
            let instance = self.instances.get(draw.instance);
            let retry = instance.breaker.as_deref()?.refuses(nested, self.now)?;
            let limit = Some(LimitId(instance.limit));
            Some(Refusal { reason: Reason::Open, limit, retry })
        })
    }

    /// A call starts: where breakers are half-open it is a probe.
    pub(crate) fn probes_start(&mut self, route: u32, out: &mut Outputs) {
        for draw in self.routes.get(route).draws() {
            let instance = self.instances.get_mut(draw.instance);
            let breaker = instance.breaker.as_deref_mut();
            if breaker.is_some_and(Circuit::started) {
                let limit = LimitId(instance.limit);
                out.push(Output::Breaker { limit, state: BreakerState::HalfOpen });
            }
        }
    }

    /// A call that drew on an instance has ended.
    pub(crate) fn breaker_learns(
        &mut self,
        id: u32,
        started: Instant,
        outcome: Outcome,
        out: &mut Outputs,
    ) {
        let now = self.now;
        let instance = self.instances.get_mut(id);
        let Some(breaker) = instance.breaker.as_deref_mut() else { return };
        let was_closed = breaker.is_closed();
        if !breaker.ended(started, outcome, now) {
            return;
        }
        let (limit, state) = (LimitId(instance.limit), breaker.state(now));
        let is_closed = breaker.is_closed();
        out.push(Output::Breaker { limit, state });
        self.counts_as_closed(was_closed, is_closed);
        self.mark(id);
        if !is_closed {
            self.yield_claims_over(id);
        }
    }

    /// An instance gets the breaker that the config now says.
    pub(crate) fn revise_breaker(&mut self, id: u32, config: Option<Breaker>, out: &mut Outputs) {
        let now = self.now;
        let instance = self.instances.get_mut(id);
        let limit = LimitId(instance.limit);
        let was_closed = instance.breaker.as_deref().is_none_or(Circuit::is_closed);
        match (config, instance.breaker.as_deref_mut()) {
            (Some(config), Some(breaker)) => breaker.revise(config, now),
            (Some(config), None) => instance.breaker = Some(Box::new(Circuit::new(config, now))),
            (None, _) => instance.breaker = None,
        }
        let is_closed = instance.breaker.as_deref().is_none_or(Circuit::is_closed);
        if was_closed != is_closed {
            out.push(Output::Breaker { limit, state: BreakerState::Closed });
        }
        self.counts_as_closed(was_closed, is_closed);
        self.mark(id);
    }

    fn counts_as_closed(&mut self, was: bool, is: bool) {
        match (was, is) {
            (true, false) => self.contended += 1,
            (false, true) => self.contended -= 1,
            _ => {}
        }
    }
}
