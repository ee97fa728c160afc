//! What was played at all.

use std::collections::{BTreeMap, BTreeSet};

use super::super::data::Roll;
use super::stages::family_name;
use crate::lab::{Regime, Study};

pub(super) fn roll(study: &Study) -> Roll {
    let mut families = BTreeMap::<_, BTreeSet<&str>>::new();
    let (mut seeds, mut under) = (BTreeSet::new(), BTreeSet::new());
    let mut clocks = BTreeMap::new();
    let mut roll = Roll::default();
    for entry in &study.entries {
        let (job, facts) = (&entry.played.job, &entry.played.facts);
        families.entry(entry.scenario.family).or_default().insert(&job.scenario);
        seeds.insert(job.seed);
        *clocks.entry(job.clock).or_default() += 1;
        under.extend(facts.under.clone());
        roll.calls += entry.played.records.len() as u64;
        roll.seconds += facts.ended as f64 / 1e9;
        if let Some(why) = &facts.broken {
            let what = format!("{} under {}, seed {}", job.scenario, job.regime, job.seed);
            roll.broken.push((what, why.clone()));
        }
    }
    let played = |regime: &Regime| study.entries.iter().any(|it| it.played.job.regime == *regime);
    let named = |(family, names): (_, BTreeSet<_>)| (family_name(family).to_owned(), names.len());
    Roll {
        families: families.into_iter().map(named).collect(),
        regimes: Regime::ALL.into_iter().filter(played).collect(),
        seeds: seeds.into_iter().collect(),
        clocks: clocks.into_iter().collect(),
        under: under.into_iter().collect(),
        ..roll
    }
}
