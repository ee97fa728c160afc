//! A report of playings as they are.

use std::sync::Arc;

use rampmeter_lab::lab::findings::Findings;
use rampmeter_lab::lab::report::Report;
use rampmeter_lab::lab::{
    Clock, Entry, Job, Regime, Scenario, Script, Study, findings, hypotheses, play, report,
    scenario,
};

const BURST: &str = r#"
about = "Sixty calls at once, on a server that is slow for a while"
ends = "20s"
semaphore = 16
holds = ["peak of api <= SIZE", "succeeded = 60"]

[[load]]
name = "high"
priority = "high"
calls = [{ tool = "search", count = 20 }]

[[load]]
name = "low"
priority = "low"
calls = [{ tool = "search", count = 40 }]

[tools.search]
takes = "50ms"
server = "api"

[servers.api]
sigma = 0.05

[[faults]]
server = "api"
from = "100ms"
for = "200ms"
slower = 3

[policy]
undeclared = "read"

[policy.limits.api]
concurrency = SIZE

[policy.tools.search]
limits = ["api"]
"#;

#[test]
fn the_same_seeds_give_the_same_page_and_others_another() {
    let page = |size, seeds: &[u64]| {
        let study = study(size, seeds);
        let verdicts = hypotheses::judge(&study);
        let findings = findings::from_study(&study, &verdicts);
        report::html(&study, &verdicts, &findings)
    };
    assert_eq!(page(8, &[1, 2]), page(8, &[1, 2]));
    assert_ne!(page(8, &[1, 2]), page(6, &[1, 2]));
}

#[test]
fn a_page_says_what_was_played_under_what() {
    let report = Report::of(&study(8, &[1]), &[], &Findings::default());
    assert_eq!(report.roll.regimes, [Regime::Unlimited, Regime::Rampmeter]);
    assert_eq!((report.roll.calls, report.roll.seeds.as_slice()), (120, &[1][..]));
    let stage = &report.chapters[0].stages[0];
    assert!(
        stage.caption.starts_with(
            "Without limits up to 60 calls are inside tools at once; under the policy up to 8"
        ),
        "{}",
        stage.caption
    );
    let most = |at: usize| stage.panels[at].inside.iter().map(|it| it.1).fold(0.0, f64::max);
    assert_eq!((most(0), most(1)), (60.0, 8.0));
    assert_eq!(stage.panels[0].shades[0].name, "api: 3 times as slow");
    assert!(report.holds.iter().all(|held| held.holds == Some(true)), "{:?}", report.holds);
    let titles: Vec<&str> = report.curves.iter().map(|it| it.title.as_str()).collect();
    assert!(titles.contains(&"Who waits") && titles.contains(&"Who gets what"), "{titles:?}");
}

#[test]
fn what_a_picture_says_is_of_the_seed_that_is_drawn() {
    let report = Report::of(&study(8, &[5, 1, 3]), &[], &Findings::default());
    let alone = Report::of(&study(8, &[1]), &[], &Findings::default());
    let [all, one] = [&report, &alone].map(|it| &it.chapters[0].stages[0]);
    assert_eq!((&all.caption, &all.played), (&one.caption, &one.played));
}

#[test]
fn two_studies_differ_by_what_moved() {
    let (eight, four) = (study(8, &[1]), study(4, &[1]));
    assert_eq!(report::compare(&eight, &eight), "nothing is different\n");
    let text = report::compare(&eight, &four);
    assert!(text.contains("made under rampmeter: peak was 8, is 4 (-50 %)"), "{text}");
    assert!(!text.contains("made under unlimited"), "{text}");
    let mut less = four.clone();
    less.entries.retain(|entry| entry.played.job.regime == Regime::Rampmeter);
    assert!(report::compare(&four, &less).contains("only in the first: 1\n  made under unlimited"));
}

#[test]
fn of_many_differences_the_first_are_told_and_of_two_clocks_that_nothing_is_compared() {
    let (one, mut many, mut real) = (study(8, &[1]), Study::default(), study(8, &[1]));
    for nth in 0..12 {
        let mut entry = one.entries[0].clone();
        entry.played.job.scenario = format!("made-{nth:02}");
        many.entries.push(entry);
    }
    let text = report::compare(&many, &one);
    assert!(text.contains("only in the first: 12\n  made-00 under"), "{text}");
    assert!(text.contains("  made-09 under unlimited\n  and 2 more\n"), "{text}");
    assert!(!text.contains("not compared"), "{text}");
    for entry in &mut real.entries {
        entry.played.job.clock = Clock::Real;
    }
    let text = report::compare(&one, &real);
    assert!(
        text.starts_with("not compared: 2 scenarios and regimes that one has in virtual time"),
        "{text}"
    );
}

#[test]
fn a_playing_that_broke_is_told_with_what_is_left_of_it() {
    let mut broken = study(8, &[1]);
    broken.entries[0].played.records.truncate(10);
    broken.entries[0].played.facts.broken = Some("its process ended with signal 9".into());
    broken.entries[1].played.records.clear();
    let report = Report::of(&broken, &[], &Findings::default());
    assert_eq!(report.roll.broken.len(), 1);
    let (page, text) = (report.html(), report.terminal());
    assert!(page.contains("its process ended with signal 9") && text.contains("signal 9"));
    assert!(!page.contains("NaN") && !page.contains("inf"), "a figure that is none was written");
}

#[test]
fn what_broke_off_is_no_part_of_a_median_and_shows_nothing_to_hold() {
    let whole = study(8, &[1]);
    let mut with_broken = study(8, &[1, 2]);
    for entry in with_broken.entries.iter_mut().filter(|it| it.played.job.seed == 2) {
        entry.played.records.truncate(3);
        entry.played.facts.broken = Some("its process ended with signal 9".into());
    }
    let captions = [&whole, &with_broken].map(|study| {
        Report::of(study, &[], &Findings::default()).chapters[0].stages[0].caption.clone()
    });
    assert_eq!(captions[0], captions[1]);
    with_broken.entries.retain(|it| it.played.job.seed == 2);
    let report = Report::of(&with_broken, &[], &Findings::default());
    assert!(report.holds.iter().all(|held| held.holds.is_none()), "{:?}", report.holds);
}

#[test]
fn what_plays_it_again_plays_the_same_seeds() {
    let commands = |seeds: &[u64]| {
        let report = Report::of(&study(8, seeds), &[], &Findings::default());
        report.again.into_iter().map(|again| again.command).collect::<Vec<_>>()
    };
    let run = "rampmeter lab run scenarios/made.toml --regimes unlimited,rampmeter";
    assert_eq!(commands(&[1]), [format!("{run} --seed 1")]);
    let both = format!("{run} --seed 1 --seeds 2 && {run} --seed 5");
    assert_eq!(commands(&[1, 2, 5]), [both]);
}

#[test]
fn a_study_of_nothing_is_a_page_all_the_same() {
    let report = Report::of(&Study::default(), &[], &Findings::default());
    assert!(report.html().ends_with("</html>"));
    assert!(!report.terminal().is_empty());
}

fn study(size: u64, seeds: &[u64]) -> Study {
    let text = BURST.replace("SIZE", &size.to_string());
    let mut read = scenario::read("made.toml", &text).unwrap();
    read.name = "made".into();
    let scenario = Arc::new(read);
    let each =
        seeds.iter().flat_map(|seed| [(*seed, Regime::Unlimited), (*seed, Regime::Rampmeter)]);
    let mut entries: Vec<Entry> =
        each.map(|(seed, regime)| entry(&scenario, seed, regime)).collect();
    entries.sort_by_key(|entry| entry.played.job.clone());
    Study { entries }
}

fn entry(scenario: &Arc<Scenario>, seed: u64, regime: Regime) -> Entry {
    let script = Arc::new(Script::of(scenario, seed));
    let job =
        Job { scenario: scenario.name.clone(), regime, seed, clock: Clock::Virtual, size: None };
    let played = play::play(scenario, &script, &job);
    Entry { scenario: scenario.clone(), script, played }
}
