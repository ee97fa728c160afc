//! What is said of a study: verdicts, findings, what was published beside today's figures, and what must
//! hold.

use super::super::data::{Found, Held, Hypothesis, Judged, Published};
use super::plays::{Plays, over, spread, unit};
use crate::lab::figures::Aim;
use crate::lab::findings::{Finding, Findings};
use crate::lab::hypotheses::{self, Verdict};
use crate::lab::scenario::Hold;
use crate::lab::{Clock, Entry, Regime, Study};

/// Beside what Stageflow does now, and what the gate does.
const BESIDE: [Regime; 2] = [Regime::Stageflow, Regime::Rampmeter];

pub(super) fn hypotheses(verdicts: &[Verdict]) -> Vec<Hypothesis> {
    let one = |hypothesis: &hypotheses::Hypothesis| {
        let of_it = verdicts.iter().filter(|verdict| verdict.id == hypothesis.id);
        let mut judged: Vec<Judged> = of_it.map(verdict).collect();
        judged.sort_by_key(|judged| judged.regime);
        Hypothesis {
            id: hypothesis.id.clone(),
            title: hypothesis.name.clone(),
            claim: hypothesis.claim.clone(),
            thresholds: vec![
                format!("Played in {}.", hypothesis.scenarios.join(", ")),
                format!("Shown if {}.", aims(&hypothesis.shown)),
                format!("Refuted if {}.", aims(&hypothesis.refuted)),
                format!("Why there: {}.", hypothesis.why),
            ],
            note: hypothesis.note.clone(),
            real_only: hypothesis.clock == Some(Clock::Real),
            verdicts: judged,
        }
    };
    hypotheses::all().iter().map(one).collect()
}

fn aims(aims: &[Aim]) -> String {
    aims.iter().map(Aim::to_string).collect::<Vec<_>>().join(" and ")
}

fn verdict(verdict: &Verdict) -> Judged {
    let seen = verdict.figures.iter();
    Judged {
        regime: verdict.regime,
        answer: verdict.answer,
        why: verdict.why.clone(),
        figures: seen.map(|it| format!("{}: {} is {it}", it.scenario, it.figure)).collect(),
    }
}

/// The worst first.
pub(super) fn findings(findings: &Findings) -> Vec<Found> {
    let mut all: Vec<&Finding> = findings.iter().collect();
    all.sort_by(|a, b| (a.severity, a.kind, &a.id).cmp(&(b.severity, b.kind, &b.id)));
    let one = |finding: &Finding| Found {
        id: finding.id.clone(),
        kind: finding.kind.as_str().replace('-', " ").replace("api", "API"),
        severity: finding.severity.to_string(),
        title: finding.title.clone(),
        subject: finding.subject.clone(),
        evidence: finding.evidence.clone(),
        scenario: finding.scenario.as_ref().map(|scenario| match finding.regime {
            Some(regime) => format!("{scenario} under {regime}"),
            None => scenario.clone(),
        }),
        reproduce: finding.reproduce.clone(),
        pointer: finding.component.clone(),
    };
    all.into_iter().map(one).collect()
}

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
pub(in super::super) fn holds(study: &Study) -> Vec<Held> {
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
    let under: Vec<&Entry> = under.filter(|entry| entry.is_as_written()).collect();
    let aim = Aim::parse(&hold.aim).ok();
    // What broke off has not shown that it holds.
    let judge = |entry: &&Entry| {
        aim.as_ref().filter(|_| entry.is_whole()).and_then(|aim| aim.judge(entry).holds)
    };
    let judged: Vec<Option<bool>> = under.iter().map(judge).collect();
    let name = aim.as_ref().map_or_else(String::new, |aim| aim.figure().to_string());
    Held {
        scenario: entries[0].scenario.name.clone(),
        regime: hold.regime,
        aim: hold.aim.clone(),
        value: spread(over(&under, &name), unit(&name)),
        played: !under.is_empty(),
        holds: match judged.as_slice() {
            [] => None,
            all if all.contains(&Some(false)) => Some(false),
            all if all.contains(&None) => None,
            _ => Some(true),
        },
    }
}
