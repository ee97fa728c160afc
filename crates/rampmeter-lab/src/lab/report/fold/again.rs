//! How to get each figure again.

use std::collections::BTreeSet;

use super::super::data::Again;
use crate::lab::{Clock, Entry, Study};

pub(super) fn commands(study: &Study) -> Vec<Again> {
    let same = |a: &Entry, b: &Entry| {
        (&a.played.job.scenario, a.played.job.clock) == (&b.played.job.scenario, b.played.job.clock)
    };
    study.entries.chunk_by(same).map(again).collect()
}

fn again(entries: &[Entry]) -> Again {
    let jobs = || entries.iter().map(|entry| &entry.played.job);
    let regimes: BTreeSet<_> = jobs().map(|job| job.regime).collect();
    let regimes: Vec<&str> = regimes.iter().map(|regime| regime.as_str()).collect();
    let seeds: BTreeSet<u64> = jobs().map(|job| job.seed).collect();
    let seeds: Vec<u64> = seeds.into_iter().collect();
    let (scenario, regimes) = (&entries[0].scenario, regimes.join(","));
    let real = entries[0].played.job.clock == Clock::Real;
    let clock = if real { " --real" } else { "" };
    // One command plays seeds that follow each other.
    let command = |seeds: &[u64]| {
        let (name, first, count) = (scenario.argument(), seeds[0], seeds.len());
        format!(
            "rampmeter lab run {name} --regimes {regimes} --seed {first} --seeds {count}{clock}"
        )
    };
    let commands = seeds.chunk_by(|one, next| one.checked_add(1) == Some(*next)).map(command);
    let what = format!("{}{}", scenario.name, if real { ", in real time" } else { "" });
    Again { what, command: commands.collect::<Vec<_>>().join(" && ") }
}
