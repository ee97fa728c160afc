//! How to get each figure again.

use std::collections::BTreeSet;

use super::super::data::Again;
use crate::lab::again::command;
use crate::lab::{Clock, Entry, Regime, Study};

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
    let regimes: Vec<Regime> = regimes.into_iter().collect();
    let seeds: Vec<u64> = seeds.into_iter().collect();
    let (scenario, clock) = (&entries[0].scenario, entries[0].played.job.clock);
    let real = if clock == Clock::Real { ", in real time" } else { "" };
    Again {
        what: format!("{}{real}", scenario.name),
        command: command(scenario, &regimes, clock, &seeds),
    }
}
