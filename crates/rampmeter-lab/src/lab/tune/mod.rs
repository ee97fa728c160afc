//! Which limits are right: those that meet stated aims at the greatest goodput.
//!
//! A policy's numbers are searched over ([`TuneOptions`] says which those are), each setting is played
//! on virtual time through the gate with the same seeds, and what was found is played once more on
//! seeds that the search has not seen. Where the aims do not hold there, it is searched for anew.
//! Refusing calls is no way to goodput: beside the aims, no fewer calls may come to a good end than
//! under the policy as given, on each seed, unless an aim is about good calls itself.

mod bench;
mod binds;
mod choose;
mod find;
mod goal;
mod knobs;
mod remarks;
pub mod replay;
mod search;
mod show;
mod space;
mod trial;
mod tuned;
mod workload;

pub use replay::{Replay, replay};
pub use tuned::{Reached, Relaxed, Step, Tried, Tuned, TunedAim, TunedKnob, Under};
pub use workload::Workload;

use bench::{Bench, Setting};
use find::Found;
use goal::{Bound, Outcome};
use knobs::{Knob, Knobs};
use search::Space;
use space::most_seen;
use trial::Trial;

use super::curves::OverSeeds;
use super::figures::Aim;

/// What is tuned, for what.
///
/// Tuned are the `concurrency` of each limit and the amount of each of its rates, where the policy
/// states them as plain numbers: `8`, `{ size = 8 }`, `"30/min"`, `{ rate = "30/min" }`, or a list of
/// such rates. Slots that are learned stay as they are, and so do rates whose period is longer than
/// the workload.
#[derive(Clone, Copy)]
pub struct TuneOptions<'a> {
    /// What errors call the policy.
    pub file: &'a str,
    /// The policy, as TOML.
    pub policy: &'a str,
    /// Who asks for what.
    pub workload: &'a Workload,
    /// What must hold on every seed.
    pub aims: &'a [Aim],
    /// What chance is drawn from; the same for every setting.
    pub seeds: &'a [u64],
    /// How many playings go on at a time. It changes nothing but the time.
    pub threads: usize,
    /// The most settings that are tried.
    pub most: usize,
    /// Hears how many were tried, as it goes on.
    pub told: &'a (dyn Fn(usize) + Sync),
}

/// Of the settings that may be tried, those that are kept back from the search: one part to leave no limit
/// larger than it needs to be, one to say what binds.
const KEPT_BACK: usize = 100;

/// Finds the limits that meet the aims at the greatest goodput. If none do, the result is the nearest
/// to them, and says by how much which aim is missed.
///
/// # Errors
///
/// What is wrong with the policy, or that nothing in it can be tuned; a name in an aim that the
/// workload does not know; what could not be played.
pub fn tune(options: &TuneOptions<'_>) -> Result<Tuned, String> {
    let trial = Trial::of(options)?;
    let play = |setting: &[u64], seed| trial.play(setting, seed);
    let most = options.most.max(1);
    let spare = KEPT_BACK.min(most / 4);
    let bench = Bench::new(&play, options.threads.max(1), most - spare, options.told);
    let mut bench = bench.with_spare(spare);
    let aims = trial.goal();
    let given = trial.knobs.given();
    let found = find::find(&mut bench, &trial.space, &aims, options.seeds, &given)?;
    bench.release(1);
    bench.measure(std::slice::from_ref(&given), &found.seeds)?;
    Telling { options, trial: &trial, aims: &aims, found: &found }.tell(&mut bench)
}

/// What is needed to say what was found.
struct Telling<'a> {
    options: &'a TuneOptions<'a>,
    trial: &'a Trial<'a>,
    /// Those that were stated, and what goes without saying.
    aims: &'a [Bound],
    found: &'a Found,
}

impl Telling<'_> {
    fn tell(&self, bench: &mut Bench<'_>) -> Result<Tuned, String> {
        let Telling { found, trial, .. } = self;
        let Knobs { left_alone, .. } = &trial.knobs;
        let mut aims = Vec::new();
        for at in 0..self.options.aims.len() {
            aims.push(self.aim(bench, at)?);
        }
        let knobs = self.knobs(bench)?;
        let good = |it: &Outcome| it.aims[trial.good_at()].unwrap_or(0.0);
        Ok(Tuned {
            met: found.met == (true, true),
            seeds: found.seeds.clone(),
            fresh: found.fresh.clone(),
            goodput: self.under(bench, |it| it.goodput)?,
            good: self.under(bench, good)?,
            cut_short: found.cut_short,
            remarks: self.remarks(bench, &knobs, &aims),
            aims,
            tried: tuned::tried(bench, self.aims, self.options.aims.len(), self.options.seeds),
            left_alone: left_alone.clone(),
            policy: trial.knobs.written(&found.setting),
            knobs,
        })
    }

    fn under(&self, bench: &Bench<'_>, figure: impl Fn(&Outcome) -> f64) -> Result<Under, String> {
        let over = |setting: &Setting, seeds: &[u64]| {
            let outcomes = bench.outcomes(setting, seeds)?;
            OverSeeds::of(outcomes.into_iter().map(&figure))
        };
        let Found { setting, seeds, fresh, .. } = self.found;
        Ok(Under {
            given: over(&self.trial.knobs.given(), seeds),
            found: over(setting, seeds).ok_or("nothing was played; name at least one seed")?,
            fresh: over(setting, fresh),
        })
    }

    fn knobs(&self, bench: &mut Bench<'_>) -> Result<Vec<TunedKnob>, String> {
        let Space(bounds) = &self.trial.space;
        let mut steps = binds::steps(bench, &self.trial.space, self.aims, self.found)?;
        let stated = self.options.aims.len();
        for step in steps.iter_mut().flatten() {
            step.fewer_good = step.breaks.iter().any(|(at, ..)| *at >= stated);
            step.breaks.retain(|(at, ..)| *at < stated);
        }
        let knobs = self.trial.knobs.knobs.iter().enumerate().zip(steps);
        let knob = |((at, knob), up): ((usize, &Knob), _)| TunedKnob {
            name: knob.name.clone(),
            given: knob.given,
            found: self.found.setting[at],
            between: bounds[at],
            seen: most_seen(knob, self.trial.policy(), self.options.workload),
            up,
        };
        Ok(knobs.map(knob).collect())
    }

    fn aim(&self, bench: &mut Bench<'_>, at: usize) -> Result<TunedAim, String> {
        let (aim, bound, found) = (&self.options.aims[at], &self.aims[at], self.found);
        let possible = found.met.0;
        let relaxed =
            if possible { binds::relaxed(bench, &self.trial.space, found, at)? } else { None };
        let reached = |setting: &Setting, seeds: &[u64]| {
            Some(Reached::of(&bench.outcomes(setting, seeds)?, at, bound))
        };
        Ok(TunedAim {
            aim: aim.to_string(),
            unit: aim.figure().unit(),
            bound: bound.bound,
            given: reached(&self.trial.knobs.given(), &found.seeds),
            found: reached(&found.setting, &found.seeds)
                .ok_or("nothing was played; name at least one seed")?,
            fresh: reached(&found.setting, &found.fresh),
            best_seen: tuned::best_seen(bench, at, bound, self.options.seeds),
            relaxed,
        })
    }
}
