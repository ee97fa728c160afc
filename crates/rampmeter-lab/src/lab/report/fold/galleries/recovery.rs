//! How long it takes until all is as before, after each fault.

use super::super::super::data::{Bar, Cell, Group, Picture};
use super::super::curves::axis;
use super::super::plays::{Plays, shown};
use super::super::stages::wrong;
use crate::lab::Entry;
use crate::lab::curves::OverSeeds;
use crate::lab::figures::{Unit, recoveries, show};
use crate::lab::script::ScriptFault;

/// Of scenarios with faults, where enough was answered before them to tell.
pub(super) fn picture(plays: &Plays<'_>) -> Option<Picture> {
    let first = plays.regimes.first()?.1.first()?;
    let mut groups = Vec::new();
    let mut rows = Vec::new();
    for (at, fault) in first.script.faults.iter().enumerate() {
        let name = name(first, fault);
        let mut bars = Vec::new();
        for (regime, entries) in &plays.regimes {
            let took = median(entries, at);
            let figure = Cell::figure(shown(took, Unit::Time));
            rows.push(vec![Cell::word(name.clone()), Cell::word(regime.as_str()), figure]);
            let name = regime.to_string();
            bars.push(Bar { name, ink: super::ink(*regime), value: took, other: None, tick: None });
        }
        groups.push(Group { name, bars });
    }
    // Where nobody takes any time there is nothing to see.
    let took = |bar: &Bar| bar.value.is_some_and(|took| took > 0.0);
    let told = groups.iter().flat_map(|group| &group.bars).any(took);
    let axis = axis("time to recover", Unit::Time, false);
    told.then(|| super::rows(plays, axis, groups, super::table(&["Fault", "Regime", "Took"], rows)))
}

fn name(entry: &Entry, fault: &ScriptFault) -> String {
    let [from, until] = [fault.from, fault.until].map(|at| show(at as f64 / 1e9, Unit::Time));
    format!("{}, {from} to {until}", wrong(entry, fault))
}

/// Over the seeds.
fn median(entries: &[&Entry], fault: usize) -> Option<f64> {
    let whole = entries.iter().filter(|entry| entry.is_whole());
    let took = whole.filter_map(|entry| recoveries(entry).get(fault)?.took);
    Some(OverSeeds::of(took)?.median)
}
