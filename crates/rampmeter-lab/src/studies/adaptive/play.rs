//! Callers that always want more, the engine, and the server, in virtual time.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use rampmeter_core::{
    Adaptive, BudgetConfig, Call, CallId, Config, Decision, Draw, Engine, Flow, Instant,
    LimitConfig, LimitId, Outcome, Output, Outputs, Priority, ToolId,
};

use crate::server::{Phase, Server};
use crate::sim::rng::{Rng, whole};

/// Calls that wait at any time, so that the limit is never short of any.
const BACKLOG: usize = 32;

/// How long it takes to be told that the server is full, in seconds.
const REFUSAL: f64 = 0.02;

/// How much work calls are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Work {
    /// This many seconds, give or take up to a tenth.
    About(f64),
    /// Exponentially distributed about this mean: most calls are short, some several times as long.
    Exponential(f64),
}

/// What is played.
pub(super) struct Play<'a> {
    /// Each phase and how long it lasts, in whole seconds.
    pub(super) phases: &'a [(Phase, usize)],
    pub(super) work: Work,
    pub(super) size: u64,
    pub(super) adaptive: Option<Adaptive>,
    pub(super) seed: u64,
}

/// What happened, second by second.
#[derive(Clone, Default, Debug)]
pub(super) struct Seconds {
    /// Calls that succeeded.
    pub(super) good: Vec<u64>,
    /// Calls that the server refused.
    pub(super) overloaded: Vec<u64>,
    /// The least and the greatest size.
    pub(super) sizes: Vec<(u64, u64)>,
}

struct Player {
    engine: Engine,
    server: Server,
    rng: Rng,
    work: Work,
    now: f64,
    size: u64,
    /// Calls that the server has, by number.
    running: HashMap<u64, CallId>,
    /// Calls that were refused, by when they know it.
    refused: VecDeque<(f64, CallId)>,
    numbered: u64,
    waiting: usize,
    seconds: Seconds,
}

pub(super) fn play(play: &Play<'_>) -> Seconds {
    let config = Config {
        limits: vec![LimitConfig {
            name: "server".into(),
            budgets: vec![BudgetConfig::slots(play.size)],
            adaptive: play.adaptive,
            ..LimitConfig::default()
        }],
        ..Config::default()
    };
    let (Ok(engine), Some((first, _))) = (Engine::new(config), play.phases.first()) else {
        return Seconds::default();
    };
    let mut player = Player {
        engine,
        server: Server::new(*first),
        rng: Rng::new(play.seed),
        work: play.work,
        now: 0.0,
        size: play.size,
        running: HashMap::new(),
        refused: VecDeque::new(),
        numbered: 0,
        waiting: 0,
        seconds: Seconds::default(),
    };
    let mut ends = 0;
    for (phase, lasts) in play.phases {
        player.server.becomes(player.now, *phase);
        for _ in 0..*lasts {
            ends += 1;
            player.second(ends as f64);
        }
    }
    player.seconds
}

impl Player {
    fn second(&mut self, ends: f64) {
        self.seconds.good.push(0);
        self.seconds.overloaded.push(0);
        self.seconds.sizes.push((self.size, self.size));
        self.ask();
        while let Some((at, id, outcome)) = self.next(ends) {
            self.now = self.now.max(at);
            if outcome == Outcome::Succeeded {
                self.server.leaves(self.now);
            }
            let counts = match outcome {
                Outcome::Succeeded => &mut self.seconds.good,
                _ => &mut self.seconds.overloaded,
            };
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
            let mut out = Outputs::new();
            self.engine.release(self.instant(), id, outcome, &mut out);
            self.take(&out);
            self.ask();
        }
        self.now = ends;
    }

    /// The next call that ends before a moment.
    fn next(&mut self, before: f64) -> Option<(f64, CallId, Outcome)> {
        let refused = self.refused.front().copied().filter(|(at, _)| *at < before);
        let ready = self.server.next().filter(|(at, _)| *at < before);
        if let Some((at, call)) = ready.filter(|ready| refused.is_none_or(|it| ready.0 < it.0)) {
            return self.running.remove(&call).map(|id| (at, id, Outcome::Succeeded));
        }
        self.refused
            .pop_front_if(|(at, _)| *at < before)
            .map(|(at, id)| (at, id, Outcome::Overloaded))
    }

    /// Keeps the queue filled.
    fn ask(&mut self) {
        while self.waiting < BACKLOG {
            let call = Call {
                tool: ToolId(0),
                flow: Flow { id: 0, weight: 1 },
                priority: Priority(0),
                labels: &[],
                draws: &[Draw { limit: LimitId(0), weight: 1, costs: &[] }],
                keys: &[],
                parent: None,
                deadline: Instant::NEVER,
                queue_timeout: Duration::from_secs(1_000_000),
                arrived: Instant::NEVER,
            };
            let mut out = Outputs::new();
            match self.engine.admit(self.instant(), &call, &mut out) {
                Decision::Granted(id) => self.starts(id),
                Decision::Waiting(_) => self.waiting += 1,
                Decision::Refused(_) | Decision::Pending(_) => return,
            }
            self.take(&out);
        }
    }

    fn take(&mut self, out: &Outputs) {
        for output in out {
            match *output {
                Output::Granted(id) => {
                    self.waiting -= 1;
                    self.starts(id);
                }
                Output::Resized { size, .. } => {
                    self.size = size;
                    if let Some((least, greatest)) = self.seconds.sizes.last_mut() {
                        (*least, *greatest) = ((*least).min(size), (*greatest).max(size));
                    }
                }
                _ => {}
            }
        }
    }

    fn starts(&mut self, id: CallId) {
        let uniform = (self.rng.below(1 << 32) as f64 + 0.5) / (1u64 << 32) as f64;
        let work = match self.work {
            Work::About(mean) => mean * (0.9 + 0.2 * uniform),
            Work::Exponential(mean) => -mean * uniform.ln(),
        };
        self.numbered += 1;
        if self.server.arrives(self.now, self.numbered, work) {
            self.running.insert(self.numbered, id);
        } else {
            self.refused.push_back((self.now + REFUSAL, id));
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_nanos(whole(self.now * 1e9))
    }
}
