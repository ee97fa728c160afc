//! A workload played under a policy with other numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rampmeter::policy::{Fallback, LimitPolicy};

use super::goal::{Bound, Outcome};
use super::knobs::Knobs;
use super::search::Space;
use super::space::space;
use super::{TuneOptions, Workload};
use crate::lab::figures::{Aim, Figure};
use crate::lab::play::play;
use crate::lab::regime::{Clock, Job, Regime};
use crate::lab::scenario::Scenario;
use crate::lab::script::{Script, ScriptTool};
use crate::lab::study::Entry;

/// All that a setting is tried with.
pub(super) struct Trial<'a> {
    pub(super) knobs: Knobs,
    pub(super) space: Space,
    workload: &'a Workload,
    /// The workload's, under the policy as given.
    scenario: Scenario,
    aims: &'a [Aim],
    goodput: Figure,
    /// They are the same for every setting.
    scripts: Mutex<BTreeMap<u64, Arc<Script>>>,
}

impl<'a> Trial<'a> {
    pub(super) fn of(options: &TuneOptions<'a>) -> Result<Trial<'a>, String> {
        let workload = options.workload;
        let knobs = Knobs::of(options.file, options.policy, workload.scenario().ends)?;
        let policy = knobs.policy(&knobs.given())?;
        let scenario = Scenario { policy, sweep: None, ..workload.scenario().clone() };
        let mut trial = Trial {
            knobs,
            space: Space(Vec::new()),
            workload,
            scenario,
            aims: options.aims,
            goodput: Figure::parse("goodput")?,
            scripts: Mutex::default(),
        };
        let scripts: Vec<_> = options.seeds.iter().map(|seed| trial.script(*seed)).collect();
        let first = scripts.first().ok_or("there is nothing to try without a seed; name one")?;
        for tool in &first.tools {
            if trial.scenario.policy.tool(&tool.name).is_none() {
                return Err(format!(
                    "{} says nothing of the tool {}, which the workload calls; add [tools.{}]",
                    options.file, tool.name, tool.name
                ));
            }
        }
        for turn in &first.turns {
            let known = &trial.scenario.policy.priorities;
            if known.iter().all(|priority| priority.name != turn.priority) {
                return Err(format!(
                    "{} has no priority {}, which the workload asks with; add it to [priorities]",
                    options.file, turn.priority
                ));
            }
        }
        for aim in options.aims {
            workload.check(aim, first)?;
        }
        let scripts: Vec<&Script> = scripts.iter().map(|script| &**script).collect();
        trial.space = space(&trial.knobs, &trial.scenario.policy, workload, &scripts);
        Ok(trial)
    }

    /// Plays a setting with a seed.
    pub(super) fn play(&self, setting: &[u64], seed: u64) -> Result<Outcome, String> {
        let Ok(policy) = self.knobs.policy(setting) else {
            // What a policy may not say, no setting should.
            return Ok(Outcome { goodput: 0.0, aims: vec![None; self.aims.len()] });
        };
        let scenario = Arc::new(Scenario { policy, ..self.scenario.clone() });
        let script = self.script(seed);
        let (regime, clock) = (Regime::Rampmeter, Clock::Virtual);
        let job = Job { scenario: scenario.name.clone(), regime, seed, clock, size: None };
        let played = play(&scenario, &script, &job);
        if let Some(broken) = &played.facts.broken {
            let setting: Vec<_> = self.knobs.knobs.iter().zip(setting).collect();
            let setting: Vec<_> = setting.iter().map(|(it, to)| format!("{it} = {to}")).collect();
            return Err(format!("{} with the seed {seed}: {broken}", setting.join(", ")));
        }
        let entry = Entry { scenario, script, played };
        Ok(Outcome {
            goodput: self.goodput.of(&entry).unwrap_or(0.0),
            aims: self.aims.iter().map(|aim| aim.figure().of(&entry)).collect(),
        })
    }

    /// What is played otherwise than the policy says.
    pub(super) fn remarks(&self) -> Vec<String> {
        let per_label = self.scenario.policy.limits.iter().filter_map(per_label);
        per_label.chain(self.alike()).collect()
    }

    /// Tools whose calls share runs or cached answers, since all of them ask for the same.
    fn alike(&self) -> Vec<String> {
        let scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(script) = scripts.values().next() else { return Vec::new() };
        let alike = |(at, tool): (usize, &ScriptTool)| {
            let policy = self.scenario.policy.tool(&tool.name)?;
            let shares = policy.single_flight
                || policy.fallback.iter().any(|it| matches!(it, Fallback::Cache { .. }));
            let mut calls = script.calls.iter().filter(|call| call.tool == at);
            let first = calls.next()?;
            let same =
                calls.clone().next().is_some() && calls.all(|it| it.arguments == first.arguments);
            (shares && same).then(|| {
                format!(
                    "all calls of {} ask for the same, so they share runs or cached answers; give them \
                     arguments if yours do not",
                    tool.name
                )
            })
        };
        script.tools.iter().enumerate().filter_map(alike).collect()
    }

    fn script(&self, seed: u64) -> Arc<Script> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || Arc::new(self.workload.script(&self.scenario, seed));
        scripts.entry(seed).or_insert_with(write).clone()
    }
}

/// Calls have no label but the name of their flow.
fn per_label(limit: &LimitPolicy) -> Option<String> {
    let (name, label) = (&limit.name, limit.per.as_ref().filter(|label| *label != "flow")?);
    Some(format!(
        "{name} is per {label}, which nobody here has: each flow is played as one of its own"
    ))
}

impl Bound {
    /// What an aim asks for.
    pub(super) fn of(aim: &Aim) -> Bound {
        Bound::between(aim.bound(), |value| aim.holds(value))
    }
}
