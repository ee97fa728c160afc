//! Findings that follow from playings.

use super::super::again::command;
use super::super::figures::{Aim, show};
use super::super::hypotheses::{Answer, Hypothesis, Verdict, all};
use super::super::record::Facts;
use super::super::regime::{Clock, Job, Regime};
use super::super::study::{Entry, Study};
use super::{By, Finding, Findings, Kind, Severity, is_of_id};

/// What a study found, in this order: what broke off, what must hold and does not, and what the verdicts
/// say of Stageflow (of `unlimited`, which is what it does, if it was not played) and of `rampmeter`.
pub fn from_study(study: &Study, verdicts: &[Verdict]) -> Findings {
    let mut findings = Findings::default();
    let broken = study.entries.iter().filter_map(broken);
    let missed = study.entries.iter().filter(|entry| is_told(entry)).flat_map(missed);
    let said = all().iter().flat_map(|hypothesis| said(hypothesis, study, verdicts));
    for finding in broken.chain(missed).chain(said) {
        // What does not hold with one seed often does not with the next: the first is kept.
        if findings.get(&finding.id).is_none() {
            findings.0.push(finding);
        }
    }
    findings
}

fn broken(entry: &Entry) -> Option<Finding> {
    let why = entry.played.facts.broken.as_ref()?;
    let job = &entry.played.job;
    let title = format!("{} under {} broke off", job.scenario, job.regime);
    let id = format!("broken-{}-{}", name(job), job.seed);
    Some(finding(entry, id, Kind::Bug, Severity::High, title, why.clone()))
}

/// What must hold and does not.
fn missed(entry: &Entry) -> impl Iterator<Item = Finding> {
    let job = &entry.played.job;
    let holds = entry.scenario.holds.iter().enumerate();
    holds.filter(|(_, hold)| hold.regime == job.regime).filter_map(move |(at, hold)| {
        let Missed { told, evidence } = missed_by(entry, &hold.aim)?;
        let (word, kind, severity, not) = match told {
            true => ("holds", Kind::Bug, Severity::High, "not"),
            false => ("untold", Kind::Risk, Severity::Medium, "it cannot be told whether"),
        };
        let id = format!("{word}-{}-{}", name(job), at + 1);
        let title = format!("{} under {}: {not} {}", job.scenario, job.regime, hold.aim);
        Some(finding(entry, id, kind, severity, title, evidence))
    })
}

/// What must hold is of whole playings, as the scenario's text says.
fn is_told(entry: &Entry) -> bool {
    entry.is_as_written() && entry.is_whole()
}

/// What is not known to hold.
struct Missed {
    /// Whether there is a figure that says so.
    told: bool,
    evidence: String,
}

fn missed_by(entry: &Entry, aim: &str) -> Option<Missed> {
    let aim = match Aim::parse(aim) {
        Ok(aim) => aim,
        Err(evidence) => return Some(Missed { told: false, evidence }),
    };
    let judged = aim.judge(entry);
    if judged.holds == Some(true) {
        return None;
    }
    let value = judged.value.map(|value| show(value, aim.figure().unit()));
    let value = value.as_deref().unwrap_or("not told");
    let evidence = format!("{} is {value} with seed {}", aim.figure(), entry.played.job.seed);
    Some(Missed { told: judged.value.is_some(), evidence })
}

fn said(hypothesis: &Hypothesis, study: &Study, verdicts: &[Verdict]) -> Vec<Finding> {
    let of = |regime: Regime| {
        let mut its = verdicts.iter().filter(|verdict| verdict.id == hypothesis.id);
        its.find(|verdict| verdict.regime == regime && verdict.answer != Answer::NotPlayed)
    };
    let before = of(Regime::Stageflow).or_else(|| of(Regime::Unlimited));
    let each = before.into_iter().chain(of(Regime::Rampmeter));
    each.filter_map(|verdict| of_verdict(hypothesis, verdict, study)).collect()
}

fn of_verdict(hypothesis: &Hypothesis, verdict: &Verdict, study: &Study) -> Option<Finding> {
    let about = &hypothesis.finding;
    let ours = verdict.regime == Regime::Rampmeter;
    let (kind, severity, title) = match (verdict.answer, ours) {
        (Answer::Shown, false) => (about.kind, about.severity, &about.title),
        (Answer::Shown, true) => (Kind::Bug, Severity::High, &about.title),
        (Answer::Refuted, _) => (Kind::Strength, Severity::Info, &about.strength),
        _ => return None,
    };
    let entry = study.entries.iter().find(|entry| {
        let job = &entry.played.job;
        let same = job.regime == verdict.regime && Some(job.clock) == verdict.clock;
        same && job.size.is_none() && hypothesis.scenarios.contains(&job.scenario)
    })?;
    let id = format!("{}-{}", hypothesis.id, verdict.regime);
    let evidence = format!("{} is {}: {}", hypothesis.id, verdict.answer, verdict.why);
    let mut finding = finding(entry, id, kind, severity, title.clone(), evidence);
    // Where it is refuted of somebody else, nothing here has a part in it.
    let provided = ours || verdict.answer == Answer::Shown;
    finding.component = provided.then(|| about.component.clone());
    Some(finding)
}

fn finding(
    entry: &Entry,
    id: String,
    kind: Kind,
    severity: Severity,
    title: String,
    evidence: String,
) -> Finding {
    let job = &entry.played.job;
    Finding {
        id,
        kind,
        severity,
        title,
        evidence,
        subject: Some(subject(job, &entry.played.facts)),
        scenario: Some(job.scenario.clone()),
        regime: Some(job.regime),
        seed: Some(job.seed),
        reproduce: Some(command(&entry.scenario, &[job.regime], job.clock, &[job.seed])),
        component: None,
        by: By::Study,
    }
}

/// What it is about.
fn subject(job: &Job, facts: &Facts) -> String {
    match (job.regime, &facts.under) {
        (Regime::Stageflow, Some(under)) => under.clone(),
        (Regime::Stageflow, None) => "stageflow-core".to_owned(),
        (Regime::Unlimited, _) => "calls without limits".to_owned(),
        (Regime::Semaphore, _) => "a semaphore around all calls".to_owned(),
        (Regime::RateLimiter, _) => "a token bucket for each tool".to_owned(),
        (Regime::Rampmeter, _) => format!("rampmeter {}", env!("CARGO_PKG_VERSION")),
    }
}

/// A job of any seed, in the letters of an id.
fn name(job: &Job) -> String {
    let letter = |c: char| if is_of_id(c) { c } else { '-' };
    let scenario: String = job.scenario.chars().map(letter).collect();
    let size = job.size.map(|size| format!("-{size}")).unwrap_or_default();
    let clock = if job.clock == Clock::Real { "-real" } else { "" };
    format!("{scenario}-{}{size}{clock}", job.regime)
}
