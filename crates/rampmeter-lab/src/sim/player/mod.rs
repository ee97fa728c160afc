//! Plays a scene against the engine in virtual time: first with faults, and then, when all is
//! healed, until nobody waits and nothing is held.

mod agenda;
mod answers;
mod asks;
mod edits;
mod ends;
mod faults;
mod learned;
mod nests;
mod phases;
mod tells;
mod throttles;
mod timer;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rampmeter_core::{BreakerState, CallId, Engine, Instant, Outputs, Prepared};

use super::books::{Books, End};
use super::mix::Mix;
use super::rng::Rng;
use super::scene::Scene;
use super::totals::{Count, Totals};
use super::transcript::Transcript;
use super::verdict::{Judge, Verdict, Violation, wrong};
pub(crate) use agenda::Job;
pub(crate) use asks::Ask;

pub(crate) struct Player {
    pub(crate) scene: Scene,
    pub(crate) engine: Engine,
    pub(crate) books: Books,
    pub(crate) rng: Rng,
    /// For what running calls tell; it came later and does not move what older seeds draw.
    pub(crate) told: Rng,
    /// For when calls that come again were asked for first; it came later still.
    pub(crate) again: Rng,
    /// The call that has just ended.
    pub(crate) came_back: Option<u32>,
    /// The simulator's own time; the books' clock is what the engine was told.
    pub(crate) now: u64,
    pub(crate) steps: u64,
    pub(crate) totals: Totals,
    pub(crate) transcript: Transcript,
    pub(crate) out: Outputs,
    /// What is to become of each call that has an id, by its index.
    pub(crate) plans: Vec<Plan>,
    pub(crate) agenda: BinaryHeap<Reverse<(u64, u64, Job)>>,
    pub(crate) jobs: u64,
    /// The moment that the engine named, and when its timer fires.
    pub(crate) armed: Option<(u64, u64)>,
    /// Timers in a row that changed nothing at one instant.
    pub(crate) idle_timers: usize,
    /// Kinds that were prepared, by variant.
    pub(crate) prepared: Vec<Option<Prepared>>,
    /// Ids that name nothing any more.
    pub(crate) stale: Vec<CallId>,
    /// Waiting calls by when they expire.
    pub(crate) expiries: BinaryHeap<Reverse<(u64, u64, u32)>>,
    /// For each flow at each priority when one of its calls last started.
    pub(crate) last_start: Vec<u64>,
    /// The longest that a call has run.
    pub(crate) longest_hold: u64,
    /// When somebody last started, ended or was answered.
    pub(crate) progress: u64,
    /// The longest refill that was seen since then.
    pub(crate) refill: (u64, u64),
    pub(crate) healed: bool,
    /// Until when all outcomes are bad.
    pub(crate) storm_until: u64,
    /// Until when tools are slow, and how many times as slow.
    pub(crate) slow_until: (u64, u64),
    /// The call that is being rescued, and since when that is known.
    pub(crate) rescued: Option<(CallId, u64)>,
    /// The longest refill that was seen since then.
    pub(crate) rescue_refill: u64,
    /// The greatest patience that there was.
    pub(crate) patience: u64,
    pub(crate) max_depth: u8,
    /// When a limit was last resumed.
    pub(crate) last_resume: u64,
    /// The call that ended with this input, and what its limits must say of it.
    pub(crate) ended: Option<End>,
    pub(crate) to_shrink: Vec<u16>,
    pub(crate) to_tell: Vec<(u16, BreakerState)>,
    /// Breakers that were told to be half-open, less those that are.
    pub(crate) half_open: i64,
}

/// What is to become of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The source whose client asks again after it.
    pub(crate) client: Option<u16>,
    /// When it ends; [`FOREVER`](super::scene::FOREVER) if it hangs.
    pub(crate) ends: u64,
    /// Its caller is gone: it ends with its lease and makes no calls.
    pub(crate) vanished: bool,
    /// Calls that it has yet to make.
    pub(crate) children: u8,
    /// Whether it ends only after its calls.
    pub(crate) joins: bool,
    /// It has nothing left to do but to wait for its calls.
    pub(crate) done: bool,
    /// At some time, when it was expected to start.
    pub(crate) expected: Option<(u64, u64)>,
}

impl Plan {
    const NONE: Plan = Plan {
        client: None,
        ends: 0,
        vanished: false,
        children: 0,
        joins: false,
        done: false,
        expected: None,
    };
}

/// How one seed went.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What happened, in numbers.
    pub totals: Totals,
    /// A fingerprint of everything that the engine said.
    pub hash: u64,
    /// What was wrong, when and after how many steps.
    pub violation: Option<Box<Violation>>,
    /// What was put in and what came out last, if it was asked for.
    pub tail: Vec<String>,
}

impl Run {
    /// The violation that it is if the same seed went another way.
    pub fn differs_from(&self, again: &Run) -> Option<Box<Violation>> {
        let same = (self.hash, &self.totals) == (again.hash, &again.totals);
        let what = || format!("seed {} goes another way the second time", self.seed);
        (!same).then(|| wrong(Judge::Same, what()))
    }
}

/// Plays one seed for about so many steps before everything is healed. `told` is how many of the
/// last inputs and answers are kept in words.
pub fn play(seed: u64, steps: u64, allowed: Mix, told: usize) -> Run {
    let mut rng = Rng::new(seed);
    let mut scene = Scene::new(&mut rng, allowed);
    scene.learn(seed, allowed);
    let mut player = match Engine::new(scene.config.clone()) {
        Ok(engine) => Player::new(scene, engine, rng.fork(), told),
        Err(error) => {
            let violation = Some(wrong(Judge::Input, format!("{:?}: {error}", scene.config)));
            let totals = Totals::default();
            return Run { seed, totals, hash: 0, violation, tail: Vec::new() };
        }
    };
    let result = player.play(steps);
    let violation = result.err().map(|mut violation| {
        if told > 0 {
            player.transcript.tell(|| format!("{:?}", player.engine));
            for call in player.books.waiting.clone() {
                let said = player.explained(call).ok().flatten();
                player.transcript.tell(|| format!("{said:?}"));
            }
        }
        for line in if told > 0 { player.books.shown() } else { Vec::new() } {
            player.transcript.tell(|| line);
        }
        violation.what = format!(
            "seed {seed}, step {}, at {} ns: {}",
            player.totals.of(Count::Steps),
            player.books.clock,
            violation.what
        );
        violation
    });
    let (hash, tail) = player.transcript.into_parts();
    Run { seed, totals: player.totals, hash, violation, tail }
}

impl Player {
    fn new(scene: Scene, engine: Engine, rng: Rng, told: usize) -> Player {
        let books = Books::new(&scene);
        let kin = books.flows() * books.weights.len();
        let prepared = books.variants.iter().map(|_| None).collect();
        let transcript = Transcript::new(told);
        let patience = u64::try_from(scene.config.patience.as_nanos()).unwrap_or(u64::MAX);
        let max_depth = scene.config.max_depth;
        Player {
            scene,
            engine,
            books,
            told: rng.later(),
            again: rng.later().later(),
            rng,
            now: 0,
            steps: 0,
            totals: Totals::default(),
            transcript,
            out: Outputs::new(),
            plans: Vec::new(),
            agenda: BinaryHeap::new(),
            jobs: 0,
            armed: None,
            idle_timers: 0,
            prepared,
            stale: Vec::new(),
            expiries: BinaryHeap::new(),
            last_start: vec![0; kin],
            longest_hold: 0,
            progress: 0,
            refill: (0, 0),
            healed: false,
            storm_until: 0,
            slow_until: (0, 1),
            came_back: None,
            rescued: None,
            rescue_refill: 0,
            patience,
            max_depth,
            last_resume: 0,
            ended: None,
            to_shrink: Vec::new(),
            to_tell: Vec::new(),
            half_open: 0,
        }
    }

    fn play(&mut self, steps: u64) -> Verdict {
        self.transcript.tell(|| format!("{:#?}", self.scene));
        self.steps = steps;
        self.first_jobs();
        while self.totals.of(Count::Steps) < self.steps && self.turn()? {}
        self.heal()?;
        while self.turn()? {
            self.goes_on()?;
        }
        self.all_is_over()
    }

    /// Counts an input and gives the time that the engine is told with it.
    pub(crate) fn input(&mut self) -> Instant {
        self.totals.add(Count::Steps);
        let clocks = self.scene.mix.clocks && !self.healed;
        if clocks && self.now > 0 && self.rng.once_in(64) {
            self.totals.add(Count::BackwardClocks);
            let back = self.rng.below(self.now);
            self.books.clock = self.books.clock.max(back);
            return Instant::from_nanos(back);
        }
        self.punctual()
    }

    /// Now.
    pub(crate) fn punctual(&mut self) -> Instant {
        self.books.clock = self.books.clock.max(self.now);
        Instant::from_nanos(self.now)
    }
}
