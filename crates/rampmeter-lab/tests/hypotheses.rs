//! The study's ten hypotheses, each on the scenario that speaks of it, played in virtual time: without
//! limits, with the two common remedies, and behind the gate.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use rampmeter_lab::lab::findings::{Kind, from_study};
use rampmeter_lab::lab::hypotheses::{self, Answer, Hypothesis, Verdict};
use rampmeter_lab::lab::{Clock, Entry, Job, Regime, Scenario, Script, Study, play, scenario};

use Answer::{NotShown, Refuted, Shown};

const SEEDS: u64 = 2;

fn hypothesis(id: &str) -> &'static Hypothesis {
    hypotheses::all().iter().find(|it| it.id == id).unwrap()
}

fn built_in(name: &str) -> Arc<Scenario> {
    let (name, text) = *scenario::built_in().iter().find(|(it, _)| *it == name).unwrap();
    Arc::new(scenario::read(name, text).unwrap())
}

fn entry(scenario: &Arc<Scenario>, regime: Regime, seed: u64) -> Entry {
    let script = Arc::new(Script::of(scenario, seed));
    let name = scenario.name.clone();
    let job = Job { scenario: name, regime, seed, clock: Clock::Virtual, size: None };
    let played = play::play(scenario, &script, &job);
    Entry { scenario: scenario.clone(), script, played }
}

fn study(id: &str, regimes: &[Regime]) -> Study {
    let mut study = Study::default();
    for name in &hypothesis(id).scenarios {
        let scenario = built_in(name);
        for regime in regimes {
            study.entries.extend((1..=SEEDS).map(|seed| entry(&scenario, *regime, seed)));
        }
    }
    study
}

/// The verdicts under `unlimited`, `semaphore`, `rate-limiter` and `rampmeter`.
fn verdicts(id: &str) -> [Verdict; 4] {
    let regimes = [Regime::Unlimited, Regime::Semaphore, Regime::RateLimiter, Regime::Rampmeter];
    let mut verdicts = hypotheses::judge(&study(id, &regimes));
    verdicts.retain(|verdict| verdict.id == id);
    regimes.map(|regime| verdicts.iter().find(|verdict| verdict.regime == regime).unwrap().clone())
}

fn holds(id: &str, expected: [Answer; 4]) {
    let verdicts = verdicts(id);
    let told = verdicts.each_ref().map(|it| format!("{}: {} ({})", it.regime, it.answer, it.why));
    assert_eq!(verdicts.map(|verdict| verdict.answer), expected, "{told:#?}");
}

/// A hundred in a second may all be inside at once.
#[test]
fn h1_unlimited_executions() {
    holds("H1", [Shown, Refuted, Shown, Refuted]);
}

#[test]
fn h2_no_priority() {
    holds("H2", [Shown, Shown, Shown, Refuted]);
}

#[test]
fn h3_no_fairness() {
    holds("H3", [Shown, Shown, Shown, Refuted]);
}

/// Real bytes are another matter; what tools hold by their own count is told all the same.
#[test]
fn h4_exhaustion() {
    let verdicts = verdicts("H4");
    for verdict in &verdicts {
        assert_eq!((verdict.answer, &*verdict.why), (NotShown, "counts in real time only"));
    }
    let share = |verdict: &Verdict| {
        let mut figures = verdict.figures.iter();
        figures.find(|seen| seen.figure.to_string() == "memory / memory wanted").unwrap().max()
    };
    let [unlimited, _, _, rampmeter] = verdicts.each_ref().map(share);
    assert_eq!(unlimited, Some(1.0));
    assert!(rampmeter < Some(0.25), "{rampmeter:?}");
}

#[test]
fn h5_no_back_pressure() {
    holds("H5", [Shown, Shown, Shown, Refuted]);
}

#[test]
fn h6_races() {
    holds("H6", [Shown, Shown, Shown, Refuted]);
}

/// There is no loop in virtual time that anything could keep from answering.
#[test]
fn h7_unresponsive_under_load() {
    for verdict in verdicts("H7") {
        assert_eq!((verdict.answer, &*verdict.why), (NotShown, "counts in real time only"));
    }
}

/// A token bucket lets its burst through and refills meanwhile: nearly twice the rate in one second.
#[test]
fn h8_no_limit_of_calls_per_second() {
    holds("H8", [Shown, Shown, NotShown, Refuted]);
}

#[test]
fn h9_time_outs_not_coordinated() {
    holds("H9", [Shown, Shown, Shown, Refuted]);
}

/// Time-outs alone keep about three quarters of the answers, by the rate limiter's rate.
#[test]
fn h10_no_graceful_degradation() {
    holds("H10", [Shown, Shown, NotShown, Refuted]);
}

#[test]
fn what_the_hypotheses_ask_for_is_in_their_scenarios() {
    for hypothesis in hypotheses::all() {
        for name in &hypothesis.scenarios {
            let script = Script::of(&built_in(name), 1);
            for aim in hypothesis.shown.iter().chain(&hypothesis.refuted) {
                assert_eq!(aim.check(&script), Ok(()), "{}: {aim}", hypothesis.id);
            }
            for figure in &hypothesis.figures {
                assert_eq!(figure.check(&script), Ok(()), "{}: {figure}", hypothesis.id);
            }
        }
    }
}

#[test]
fn a_study_finds_what_is_missing_without_limits_and_what_the_gate_does_well() {
    let study = study("H6", &[Regime::Unlimited, Regime::Rampmeter]);
    let findings = from_study(&study, &hypotheses::judge(&study));
    let told: Vec<_> = findings.iter().map(|it| (it.id.as_str(), it.kind)).collect();
    assert_eq!(told, [("H6-unlimited", Kind::Risk), ("H6-rampmeter", Kind::Strength)]);
}
