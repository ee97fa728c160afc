//! Breakers by their definition: a list of ends with their times, and what follows from it.

use rampmeter_core::{Breaker, BreakerState, Instant, Outcome, WhenOpen};

use super::Books;

#[derive(Clone, Debug)]
pub(crate) struct BreakerBook {
    config: Breaker,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    /// Of calls that started since then, when they ended, and whether they failed.
    Closed {
        since: u64,
        ends: Vec<(u64, bool)>,
    },
    Open {
        until: u64,
    },
    /// From `since` on, with so many probes out and so many that have succeeded.
    Half {
        since: u64,
        out: u32,
        good: u32,
    },
}

impl BreakerBook {
    pub(crate) fn new(config: Breaker) -> BreakerBook {
        BreakerBook { config, phase: Phase::Closed { since: 0, ends: Vec::new() } }
    }

    pub(crate) fn state(&self, clock: u64) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { until } if clock < until => {
                BreakerState::Open(Instant::from_nanos(until))
            }
            Phase::Open { .. } | Phase::Half { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether a call that may wait must.
    fn bars(&self, nested: bool, clock: u64) -> bool {
        match self.state(clock) {
            BreakerState::Closed => false,
            BreakerState::Open(_) => true,
            BreakerState::HalfOpen => !nested && !self.has_probe(),
        }
    }

    fn has_probe(&self) -> bool {
        match self.phase {
            Phase::Half { out, good, .. } => out + good < self.config.probes,
            Phase::Open { .. } | Phase::Closed { .. } => true,
        }
    }

    /// A call starts; whether that is told as half-open.
    fn starts(&mut self) -> bool {
        match &mut self.phase {
            Phase::Closed { .. } => false,
            Phase::Half { out, .. } => {
                *out += 1;
                false
            }
            Phase::Open { until } => {
                self.phase = Phase::Half { since: *until, out: 1, good: 0 };
                true
            }
        }
    }

    /// A call ends; the state if that is another now.
    fn ends(&mut self, started: u64, outcome: Outcome, clock: u64) -> Option<BreakerState> {
        let (cancelled, succeeded) = (outcome == Outcome::Cancelled, outcome == Outcome::Succeeded);
        let over = u64::try_from(self.config.over.as_nanos()).unwrap_or(u64::MAX);
        let opens = match &mut self.phase {
            Phase::Closed { since, ends } if !cancelled && started >= *since => {
                ends.push((clock, !succeeded));
                // Whole tenths of the window, the present one and nine before it.
                let tenth = |at: u64| at / over.div_ceil(10).max(1);
                ends.retain(|(at, _)| tenth(*at) + 10 > tenth(clock));
                let failed = ends.iter().filter(|(_, failed)| *failed).count() as u64;
                let all = ends.len() as u64;
                all >= u64::from(self.config.min_calls)
                    && failed * 1_000 >= all * u64::from(self.config.failures_per_mille)
            }
            Phase::Half { since, out, good } if started >= *since => {
                *out -= 1;
                *good += u32::from(succeeded);
                if *good >= self.config.probes {
                    self.phase = Phase::Closed { since: clock, ends: Vec::new() };
                    return Some(BreakerState::Closed);
                }
                !cancelled && !succeeded
            }
            _ => false,
        };
        if opens {
            let open = u64::try_from(self.config.open_for.as_nanos()).unwrap_or(u64::MAX);
            self.phase = Phase::Open { until: clock.saturating_add(open) };
        }
        opens.then(|| self.state(clock))
    }
}

impl Books {
    fn breakers_of(&self, route: u32) -> impl Iterator<Item = &BreakerBook> {
        let instances = self.routes[route as usize].instances.iter();
        instances.filter_map(|id| self.instances[*id as usize].breaker.as_ref())
    }

    /// Whether a breaker keeps a call that may wait from starting now.
    pub(crate) fn is_barred(&self, route: u32, nested: bool) -> bool {
        self.breakers_of(route).any(|it| it.bars(nested, self.clock))
    }

    /// Whether a breaker keeps all calls that draw like this from starting before a moment.
    pub(crate) fn is_open_until(&self, route: u32, moment: u64) -> bool {
        self.breakers_of(route).any(|it| {
            matches!(it.state(self.clock), BreakerState::Open(until) if until.as_nanos() >= moment)
        })
    }

    /// Whether a new call that draws like this is refused: an open breaker says so, or it would
    /// wait for a probe that may be its caller's.
    pub(crate) fn is_refused_by_breaker(&self, route: u32, nested: bool) -> bool {
        self.breakers_of(route).any(|it| match it.state(self.clock) {
            BreakerState::Closed => false,
            BreakerState::Open(_) => it.config.when_open == WhenOpen::Refuse,
            BreakerState::HalfOpen => nested && !it.has_probe(),
        })
    }

    /// A call starts; how many breakers are half-open now.
    pub(crate) fn breakers_start(&mut self, route: u32) -> i64 {
        let mut told = 0;
        for id in &self.routes[route as usize].instances {
            let breaker = self.instances[*id as usize].breaker.as_mut();
            told += i64::from(breaker.is_some_and(BreakerBook::starts));
        }
        told
    }

    /// A call ends: which limits' breakers have another state now, and which.
    pub(crate) fn breakers_end(
        &mut self,
        route: u32,
        started: u64,
        outcome: Outcome,
    ) -> Vec<(u16, BreakerState)> {
        let clock = self.clock;
        let mut told = Vec::new();
        for id in &self.routes[route as usize].instances {
            let instance = &mut self.instances[*id as usize];
            let ended = instance.breaker.as_mut().map(|it| it.ends(started, outcome, clock));
            told.extend(ended.flatten().map(|state| (instance.limit, state)));
        }
        told
    }

    /// Whether the breaker of a limit, which has one instance, is not closed.
    pub(crate) fn is_any_open(&self, limit: usize) -> bool {
        let first = self.limits[limit].first as usize;
        let breaker = self.instances[first].breaker.as_ref();
        breaker.is_some_and(|it| it.state(self.clock) != BreakerState::Closed)
    }

    /// The longest that a breaker stays open.
    pub(crate) fn longest_open(&self) -> u64 {
        let breakers = self.limits.iter().filter_map(|limit| limit.config.breaker);
        let open = breakers.map(|it| u64::try_from(it.open_for.as_nanos()).unwrap_or(u64::MAX));
        open.max().unwrap_or(0)
    }
}
