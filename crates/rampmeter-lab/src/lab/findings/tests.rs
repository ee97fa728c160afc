use super::super::figures::made::empty;
use super::super::hypotheses::judge;
use super::super::record::{Facts, Status};
use super::super::regime::Regime;
use super::super::scenario::{Family, Hold};
use super::super::study::{Entry, Study};
use super::*;

fn by_hand(id: &str, title: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        kind: Kind::DeveloperExperience,
        severity: Severity::Low,
        title: title.to_owned(),
        evidence: "seen".to_owned(),
        subject: None,
        scenario: None,
        regime: None,
        seed: None,
        reproduce: None,
        component: None,
        by: By::Hand,
    }
}

/// `stress/burst-100`, of which so many calls are inside the tool at once.
fn burst(regime: Regime, at_once: u64, seed: u64) -> Entry {
    let mut entry = empty("stress/burst-100");
    std::sync::Arc::make_mut(&mut entry.scenario).family = Family::Stress;
    entry.played.job.regime = regime;
    entry.played.job.seed = seed;
    let turn = entry.turn("agent", "normal");
    for call in 0..20 {
        let start = call / at_once * 10;
        entry.call(turn, (0, Some(start + 10)), Status::Succeeded, &[(start, start + 10)]);
    }
    entry
}

fn found(entries: Vec<Entry>) -> Findings {
    let study = Study { entries };
    from_study(&study, &judge(&study))
}

fn ids(findings: &Findings) -> Vec<&str> {
    findings.iter().map(|finding| finding.id.as_str()).collect()
}

#[test]
fn a_second_finding_of_one_id_is_refused_and_the_first_is_named() {
    let mut findings = Findings::default();
    findings.add(by_hand("DX-1", "six parameters")).unwrap();
    let error = findings.add(by_hand("DX-1", "another")).unwrap_err();
    assert_eq!(
        error,
        "there is a finding `DX-1` already: \"six parameters\"; give the other another id"
    );
    assert_eq!(findings.len(), 1);
    assert!(findings.add(by_hand("DX 2", "another")).unwrap_err().starts_with("`DX 2` is no id"));
    assert!(findings.add(by_hand("", "another")).is_err());
}

#[test]
fn findings_are_read_as_they_are_written() {
    let mut findings = found(vec![burst(Regime::Unlimited, 20, 1), burst(Regime::Rampmeter, 5, 1)]);
    findings.add(by_hand("DX-1", "six parameters")).unwrap();
    assert_eq!(findings.len(), 3);
    let text = findings.to_json();
    assert_eq!(Findings::read("findings.json", &text).as_ref(), Ok(&findings));
    assert_eq!(Findings::read("findings.json", &text).unwrap().to_json(), text);
    assert_eq!(Findings::default().to_json(), "[]\n");
}

#[test]
fn what_is_wrong_with_a_file_of_findings_is_told_with_its_place() {
    let text = Findings(vec![by_hand("DX-1", "six parameters")]).to_json();
    let error = |text: &str| Findings::read("findings.json", text).unwrap_err();
    let unknown = text.replace("\"kind\"", "\"kidn\"");
    assert!(
        error(&unknown).starts_with("findings.json:4:10: unknown field `kidn`"),
        "{}",
        error(&unknown)
    );
    let other = text.replace("developer-experience", "whim");
    assert!(
        error(&other).starts_with("findings.json:4:18: unknown variant `whim`"),
        "{}",
        error(&other)
    );
    assert!(error("[{").starts_with("findings.json:1:2: EOF"), "{}", error("[{"));
    let twice = text.replace("]", &text[1..]).replace("}\n\n  {", "},\n  {");
    assert!(
        error(&twice).starts_with("findings.json: there is a finding `DX-1` already"),
        "{}",
        error(&twice)
    );
}

#[test]
fn what_is_shown_of_stageflow_is_found_with_its_version_and_what_provides_it_here() {
    let mut stageflow = burst(Regime::Stageflow, 20, 1);
    stageflow.played.facts.under = Some("stageflow-core 1.2.0, CPython 3.11.7".into());
    let findings =
        found(vec![burst(Regime::Unlimited, 20, 1), burst(Regime::Rampmeter, 5, 1), stageflow]);
    assert_eq!(ids(&findings), ["H1-stageflow", "H1-rampmeter"]);
    let shown = findings.get("H1-stageflow").unwrap();
    assert_eq!((shown.kind, shown.severity), (Kind::MissingApi, Severity::High));
    assert_eq!(shown.subject.as_deref(), Some("stageflow-core 1.2.0, CPython 3.11.7"));
    assert_eq!(shown.evidence, "H1 is shown: peak / asked >= 90%: 100 %");
    assert_eq!(shown.component.as_deref(), Some("docs/policy.md#limitsname"));
    let reproduce = "rampmeter lab run scenarios/stress/burst-100.toml --regimes stageflow --seed 1 --python PATH";
    assert_eq!(shown.reproduce.as_deref(), Some(reproduce));
    let refuted = findings.get("H1-rampmeter").unwrap();
    assert_eq!((refuted.kind, refuted.severity), (Kind::Strength, Severity::Info));
    assert_eq!(refuted.evidence, "H1 is refuted: peak / asked <= 50%: 25 %");
}

#[test]
fn without_stageflow_what_it_does_is_found_of_calls_without_limits() {
    let findings = found(vec![burst(Regime::Unlimited, 20, 1), burst(Regime::Semaphore, 20, 1)]);
    assert_eq!(ids(&findings), ["H1-unlimited"]);
    assert_eq!(findings.iter().next().unwrap().subject.as_deref(), Some("calls without limits"));
}

#[test]
fn what_is_shown_of_rampmeter_is_a_bug_and_what_is_refuted_of_stageflow_its_own_strength() {
    let findings = found(vec![burst(Regime::Rampmeter, 20, 1), burst(Regime::Stageflow, 5, 1)]);
    let told = findings.iter().map(|it| (it.id.as_str(), it.kind, it.component.is_some()));
    let expected = [("H1-stageflow", Kind::Strength, false), ("H1-rampmeter", Kind::Bug, true)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn what_must_hold_and_does_not_is_a_bug_of_its_first_seed() {
    let held = |aim: &str| Hold { regime: Regime::Rampmeter, aim: aim.to_owned() };
    let holding = |mut entry: Entry| {
        let scenario = std::sync::Arc::make_mut(&mut entry.scenario);
        scenario.holds = vec![held("peak <= 5"), held("peak <= 4"), held("p95 of nobody <= 1s")];
        entry
    };
    let seeds = [5, 4, 5, 5].into_iter().zip(1..);
    let entries: Vec<Entry> =
        seeds.map(|(at_once, seed)| holding(burst(Regime::Rampmeter, at_once, seed))).collect();
    let mut other = holding(burst(Regime::Unlimited, 20, 1));
    other.played.job.scenario = "own".into();
    let findings = found([entries, vec![other]].concat());
    assert_eq!(
        ids(&findings),
        [
            "holds-stress-burst-100-rampmeter-2",
            "untold-stress-burst-100-rampmeter-3",
            "H1-rampmeter"
        ]
    );
    let missed = findings.get("holds-stress-burst-100-rampmeter-2").unwrap();
    assert_eq!(missed.title, "stress/burst-100 under rampmeter: not peak <= 4");
    assert_eq!(missed.evidence, "peak is 5 with seed 1");
    let untold = findings.get("untold-stress-burst-100-rampmeter-3").unwrap();
    assert_eq!((missed.kind, missed.severity), (Kind::Bug, Severity::High));
    assert_eq!((untold.kind, untold.severity), (Kind::Risk, Severity::Medium));
    assert_eq!(untold.evidence, "p95 of nobody is not told with seed 1");
}

#[test]
fn what_broke_off_is_a_bug_and_nothing_else_is_found_of_it() {
    let mut entry = burst(Regime::Stageflow, 20, 7);
    entry.played.facts = Facts { broken: Some("killed by signal 9".into()), ..Facts::default() };
    let findings = found(vec![entry]);
    assert_eq!(ids(&findings), ["broken-stress-burst-100-stageflow-7"]);
    assert_eq!(findings.iter().next().unwrap().evidence, "killed by signal 9");
}

#[test]
fn what_somebody_wrote_down_outlives_the_next_report_and_what_a_study_found_does_not() {
    let mut before = found(vec![burst(Regime::Unlimited, 20, 1)]);
    before.add(by_hand("DX-1", "six parameters")).unwrap();
    let mut after = found(vec![burst(Regime::Rampmeter, 5, 1)]);
    after.keep(&before).unwrap();
    assert_eq!(ids(&after), ["H1-rampmeter", "DX-1"]);
    assert!(after.keep(&before).unwrap_err().contains("`DX-1` already"));
}

#[test]
fn what_a_scenario_of_ones_own_shows_is_shown_again_by_its_file() {
    let mut entry = empty("mine");
    entry.played.facts.broken = Some("killed by signal 9".into());
    let findings = found(vec![entry]);
    let reproduce = findings.iter().next().unwrap().reproduce.clone();
    let expected = "rampmeter lab run scenarios/mine.toml --regimes rampmeter --seed 1";
    assert_eq!(reproduce.as_deref(), Some(expected));
}
