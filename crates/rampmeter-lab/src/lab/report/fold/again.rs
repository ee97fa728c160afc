//! How to get each figure again.

use std::collections::BTreeSet;

use super::super::data::Again;
use crate::lab::scenario::Family;
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
    let seeds: BTreeSet<u64> = jobs().map(|job| job.seed).collect();
    let (first, scenario) = (seeds.first().copied().unwrap_or(1), &entries[0].scenario);
    let file = if scenario.family == Family::Own { ".toml" } else { "" };
    let regimes: Vec<&str> = regimes.iter().map(|regime| regime.as_str()).collect();
    let mut command =
        format!("rampmeter lab run {}{file} --regimes {}", scenario.name, regimes.join(","));
    command += &format!(" --seed {first}");
    if seeds.len() > 1 {
        command += &format!(" --seeds {}", seeds.len());
    }
    let real = entries[0].played.job.clock == Clock::Real;
    if real {
        command += " --real";
    }
    let what = format!("{}{}", scenario.name, if real { ", in real time" } else { "" });
    Again { what, command }
}
