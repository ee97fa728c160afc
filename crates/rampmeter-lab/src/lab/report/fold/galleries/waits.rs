//! Waits by priority.

use super::super::super::data::{Bar, Cell, Group, Picture};
use super::super::curves::axis;
use super::super::plays::{Plays, shown};
use crate::lab::curves::OverSeeds;
use crate::lab::figures::{PriorityWaits, Unit, waits_by_priority};
use crate::lab::{Entry, Regime};

/// Of scenarios that know more than one priority.
pub(super) fn picture(plays: &Plays<'_>) -> Option<Picture> {
    let mut groups: Vec<Group> = Vec::new();
    let mut rows = Vec::new();
    for priority in priorities(plays) {
        let mut bars = Vec::new();
        for (regime, entries) in &plays.regimes {
            let of = |of| median(entries, &priority, of);
            let answered = plays.median(*regime, &format!("p95 of priority {priority}"));
            let waits = [of(|it| it.p50), of(|it| it.p95), of(|it| it.p99), of(|it| it.max)];
            bars.push(bar(*regime, waits[1], answered));
            let words = [priority.clone(), regime.to_string()].map(Cell::Word);
            let figures = waits.into_iter().chain([answered]);
            let figures = figures.map(|value| Cell::figure(shown(value, Unit::Time)));
            rows.push(words.into_iter().chain(figures).collect());
        }
        groups.push(Group { name: priority, bars });
    }
    let head = ["Priority", "Regime", "Wait p50", "p95", "p99", "longest", "Answered p95"];
    let axis = axis("until inside, until answered", Unit::Time, false);
    (groups.len() > 1).then(|| super::rows(plays, axis, groups, super::table(&head, rows)))
}

fn bar(regime: Regime, value: Option<f64>, other: Option<f64>) -> Bar {
    Bar { name: regime.to_string(), ink: super::ink(regime), value, other, tick: None }
}

/// The heaviest first.
fn priorities(plays: &Plays<'_>) -> Vec<String> {
    let first = plays.regimes.first().and_then(|(_, entries)| entries.first());
    let waits = first.map(|entry| waits_by_priority(entry)).unwrap_or_default();
    waits.into_iter().map(|waits| waits.priority).collect()
}

/// Over the seeds.
fn median(entries: &[&Entry], priority: &str, of: fn(&PriorityWaits) -> f64) -> Option<f64> {
    let all =
        entries.iter().filter(|entry| entry.is_whole()).flat_map(|entry| waits_by_priority(entry));
    let ran = all.filter(|waits| waits.priority == priority && waits.ran > 0);
    Some(OverSeeds::of(ran.map(|waits| of(&waits)))?.median)
}
