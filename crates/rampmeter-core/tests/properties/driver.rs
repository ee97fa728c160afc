//! Plays a world against the engine in virtual time, and keeps books of its own on the way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use rampmeter_core::{
    CallId, Decision, Engine, Instant, Outputs, Prepared, Priority, Refusal, Terms,
};

use super::history::{Event, Run, Said, What};
use super::seed::Rng;
use super::whereabouts::Whereabouts;
use super::world::{Planned, Via, World};

/// What the driver will do next of its own accord; the number is a place in its list of calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Job {
    Finish(usize),
    GiveUp(usize),
    Align(usize),
    Arrive(usize),
}

/// Where a call stands by the driver's books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Unheard,
    Waiting(CallId),
    Running(CallId),
    Over(Option<CallId>),
}

pub(crate) struct Driver {
    pub(super) world: World,
    pub(super) engine: Engine,
    pub(super) rng: Rng,
    pub(super) now: u64,
    /// The latest time that the engine was told; behind `now` if a clock ran backwards.
    pub(super) clock: u64,
    pub(super) calls: Vec<Planned>,
    pub(super) standing: Vec<Standing>,
    pub(super) waiting: usize,
    pub(super) running: usize,
    pub(super) named: BTreeMap<u64, usize>,
    agenda: BinaryHeap<Reverse<(u64, u64, Job)>>,
    jobs: u64,
    prepared: BTreeMap<usize, Prepared>,
    armed: Option<(u64, u64)>,
    pub(super) out: Outputs,
    pub(super) events: Vec<Event>,
    pub(super) transcript: Vec<Said>,
    pub(super) whereabouts: Whereabouts,
    /// Timers in a row that changed nothing at one instant.
    idle_timers: usize,
}

/// Plays the world to its end and hands the history to the judges.
pub(crate) fn play(world: &World) -> Run {
    let engine = Engine::new(world.config.clone()).unwrap();
    let mut driver = Driver {
        engine,
        rng: Rng::new(world.seed ^ 0xD1CE),
        now: 0,
        clock: 0,
        calls: Vec::new(),
        standing: Vec::new(),
        waiting: 0,
        running: 0,
        named: BTreeMap::new(),
        agenda: BinaryHeap::new(),
        jobs: 0,
        prepared: BTreeMap::new(),
        armed: None,
        out: Outputs::new(),
        events: Vec::new(),
        transcript: Vec::new(),
        whereabouts: Whereabouts::default(),
        idle_timers: 0,
        world: world.clone(),
    };
    for call in &world.calls {
        driver.plan(call.clone());
    }
    for (index, align) in world.aligns.iter().enumerate() {
        driver.later(align.at, Job::Align(index));
    }
    driver.run()
}

impl Driver {
    fn run(mut self) -> Run {
        while self.step() {}
        assert_eq!((self.running, self.waiting), (0, 0), "{}: calls without an end", self.place());
        std::mem::take(&mut self.prepared).into_values().for_each(|it| self.engine.discard(it));
        let last = self.engine.snapshot(Instant::from_nanos(self.clock));
        let Driver { world, calls, events, transcript, .. } = self;
        Run { world, calls, events, transcript, last }
    }

    /// Does what is next: a job, or the engine's timer. `false` if there is nothing.
    fn step(&mut self) -> bool {
        let timer = self.timer();
        let job = self.agenda.peek().map(|Reverse((at, _, _))| (*at).max(self.now));
        let Some(to) = timer.into_iter().chain(job).min() else { return false };
        if to > self.now {
            self.try_before(to);
        }
        self.now = to;
        if job == Some(to) {
            if let Some(Reverse((_, _, job))) = self.agenda.pop() {
                self.do_job(job);
            }
        } else {
            self.advance();
        }
        self.transcript.push(Said::Next(self.engine.next_moment()));
        self.misbehave();
        true
    }

    /// When the engine's timer fires: at the moment it names, or somewhat late.
    fn timer(&mut self) -> Option<u64> {
        let moment = self.engine.next_moment()?.as_nanos();
        if moment <= self.now {
            return Some(self.now);
        }
        match self.armed {
            Some((armed, fires)) if armed == moment => Some(fires.max(self.now)),
            _ => {
                let late =
                    if self.rng.percent(50) { self.rng.range(0, self.world.late) } else { 0 };
                self.armed = Some((moment, moment.saturating_add(late)));
                Some(moment.saturating_add(late))
            }
        }
    }

    fn advance(&mut self) {
        let due = self.engine.next_moment().map_or(0, Instant::as_nanos);
        let now = self.punctually();
        self.engine.advance(now, &mut self.out);
        let quiet = self.out.is_empty();
        self.settle(None);
        let still_due = self.engine.next_moment().is_some_and(|next| next.as_nanos() <= self.now);
        self.idle_timers = if quiet && still_due { self.idle_timers + 1 } else { 0 };
        // 256 calls are looked at per input, and each may be looked at once per limit.
        let bound = 4 + self.waiting / 16;
        assert!(self.idle_timers <= bound, "{}: a busy loop at {due}", self.place());
    }

    fn do_job(&mut self, job: Job) {
        let now = self.input_time();
        match (job, self.standing_of(job)) {
            (Job::Arrive(call), _) => self.ask(call, now),
            (Job::Finish(call), Standing::Running(id)) => {
                self.note(What::Ended(call));
                let outcome = self.calls[call].outcome;
                let done = self.engine.release(now, id, outcome, &mut self.out);
                assert!(done, "{}: {id:?} runs but cannot be released", self.place());
                self.running -= 1;
                self.over(call, Some(id));
            }
            (Job::GiveUp(call), Standing::Waiting(id)) => {
                let given_up = self.engine.cancel(now, id, &mut self.out);
                self.transcript.push(Said::Answered(given_up));
                if given_up {
                    self.note(What::GivenUp(call));
                    self.waiting -= 1;
                    self.over(call, Some(id));
                }
                self.settle(None);
                let over = matches!(self.standing[call], Standing::Over(_) | Standing::Running(_));
                assert!(over, "{}: {id:?} waits but cannot be cancelled", self.place());
            }
            (Job::Align(index), _) => {
                let align = self.world.aligns[index];
                let (limit, ends) = (align.limit, Instant::from_nanos(align.ends));
                // What is due by now belongs to the windows as they were.
                self.engine.advance(now, &mut self.out);
                self.settle(None);
                self.note(What::Aligned(align));
                let done = self.engine.align(now, limit, align.budget, ends, &mut self.out);
                self.transcript.push(Said::Answered(done));
            }
            // It is over already, and time has passed.
            _ => self.engine.advance(now, &mut self.out),
        }
        self.settle(None);
    }

    fn standing_of(&self, job: Job) -> Standing {
        match job {
            Job::Finish(call) | Job::GiveUp(call) | Job::Arrive(call) => self.standing[call],
            Job::Align(_) => Standing::Unheard,
        }
    }

    fn ask(&mut self, call: usize, now: Instant) {
        let planned = self.calls[call].clone();
        let now = match planned.via {
            Via::Admit | Via::TryAdmit => now,
            // The kind is prepared first, and punctually.
            Via::Prepared | Via::TryPrepared => self.punctually(),
        };
        self.note(What::Asked(call));
        let (spec, deadline) = (&planned.spec, planned.deadline);
        let (flow, priority) = (spec.flow, Priority(spec.priority));
        let terms = Terms { flow, priority, deadline, parent: None };
        let prepared = match planned.via {
            Via::Admit | Via::TryAdmit => None,
            Via::Prepared | Via::TryPrepared => match self.prepare(&planned) {
                Ok(prepared) => Some(prepared),
                Err(refusal) => {
                    self.transcript.push(Said::Decided(Decision::Refused(refusal)));
                    return self.refused(call, refusal);
                }
            },
        };
        let out = &mut self.out;
        let decision = match (planned.via, &prepared) {
            (Via::Prepared, Some(kind)) => self.engine.admit_prepared(now, kind, &terms, out),
            (Via::TryPrepared, Some(kind)) => {
                self.engine.try_admit_prepared(now, kind, &terms, out)
            }
            (Via::TryAdmit, _) => spec.with(deadline, |call| self.engine.try_admit(now, call, out)),
            _ => spec.with(deadline, |call| self.engine.admit(now, call, out)),
        };
        if let Some(prepared) = prepared {
            self.keep(planned.kind, prepared);
        }
        self.transcript.push(Said::Decided(decision));
        self.settle(Some((call, decision)));
    }

    /// A kind prepared before, or prepared now.
    fn prepare(&mut self, planned: &Planned) -> Result<Prepared, Refusal> {
        match self.prepared.remove(&planned.kind) {
            Some(prepared) => Ok(prepared),
            None => {
                let now = self.punctually();
                planned.spec.with(planned.deadline, |call| self.engine.prepare(now, call))
            }
        }
    }

    fn keep(&mut self, kind: usize, prepared: Prepared) {
        if self.rng.percent(50) {
            self.engine.discard(prepared);
        } else if let Some(old) = self.prepared.insert(kind, prepared) {
            self.engine.discard(old);
        }
    }
}

impl Driver {
    pub(super) fn plan(&mut self, call: Planned) {
        self.later(call.at, Job::Arrive(self.calls.len()));
        self.calls.push(call);
        self.standing.push(Standing::Unheard);
    }

    pub(super) fn later(&mut self, at: u64, job: Job) {
        self.jobs += 1;
        self.agenda.push(Reverse((at, self.jobs, job)));
    }

    /// Now, or what a clock that runs backwards says.
    fn input_time(&mut self) -> Instant {
        if self.rng.percent(self.world.mischief / 2) {
            let back = self.now - self.rng.range(0, self.now);
            self.clock = self.clock.max(back);
            return Instant::from_nanos(back);
        }
        self.punctually()
    }

    pub(super) fn punctually(&mut self) -> Instant {
        self.clock = self.clock.max(self.now);
        Instant::from_nanos(self.now)
    }

    /// For messages: how to have it again, and where.
    pub(super) fn place(&self) -> String {
        format!("seed {}, at {} ns, event {}", self.world.seed, self.now, self.events.len())
    }
}
