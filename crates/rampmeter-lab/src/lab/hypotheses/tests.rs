use super::super::figures::made::{MS, empty};
use super::super::record::Status;
use super::super::study::{Entry, Study};
use super::*;

/// A playing of so many calls at once, of which the first few are high: each answered so late.
fn priorities(regime: Regime, seed: u64, high: u64, low: u64) -> Entry {
    let mut entry = empty("adversarial/priorities");
    entry.played.job.regime = regime;
    entry.played.job.seed = seed;
    for (priority, answered) in [("high", high), ("low", low)] {
        let turn = entry.turn(priority, priority);
        for _ in 0..10 {
            entry.good(turn, 0, answered);
        }
    }
    entry
}

fn verdict(entries: Vec<Entry>, id: &str, regime: Regime) -> Verdict {
    let verdicts = judge(&Study { entries });
    let mut its = verdicts.into_iter().filter(|it| it.id == id && it.regime == regime);
    let verdict = its.next().unwrap();
    assert!(its.next().is_none());
    verdict
}

#[test]
fn the_ten_hypotheses_are_legal_and_each_has_a_finding_of_its_own() {
    let read = read::read(include_str!("hypotheses.toml")).unwrap();
    assert_eq!(read, all());
    let ids: Vec<String> = (1..=10).map(|number| format!("H{number}")).collect();
    assert_eq!(all().iter().map(|it| it.id.clone()).collect::<Vec<_>>(), ids);
    let real = all().iter().filter(|it| it.clock == Some(Clock::Real));
    assert_eq!(real.map(|it| it.id.as_str()).collect::<Vec<_>>(), ["H4", "H7"]);
    let mut titles: Vec<&str> = all().iter().map(|it| it.finding.title.as_str()).collect();
    titles.sort_unstable();
    titles.dedup();
    assert_eq!(titles.len(), 10);
}

#[test]
fn what_provides_it_is_a_heading_of_a_document_here() {
    for hypothesis in all() {
        let component = &hypothesis.finding.component;
        let (file, anchor) = component.split_once('#').unwrap_or((component, ""));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
        let text = std::fs::read_to_string(format!("{path}{file}")).unwrap();
        let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        let slug = |heading: &str| -> String {
            let letters = heading.to_lowercase().replace(' ', "-");
            letters.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
        };
        assert!(anchor.is_empty() || headings.map(slug).any(|it| it == anchor), "{component}");
    }
}

#[test]
fn each_regime_gets_a_verdict_of_each_hypothesis_and_says_if_it_was_not_played() {
    let verdicts = judge(&Study { entries: vec![priorities(Regime::Unlimited, 1, 100, 100)] });
    assert_eq!(verdicts.len(), 50);
    assert!(verdicts.iter().all(|verdict| {
        let played = verdict.id == "H2" && verdict.regime == Regime::Unlimited;
        played || (verdict.answer == Answer::NotPlayed && verdict.figures.is_empty())
    }));
    assert_eq!(verdicts[0].why, "stress/burst-100 was not played");
    let exhaustion = verdicts.iter().find(|verdict| verdict.id == "H4").unwrap();
    assert_eq!(exhaustion.why, "stress/memory was not played in real time");
}

#[test]
fn it_is_shown_if_all_that_shows_it_holds_with_every_seed() {
    let unlimited = |seed, high| priorities(Regime::Unlimited, seed, high, 100);
    let shown = verdict(
        vec![unlimited(1, 100), unlimited(2, 90), unlimited(3, 81)],
        "H2",
        Regime::Unlimited,
    );
    assert_eq!(shown.answer, Answer::Shown);
    assert_eq!(
        shown.why,
        "slowdown p95 of high >= 2: 9 (8.1 to 10); p95 of high / p95 of low >= 80%: 90 % (81 % to 100 %)"
    );
    let one_is_not = verdict(vec![unlimited(1, 100), unlimited(2, 79)], "H2", Regime::Unlimited);
    assert_eq!(one_is_not.answer, Answer::NotShown);
    // Half of what shows it is not enough: nobody is slowed here.
    let idle = verdict(vec![priorities(Regime::Unlimited, 1, 10, 10)], "H2", Regime::Unlimited);
    assert_eq!(idle.answer, Answer::NotShown);
    assert_eq!(
        idle.why,
        "neither shown (slowdown p95 of high >= 2: 1; p95 of high / p95 of low >= 80%: 100 %) nor refuted (p95 of \
         high / p95 of low <= 50%: 100 %)"
    );
}

#[test]
fn it_is_refuted_if_all_that_refutes_it_holds_with_every_seed() {
    let gate = |seed, high| priorities(Regime::Rampmeter, seed, high, 100);
    let refuted = verdict(vec![gate(1, 20), gate(2, 50)], "H2", Regime::Rampmeter);
    assert_eq!(refuted.answer, Answer::Refuted);
    let figure = &refuted.figures[0];
    assert_eq!((figure.figure.to_string().as_str(), figure.values.len()), ("p95 of high", 2));
    assert_eq!(
        (figure.min(), figure.median(), figure.max()),
        (Some(0.02), Some(0.035), Some(0.05))
    );
    assert_eq!(figure.to_string(), "35 ms (20 ms to 50 ms)");
    let not = verdict(vec![gate(1, 20), gate(2, 51)], "H2", Regime::Rampmeter);
    assert_eq!(not.answer, Answer::NotShown);
}

#[test]
fn what_the_playing_does_not_tell_shows_and_refutes_nothing() {
    let mut entry = priorities(Regime::Rampmeter, 1, 20, 100);
    entry.played.records.retain(|record| record.call >= 10);
    let verdict = verdict(vec![entry], "H2", Regime::Rampmeter);
    assert_eq!(verdict.answer, Answer::NotShown);
    assert!(verdict.why.contains("p95 of high / p95 of low <= 50%: not told"), "{}", verdict.why);
}

#[test]
fn what_broke_off_shows_and_refutes_nothing() {
    let mut entry = priorities(Regime::Unlimited, 4, 100, 100);
    entry.played.facts.broken = Some("killed by signal 9".into());
    let verdict =
        verdict(vec![priorities(Regime::Unlimited, 1, 100, 100), entry], "H2", Regime::Unlimited);
    assert_eq!(verdict.answer, Answer::NotShown);
    assert_eq!(verdict.why, "adversarial/priorities with seed 4 broke off: killed by signal 9");
}

#[test]
fn a_sweep_has_no_say() {
    let mut entry = priorities(Regime::Unlimited, 1, 100, 100);
    entry.played.job.size = Some(8);
    assert_eq!(verdict(vec![entry], "H2", Regime::Unlimited).answer, Answer::NotPlayed);
}

/// `stress/memory`: a hundred calls of 4 MiB each, under which the process grew by so many MiB.
fn memory(regime: Regime, clock: Clock, grew: u64) -> Entry {
    let mut entry = empty("stress/memory");
    entry.played.job.regime = regime;
    entry.played.job.clock = clock;
    entry.script_mut().tools[0].memory = 4 << 20;
    let turn = entry.turn("agent", "normal");
    for _ in 0..100 {
        entry.good(turn, 0, 100);
    }
    entry.played.facts.resident = Some((10 << 20, (10 + grew) << 20));
    entry.played.facts.held_bytes_peak = 400 << 20;
    entry
}

#[test]
fn h4_exhaustion_counts_in_real_time_only() {
    use Regime::{Rampmeter, Semaphore, Unlimited};
    let answer =
        |regime, clock, grew| verdict(vec![memory(regime, clock, grew)], "H4", regime).answer;
    assert_eq!(answer(Unlimited, Clock::Real, 390), Answer::Shown);
    assert_eq!(answer(Rampmeter, Clock::Real, 70), Answer::Refuted);
    assert_eq!(answer(Semaphore, Clock::Real, 200), Answer::NotShown);
    let counted = verdict(vec![memory(Unlimited, Clock::Virtual, 390)], "H4", Unlimited);
    assert_eq!(
        (counted.answer, counted.why.as_str()),
        (Answer::NotShown, "counts in real time only")
    );
    assert_eq!(counted.clock, Some(Clock::Virtual));
    let both = vec![memory(Unlimited, Clock::Virtual, 0), memory(Unlimited, Clock::Real, 390)];
    let both = verdict(both, "H4", Unlimited);
    assert_eq!((both.answer, both.clock), (Answer::Shown, Some(Clock::Real)));
    assert_eq!(both.figures[0].values.len(), 1);
}

#[test]
fn h7_unresponsive_under_load_counts_in_real_time_only() {
    let loop_late_by = |regime: Regime, late: u64, status: Status| {
        let mut entry = empty("stress/cpu");
        entry.played.job.regime = regime;
        entry.played.job.clock = Clock::Real;
        let turn = entry.turn("agent", "normal");
        entry.call(turn, (0, Some(500)), status, &[(0, 500)]);
        entry.played.facts.lags = vec![MS; 90];
        entry.played.facts.lags.extend([late * MS; 10]);
        verdict(vec![entry], "H7", regime).answer
    };
    assert_eq!(loop_late_by(Regime::Unlimited, 100, Status::Succeeded), Answer::Shown);
    assert_eq!(loop_late_by(Regime::Semaphore, 99, Status::Succeeded), Answer::NotShown);
    assert_eq!(loop_late_by(Regime::Rampmeter, 50, Status::Succeeded), Answer::Refuted);
    // A loop that is idle because it turned everything away is no answer to the question.
    assert_eq!(loop_late_by(Regime::Rampmeter, 1, Status::Refused), Answer::NotShown);
}

#[test]
fn a_hypothesis_that_would_hold_of_anything_is_refused() {
    let text = include_str!("hypotheses.toml");
    let error = |from: &str, to: &str| read::read(&text.replacen(from, to, 1)).unwrap_err();
    assert_eq!(
        error("shown = [\"peak / asked >= 90%\"]", "shown = []"),
        "H1: `shown` has nothing in it"
    );
    assert_eq!(error("id = \"H2\"", "id = \"H1\""), "there are two hypotheses `H1`");
    assert!(
        error("peak / asked >= 90%", "peek >= 90%").starts_with("H1: shown: `peek` is no figure")
    );
    assert!(error("claim", "clame").contains("unknown field `clame`"));
}
