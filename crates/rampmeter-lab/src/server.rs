//! A server whose best concurrency is known and moves. It shares no code with the engine.
//!
//! All calls inside it are served side by side and equally: with `n` of them each advances at a
//! speed of `s(n) ≤ 1`, so that a call of work `w` takes `w / s(n)`. It refuses at once beyond
//! `full` calls. It has no clock: times are in whatever unit the caller keeps to.

use std::collections::{BTreeMap, BTreeSet};

use crate::sim::rng::whole;

/// How quick it is with `n` calls inside.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Speed {
    /// As quick as for one up to `knee` calls; they share that beyond it.
    Knee {
        /// Calls.
        knee: u64,
    },
    /// The Universal Scalability Law (Gunther: "Guerrilla Capacity Planning", 2007):
    /// `1 / (1 + σ(n-1) + κn(n-1))`. Its best concurrency is `√((1-σ)/κ)`.
    Scalability {
        /// Contention.
        sigma: f64,
        /// Coherency.
        kappa: f64,
    },
}

/// What the server is like for a while.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Phase {
    /// How quick it is.
    pub speed: Speed,
    /// It refuses a call that comes when so many are inside.
    pub full: u64,
}

/// The server itself.
#[derive(Debug)]
pub(crate) struct Server {
    phase: Phase,
    /// Everything takes so many times as long.
    slower: f64,
    /// Work done for a call that has been inside since the beginning.
    done: f64,
    at: f64,
    /// Calls inside, by the work done when they will be ready, and their numbers.
    inside: BTreeSet<(u64, u64)>,
    /// By their numbers, the work done when they will be ready.
    ready: BTreeMap<u64, u64>,
}

impl Speed {
    fn of(self, calls: u64) -> f64 {
        let n = calls as f64;
        match self {
            Speed::Knee { knee } => (knee as f64 / n).min(1.0),
            Speed::Scalability { sigma, kappa } => {
                1.0 / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
            }
        }
    }

    /// The concurrency at which the most is done.
    pub fn best(self) -> u64 {
        match self {
            Speed::Knee { knee } => knee,
            Speed::Scalability { sigma, kappa } => {
                let by_all = |n: u64| n as f64 * self.of(n);
                let about = ((1.0 - sigma) / kappa).sqrt();
                let below = whole(about).max(1);
                if by_all(below) >= by_all(below + 1) { below } else { below + 1 }
            }
        }
    }
}

impl Server {
    pub(crate) fn new(phase: Phase) -> Server {
        Server {
            phase,
            slower: 1.0,
            done: 0.0,
            at: 0.0,
            inside: BTreeSet::new(),
            ready: BTreeMap::new(),
        }
    }

    /// It is like this from `now` on.
    pub(crate) fn becomes(&mut self, now: f64, phase: Phase) {
        self.pass(now);
        self.phase = phase;
    }

    /// From `now` on everything takes so many times as long as it should.
    #[cfg(feature = "lab")]
    pub(crate) fn slows(&mut self, now: f64, times: f64) {
        self.pass(now);
        self.slower = times;
    }

    /// A call of so much work arrives; says whether it is let in.
    pub(crate) fn arrives(&mut self, now: f64, call: u64, work: f64) -> bool {
        self.pass(now);
        let is_in = (self.inside.len() as u64) < self.phase.full;
        if is_in {
            let ready = (self.done + work).to_bits();
            self.inside.insert((ready, call));
            self.ready.insert(call, ready);
        }
        is_in
    }

    /// When the next call will be ready if nothing arrives, and which.
    pub(crate) fn next(&self) -> Option<(f64, u64)> {
        let (ready, call) = self.inside.first()?;
        let left = (f64::from_bits(*ready) - self.done).max(0.0);
        Some((self.at + left / self.speed(), *call))
    }

    /// That call is ready.
    pub(crate) fn leaves(&mut self, now: f64) {
        self.pass(now);
        if let Some((_, call)) = self.inside.pop_first() {
            self.ready.remove(&call);
        }
    }

    /// A call is given up; nothing happens if it is not inside any more.
    #[cfg(feature = "lab")]
    pub(crate) fn gives_up(&mut self, now: f64, call: u64) {
        self.pass(now);
        if let Some(ready) = self.ready.remove(&call) {
            self.inside.remove(&(ready, call));
        }
    }

    fn pass(&mut self, now: f64) {
        if !self.inside.is_empty() {
            self.done += (now - self.at).max(0.0) * self.speed();
        }
        self.at = self.at.max(now);
    }

    fn speed(&self) -> f64 {
        self.phase.speed.of(self.inside.len() as u64) / self.slower
    }
}
