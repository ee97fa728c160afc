//! What the study published beside today's figures, and what must hold.

use super::super::data::{Held, Published};
use super::plays::{Plays, over, spread, unit};
use crate::lab::figures::Aim;
use crate::lab::scenario::Hold;
use crate::lab::{Entry, Regime, Study};

/// Beside what Stageflow does now, and what the gate does.
const BESIDE: [Regime; 2] = [Regime::Stageflow, Regime::Rampmeter];

pub(super) fn published(plays: &[Plays<'_>]) -> Vec<Published> {
    let mut rows: Vec<Published> = Vec::new();
    for plays in plays {
        for published in &plays.scenario.published {
            let now = BESIDE.into_iter().filter(|regime| !plays.under(*regime).is_empty());
            let now = now.map(|regime| {
                let value = plays.figure(regime, &published.figure);
                (regime, plays.clock, spread(value, unit(&published.figure)))
            });
            let row = Published {
                what: published.what.clone(),
                scenario: plays.scenario.name.clone(),
                figure: published.figure.clone(),
                was: published.was.clone(),
                now: now.collect(),
            };
            // The other clock's figures of the same stand in the same row.
            match rows.iter_mut().find(|it| (&it.what, &it.scenario) == (&row.what, &row.scenario))
            {
                Some(there) => there.now.extend(row.now),
                None => rows.push(row),
            }
        }
    }
    rows
}

/// In the order of scenarios. Of a sweep only the size that its policy has is judged.
pub(super) fn holds(study: &Study) -> Vec<Held> {
    let mut held: Vec<Held> = Vec::new();
    let same = |a: &Entry, b: &Entry| a.played.job.scenario == b.played.job.scenario;
    for entries in study.entries.chunk_by(same) {
        for hold in &entries[0].scenario.holds {
            held.push(judged(hold, entries));
        }
    }
    held
}

fn judged(hold: &Hold, entries: &[Entry]) -> Held {
    let under = entries.iter().filter(|entry| entry.played.job.regime == hold.regime);
    let under: Vec<&Entry> = under.filter(|entry| as_it_is(entry)).collect();
    let aim = Aim::parse(&hold.aim).ok();
    let judge = |entry: &&Entry| aim.as_ref().and_then(|aim| aim.judge(entry).holds);
    let judged: Vec<Option<bool>> = under.iter().map(judge).collect();
    let name = aim.as_ref().map_or_else(String::new, |aim| aim.figure().to_string());
    Held {
        scenario: entries[0].scenario.name.clone(),
        regime: hold.regime,
        aim: hold.aim.clone(),
        value: spread(over(&under, &name), unit(&name)),
        holds: match judged.as_slice() {
            [] => None,
            all if all.contains(&Some(false)) => Some(false),
            all if all.contains(&None) => None,
            _ => Some(true),
        },
    }
}

/// Whether it was played under the very policy that its scenario has: not with another size.
fn as_it_is(entry: &Entry) -> bool {
    let (Some(size), Some(sweep)) = (entry.played.job.size, &entry.scenario.sweep) else {
        return true;
    };
    let limit = entry.scenario.policy.limits.iter().find(|limit| limit.name == sweep.limit);
    limit.is_some_and(|limit| limit.concurrency == Some(size))
}
