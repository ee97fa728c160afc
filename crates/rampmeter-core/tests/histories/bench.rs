//! A workbench for one history: calls arrive, run for as long as they are said to, and end; time
//! is virtual and jumps from one thing to the next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use rampmeter_core::*;

/// What a call is, and how long it will run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) class: usize,
    pub(crate) flow: u64,
    pub(crate) priority: u8,
    /// `(limit, weight)`.
    pub(crate) draws: [Option<(u16, u64)>; 3],
    pub(crate) runs_ms: u64,
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) job: Job,
    pub(crate) asked: u64,
    pub(crate) started: Option<u64>,
    pub(crate) ended: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Arrives(usize),
    Ends(usize),
}

pub(crate) struct Workbench {
    pub(crate) engine: Engine,
    config: Config,
    pub(crate) done: Vec<Done>,
    now: u64,
    agenda: BinaryHeap<Reverse<(u64, usize, Next)>>,
    jobs: Vec<Job>,
    ids: HashMap<CallId, usize>,
    running: HashMap<usize, CallId>,
    order: usize,
    /// A job of this class is followed by another like it as soon as it ends.
    pub(crate) closed: fn(&Job, u64) -> Option<Job>,
}

impl Workbench {
    pub(crate) fn new(limits: Vec<(&str, BudgetConfig)>) -> Workbench {
        let limits = limits.into_iter().map(|(name, budget)| LimitConfig {
            name: name.into(),
            budgets: vec![budget],
            per: None,
            max_instances: 1,
            queue_size: 1_000_000,
            ..LimitConfig::default()
        });
        let config = Config {
            limits: limits.collect(),
            priorities: vec![64, 16, 4, 1],
            ..Config::default()
        };
        Workbench {
            engine: Engine::new(config.clone()).unwrap(),
            config,
            done: Vec::new(),
            now: 0,
            agenda: BinaryHeap::new(),
            jobs: Vec::new(),
            ids: HashMap::new(),
            running: HashMap::new(),
            order: 0,
            closed: |_, _| None,
        }
    }

    /// The same, with claims that withhold strictly.
    pub(crate) fn without_backfill(mut self) -> Workbench {
        self.engine = Engine::new(Config { backfill: false, ..self.config.clone() }).unwrap();
        self
    }

    pub(crate) fn arrives(&mut self, at_ms: u64, job: Job) {
        self.jobs.push(job);
        let number = self.jobs.len() - 1;
        self.push(at_ms * 1_000_000, Next::Arrives(number));
    }

    /// Runs until `until_ms`.
    pub(crate) fn run(&mut self, until_ms: u64) {
        let until = until_ms * 1_000_000;
        loop {
            let wake = self.engine.next_moment().map(|at| at.as_nanos().max(self.now));
            let next = self.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(at) = [wake, next].into_iter().flatten().min().filter(|at| *at <= until)
            else {
                break;
            };
            self.now = at;
            let mut out = Outputs::new();
            if next == Some(at) {
                let Some(Reverse((_, _, what))) = self.agenda.pop() else { break };
                match what {
                    Next::Arrives(number) => self.ask(number, &mut out),
                    Next::Ends(number) => self.end(number, &mut out),
                }
            } else {
                self.engine.advance(Instant::from_nanos(at), &mut out);
            }
            self.take(&out);
        }
        self.now = until;
    }

    /// Waits in milliseconds of a class, from those that arrived at `from_ms` or later; a call
    /// that has not started counts with what it has waited so far.
    pub(crate) fn waits(&self, class: usize, from_ms: u64) -> Vec<u64> {
        let of_class = self.done.iter().filter(|done| done.job.class == class);
        let late = of_class.filter(|done| done.asked >= from_ms * 1_000_000);
        let mut waits: Vec<u64> =
            late.map(|it| (it.started.unwrap_or(self.now) - it.asked) / 1_000_000).collect();
        waits.sort_unstable();
        waits
    }

    pub(crate) fn started(&self, class: usize) -> usize {
        self.done.iter().filter(|it| it.job.class == class && it.started.is_some()).count()
    }

    /// The part of a limit's slots that was in use until now.
    pub(crate) fn use_of(&self, limit: u16, size: u64) -> f64 {
        let held = self.done.iter().filter_map(|done| {
            let (_, weight) = done.job.draws.iter().flatten().find(|(it, _)| *it == limit)?;
            let started = done.started?;
            Some((done.ended.unwrap_or(self.now) - started) as f64 * *weight as f64)
        });
        held.sum::<f64>() / (size as f64 * self.now as f64)
    }

    fn ask(&mut self, number: usize, out: &mut Outputs) {
        let job = self.jobs[number];
        let draws = job.draws.iter().flatten().map(|(limit, weight)| Draw {
            limit: LimitId(*limit),
            weight: *weight,
            costs: &[],
        });
        let draws: Vec<_> = draws.collect();
        // What a rate counts is the calls; a heavy call on a rate is a weight in tokens.
        let costs: Vec<_> =
            draws.iter().map(|draw| [Cost { unit: Unit(0), amount: draw.weight }]).collect();
        let draws: Vec<_> =
            draws.iter().zip(&costs).map(|(draw, costs)| Draw { costs, ..*draw }).collect();
        let call = Call {
            tool: ToolId(u16::try_from(job.class).unwrap()),
            flow: Flow { id: job.flow, weight: 1 },
            priority: Priority(job.priority),
            labels: &[],
            draws: &draws,
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1_000_000),
            arrived: Instant::NEVER,
        };
        let place = self.done.len();
        let asked = self.now;
        self.done.push(Done { job, asked, started: None, ended: None });
        match self.engine.admit(Instant::from_nanos(self.now), &call, out) {
            Decision::Granted(id) => {
                self.start(place, id);
            }
            Decision::Waiting(id) => {
                self.ids.insert(id, place);
            }
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self, place: usize, out: &mut Outputs) {
        let id = self.running.remove(&place).unwrap();
        self.done[place].ended = Some(self.now);
        assert!(self.engine.release(Instant::from_nanos(self.now), id, Outcome::Succeeded, out));
        let job = self.done[place].job;
        if let Some(next) = (self.closed)(&job, self.order as u64) {
            self.jobs.push(next);
            let number = self.jobs.len() - 1;
            self.push(self.now, Next::Arrives(number));
        }
    }

    fn take(&mut self, out: &Outputs) {
        for output in out {
            match output {
                Output::Granted(id) => {
                    let place = self.ids.remove(id).unwrap();
                    self.start(place, *id);
                }
                Output::Refused(..) => panic!("{output:?}"),
                _ => {}
            }
        }
    }

    fn start(&mut self, place: usize, id: CallId) {
        self.done[place].started = Some(self.now);
        self.running.insert(place, id);
        let ends = self.now + self.done[place].job.runs_ms * 1_000_000;
        self.push(ends, Next::Ends(place));
    }

    fn push(&mut self, at: u64, what: Next) {
        self.order += 1;
        self.agenda.push(Reverse((at, self.order, what)));
    }
}

/// A number below `below`, drawn from a state.
pub(crate) fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below
}

/// The nearest-rank percentile of sorted values.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}
