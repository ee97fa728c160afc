//! Verdicts: folds over the playings of a study.

use super::super::figures::{Aim, Figure};
use super::super::regime::{Clock, Regime};
use super::super::study::{Entry, Study};
use super::{Answer, Hypothesis, Seen, Verdict, all};

/// A verdict of each hypothesis under each regime, in the order of these.
pub fn judge(study: &Study) -> Vec<Verdict> {
    let each = |hypothesis| Regime::ALL.map(|regime| verdict(hypothesis, regime, study));
    all().iter().flat_map(each).collect()
}

fn verdict(hypothesis: &Hypothesis, regime: Regime, study: &Study) -> Verdict {
    let speaks = |entry: &&Entry| {
        let job = &entry.played.job;
        hypothesis.scenarios.contains(&job.scenario) && job.regime == regime && job.size.is_none()
    };
    let played: Vec<&Entry> = study.entries.iter().filter(speaks).collect();
    let (clock, entries) = heard(hypothesis, &played);
    let seen = |figure: &Figure| seen(hypothesis, figure, &entries);
    let (answer, why) = answer(hypothesis, clock, &entries);
    Verdict {
        id: hypothesis.id.clone(),
        regime,
        answer,
        clock,
        figures: hypothesis.figures.iter().flat_map(seen).collect(),
        why,
    }
}

/// Those of one clock: the one that it needs, or else virtual time before real time.
fn heard<'a>(hypothesis: &Hypothesis, played: &[&'a Entry]) -> (Option<Clock>, Vec<&'a Entry>) {
    let of = |clock: Clock| -> Vec<&Entry> {
        played.iter().copied().filter(|entry| entry.played.job.clock == clock).collect()
    };
    let order = match hypothesis.clock {
        Some(Clock::Real) => [Clock::Real, Clock::Virtual],
        _ => [Clock::Virtual, Clock::Real],
    };
    let first = order.into_iter().find(|clock| !of(*clock).is_empty());
    (first, first.map_or(Vec::new(), of))
}

fn answer(hypothesis: &Hypothesis, clock: Option<Clock>, entries: &[&Entry]) -> (Answer, String) {
    let played = |name: &str| entries.iter().any(|entry| entry.played.job.scenario == name);
    if let Some(missing) = hypothesis.scenarios.iter().find(|name| !played(name)) {
        let needed = if hypothesis.clock == Some(Clock::Real) { " in real time" } else { "" };
        return (Answer::NotPlayed, format!("{missing} was not played{needed}"));
    }
    if hypothesis.clock.is_some_and(|needed| Some(needed) != clock) {
        return (Answer::NotShown, "counts in real time only".to_owned());
    }
    let broken = |entry: &&Entry| {
        let (job, facts) = (&entry.played.job, &entry.played.facts);
        let why = facts.broken.as_ref()?;
        Some(format!("{} with seed {} broke off: {why}", job.scenario, job.seed))
    };
    if let Some(why) = entries.iter().find_map(broken) {
        return (Answer::NotShown, why);
    }
    let all_hold = |aims: &[Aim]| {
        let holds = |aim: &Aim| entries.iter().all(|entry| aim.judge(entry).holds == Some(true));
        aims.iter().all(holds)
    };
    let lie = |aims: &[Aim]| {
        let each = aims.iter().flat_map(|aim| {
            let seen = seen(hypothesis, aim.figure(), entries);
            seen.into_iter().map(move |seen| format!("{aim}: {seen}"))
        });
        each.collect::<Vec<String>>().join("; ")
    };
    if all_hold(&hypothesis.shown) {
        (Answer::Shown, lie(&hypothesis.shown))
    } else if all_hold(&hypothesis.refuted) {
        (Answer::Refuted, lie(&hypothesis.refuted))
    } else {
        let (shown, refuted) = (lie(&hypothesis.shown), lie(&hypothesis.refuted));
        (Answer::NotShown, format!("neither shown ({shown}) nor refuted ({refuted})"))
    }
}

/// A figure in each of the scenarios.
fn seen(hypothesis: &Hypothesis, figure: &Figure, entries: &[&Entry]) -> Vec<Seen> {
    let of = |scenario: &String| {
        let entries = entries.iter().filter(|entry| entry.played.job.scenario == *scenario);
        let values: Vec<(u64, Option<f64>)> =
            entries.map(|entry| (entry.played.job.seed, figure.of(entry))).collect();
        let seen = Seen { scenario: scenario.clone(), figure: figure.clone(), values };
        (!seen.values.is_empty()).then_some(seen)
    };
    hypothesis.scenarios.iter().filter_map(of).collect()
}
