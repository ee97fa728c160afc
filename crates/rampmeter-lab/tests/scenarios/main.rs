//! The scenarios that come with the lab, played: what each says must hold does.
#![cfg(feature = "lab")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, OnceLock};

use rampmeter_lab::lab::figures::{Aim, Figure, show};
use rampmeter_lab::lab::{Clock, Entry, Job, Regime, Scenario, Script, play, scenario};

/// Those that tell something in virtual time.
fn scenarios() -> &'static [Arc<Scenario>] {
    static READ: OnceLock<Vec<Arc<Scenario>>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |(name, text): (&str, &str)| {
            let read = scenario::read(&format!("{name}.toml"), text);
            read.unwrap_or_else(|error| panic!("{error}"))
        };
        let all = scenario::built_in().into_iter().map(read);
        all.filter(|it| it.only != Some(Clock::Real)).map(Arc::new).collect()
    })
}

fn named(name: &str) -> Arc<Scenario> {
    scenarios().iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
}

fn played(scenario: &Arc<Scenario>, regime: Regime, seed: u64, size: Option<u64>) -> Entry {
    let script = Arc::new(Script::of(scenario, seed));
    let job = Job { scenario: scenario.name.clone(), regime, seed, clock: Clock::Virtual, size };
    let played = play::play(scenario, &script, &job);
    assert_eq!(played.facts.broken, None, "{} under {regime}", scenario.name);
    Entry { scenario: scenario.clone(), script, played }
}

fn figure(entry: &Entry, name: &str) -> f64 {
    let figure = Figure::parse(name).unwrap().of(entry);
    figure.unwrap_or_else(|| panic!("{} does not tell {name}", entry.scenario.name))
}

/// What does not hold, in words.
fn broken(entry: &Entry) -> Vec<String> {
    let of_regime = |hold: &&scenario::Hold| hold.regime == entry.played.job.regime;
    let judged = entry.scenario.holds.iter().filter(of_regime).filter_map(|hold| {
        let aim = Aim::parse(&hold.aim).unwrap();
        let judged = aim.judge(entry);
        let value = judged.value.map(|value| show(value, aim.figure().unit()));
        let said = format!("{}: {}, and it is {value:?}", entry.scenario.name, hold.aim);
        (judged.holds != Some(true)).then_some(said)
    });
    judged.collect()
}

#[test]
fn what_a_scenario_says_must_hold_does() {
    let broken: Vec<String> = scenarios()
        .iter()
        .flat_map(|scenario| broken(&played(scenario, Regime::Rampmeter, 1, None)))
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

/// The guide's own example is a scenario, and what it says must hold does.
#[test]
fn the_example_of_the_guide_can_be_played() {
    let guide = include_str!("../../../../docs/lab.md");
    let chapter = guide.split("## A scenario of one's own").nth(1).unwrap();
    let text = chapter.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let scenario = Arc::new(scenario::read("mine.toml", text).unwrap_or_else(|it| panic!("{it}")));
    for regime in [Regime::Rampmeter, Regime::Unlimited] {
        assert!(scenario.holds.iter().any(|hold| hold.regime == regime));
        assert_eq!(broken(&played(&scenario, regime, 1, None)), Vec::<String>::new(), "{regime}");
    }
}

/// A scenario that shows the same with and without limits shows nothing.
#[test]
fn without_limits_it_goes_wrong_as_the_scenario_says() {
    let goes_wrong = [
        (Regime::Unlimited, "stress/burst-100", "peak >= 100"),
        (Regime::Unlimited, "stress/burst-1000", "duration >= 4s"),
        (Regime::Unlimited, "stress/variable", "past deadline / asked >= 50%"),
        (Regime::Unlimited, "stress/overload", "past deadline / asked >= 50%"),
        (Regime::Semaphore, "stress/overload", "past deadline / asked >= 50%"),
        (Regime::Unlimited, "stress/producer", "outstanding / asked >= 100%"),
        (Regime::Semaphore, "stress/rate-50", "throttled = 40"),
        (Regime::RateLimiter, "stress/rate-50", "throttles >= 5"),
        (Regime::Unlimited, "chaos/failures", "failed / asked >= 15%"),
        (Regime::Unlimited, "chaos/slow-answers", "past deadline / asked >= 50%"),
        (Regime::Unlimited, "chaos/time-outs", "lost >= 10"),
        (Regime::Semaphore, "chaos/time-outs", "peak > 16"),
        (Regime::Semaphore, "chaos/deadline", "past deadline / asked >= 10%"),
        (Regime::RateLimiter, "chaos/throttling", "throttles >= 10"),
        (Regime::Unlimited, "chaos/throttled-by-others", "throttled >= 20"),
        (Regime::Unlimited, "chaos/cascade", "in time / asked <= 50%"),
        (Regime::Unlimited, "adversarial/one-key", "lost updates = 19"),
        (Regime::Semaphore, "adversarial/race-20", "lost updates >= 15"),
        (Regime::Semaphore, "adversarial/fast-and-slow", "p95 of lookups >= 1s"),
        (Regime::Semaphore, "adversarial/priorities", "p95 of high >= 1s"),
        (Regime::Semaphore, "adversarial/inversion", "wait p95 of high >= 5s"),
        (Regime::Semaphore, "adversarial/heavy-calls", "memory > 64MiB"),
        (Regime::Semaphore, "adversarial/greedy-flow", "p95 of quiet / p95 of greedy >= 80%"),
        (Regime::Unlimited, "adversarial/herd", "throttled >= 200"),
        (Regime::Semaphore, "adversarial/nested", "timed out = 40"),
        (Regime::Semaphore, "recovery/crash", "throttles >= 100"),
        (Regime::Unlimited, "recovery/degradation", "failed >= 100"),
        (Regime::Semaphore, "recovery/clean-up", "peak > 8"),
    ];
    for (regime, name, aim) in goes_wrong {
        let aim = Aim::parse(aim).unwrap();
        let judged = aim.judge(&played(&named(name), regime, 1, None));
        assert_eq!(judged.holds, Some(true), "{name} under {regime}: {aim}, {:?}", judged.value);
    }
}

/// The server's law says where that is: at √((1 - σ) / κ).
#[test]
fn a_swept_server_does_the_most_where_its_law_says() {
    for (name, best) in [("curves/knee", 21.8), ("curves/memory", 13.4)] {
        let scenario = named(name);
        let mut most = (0, 0.0);
        for size in &scenario.sweep.as_ref().unwrap().sizes {
            let throughput =
                figure(&played(&scenario, Regime::Rampmeter, 1, Some(*size)), "throughput");
            if throughput > most.1 {
                most = (*size, throughput);
            }
        }
        let off = most.0 as f64 / best;
        assert!((0.7..=1.4).contains(&off), "{name}: the most is done with {} inside", most.0);
    }
}

#[test]
fn with_a_quota_as_many_slots_are_best_as_keep_to_it() {
    let scenario = named("curves/quota");
    let at = |size: u64| played(&scenario, Regime::Rampmeter, 1, Some(size));
    let sizes = &scenario.sweep.as_ref().unwrap().sizes;
    let goodput = |size: &u64| (figure(&at(*size), "goodput") * 1e3).round();
    let best = sizes.iter().max_by(|a, b| goodput(a).total_cmp(&goodput(b))).unwrap();
    assert_eq!(*best, 4);
    assert!(figure(&at(5), "throttles") > 0.0);
}
