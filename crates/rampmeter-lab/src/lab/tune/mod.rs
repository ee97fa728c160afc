//! Which limits are right: those that meet stated aims at the greatest goodput.
//!
//! A policy's numbers are searched over ([`TuneOptions`] says which those are), each setting is played
//! on virtual time through the gate with the same seeds, and what was found is played once more on
//! seeds that the search has not seen. Where the aims do not hold there, it is searched for anew.

mod bench;
mod binds;
mod choose;
mod find;
mod goal;
mod knobs;
pub mod replay;
mod search;
mod show;
mod space;
mod trial;
mod tuned;
mod workload;

pub use replay::{Replay, replay};
pub use tuned::{Goodput, Reached, Relaxed, Step, Tried, Tuned, TunedAim, TunedKnob};
pub use workload::Workload;

use bench::{Bench, Setting};
use find::Found;
use goal::Bound;
use knobs::{Knob, Knobs};
use search::Space;
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
    /// The most settings that the search tries.
    pub most: usize,
    /// Hears how many were tried, as it goes on.
    pub told: &'a (dyn Fn(usize) + Sync),
}

/// Settings that are tried on top of the most, to say what binds.
const ON_TOP: usize = 60;

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
    let mut bench = Bench::new(&play, options.threads.max(1), options.most.max(1), options.told);
    let aims: Vec<Bound> = options.aims.iter().map(Bound::of).collect();
    let given = trial.knobs.given();
    let found = find::find(&mut bench, &trial.space, &aims, options.seeds, &given)?;
    let spent = bench.is_spent();
    bench.grant(ON_TOP);
    bench.measure(std::slice::from_ref(&given), &found.seeds)?;
    Telling { options, trial: &trial, aims: &aims, found: &found, spent }.tell(&mut bench)
}

/// What is needed to say what was found.
struct Telling<'a> {
    options: &'a TuneOptions<'a>,
    trial: &'a Trial<'a>,
    aims: &'a [Bound],
    found: &'a Found,
    spent: bool,
}

impl Telling<'_> {
    fn tell(&self, bench: &mut Bench<'_>) -> Result<Tuned, String> {
        let Telling { found, trial, .. } = self;
        let Knobs { left_alone, .. } = &trial.knobs;
        let mut aims = Vec::new();
        for at in 0..self.aims.len() {
            aims.push(self.aim(bench, at)?);
        }
        let knobs = self.knobs(bench)?;
        let goodput = |setting: &Setting, seeds: &[u64]| {
            let outcomes = bench.outcomes(setting, seeds)?;
            OverSeeds::of(outcomes.iter().map(|it| it.goodput))
        };
        let found_goodput = goodput(&found.setting, &found.seeds);
        Ok(Tuned {
            met: found.met == (true, true),
            seeds: found.seeds.clone(),
            fresh: found.fresh.clone(),
            goodput: Goodput {
                given: goodput(&trial.knobs.given(), &found.seeds),
                found: found_goodput.ok_or("nothing was played; name at least one seed")?,
                fresh: goodput(&found.setting, &found.fresh),
            },
            remarks: self.remarks(&knobs, &aims, bench.broken()),
            aims,
            tried: tuned::tried(bench, self.aims, self.options.seeds),
            left_alone: left_alone.clone(),
            policy: trial.knobs.written(&found.setting),
            knobs,
        })
    }

    fn knobs(&self, bench: &mut Bench<'_>) -> Result<Vec<TunedKnob>, String> {
        let Space(bounds) = &self.trial.space;
        let steps = binds::steps(bench, &self.trial.space, self.aims, self.found)?;
        let knobs = self.trial.knobs.knobs.iter().enumerate().zip(steps);
        let knob = |((at, knob), up): ((usize, &Knob), _)| TunedKnob {
            name: knob.name.clone(),
            given: knob.given,
            found: self.found.setting[at],
            between: bounds[at],
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

    fn remarks(
        &self,
        knobs: &[TunedKnob],
        aims: &[TunedAim],
        broken: Option<(usize, &str)>,
    ) -> Vec<String> {
        let (found, options) = (self.found, self.options);
        let mut remarks = options.workload.remarks().to_vec();
        remarks.extend(self.trial.remarks());
        if found.goodput == 0.0 {
            remarks.push(format!(
                "no call comes to a good end in time under any limits; does {} fit the workload?",
                options.file
            ));
        }
        if !found.met.0 {
            remarks.push(
                "no limits were found that meet all aims; these are the nearest to them".into(),
            );
        } else if !found.met.1 {
            remarks.push(format!(
                "the aims hold on {} seeds and not on all of {} fresh ones; give it more seeds, or aims \
                 with more room",
                found.seeds.len(),
                found.fresh.len()
            ));
        }
        if found.again > 0 {
            remarks.push(format!(
                "what met the aims at first did not on fresh seeds: these joined the search, which was \
                 made {} times more, at last {:.0} % away from each bound",
                found.again,
                100.0 * found.margin
            ));
        }
        if let Some((count, why)) = broken {
            remarks.push(format!("{count} settings could not be played, such as {why}"));
        }
        if self.spent {
            let most = options.most;
            remarks
                .push(format!("the search ended with {most} settings tried; more may be better"));
        }
        let steps = knobs.iter().filter_map(|knob| knob.up.as_ref());
        let costs = aims.iter().filter_map(|aim| aim.relaxed.as_ref());
        let gains = steps.map(|step| step.gain).chain(costs.map(|it| it.gain));
        if found.met.0 && gains.fold(0.0, f64::max) < 0.001 {
            remarks.push("no limit and no aim holds goodput back any more".into());
        }
        remarks
    }
}
