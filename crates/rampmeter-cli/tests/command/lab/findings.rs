//! Findings that are added by hand.

use super::{crowd, lab};

const ADD: [&str; 13] = [
    "finding",
    "add",
    "--id",
    "OURS-1",
    "--kind",
    "risk",
    "--severity",
    "high",
    "--title",
    "Searches before a server of one tenant.",
    "--evidence",
    "96 of 100 calls were turned away.",
    "--scenario=crowd",
];

#[test]
fn a_finding_that_was_added_is_listed_kept_and_reported() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    let ran = lab(&folder, &ADD);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    let listed = lab(&folder, &["finding", "list"]);
    for part in ["OURS-1", "risk", "high", "of one tenant"] {
        assert!(listed.stdout.contains(part), "no {part:?} in:\n{}", listed.stdout);
    }
    assert!(folder.read("lab-out/findings.json").contains("OURS-1"));
    assert!(folder.read("lab-out/report.html").contains("of one tenant"));
}

#[test]
fn no_two_findings_have_one_id() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    assert_eq!(lab(&folder, &ADD).code, Some(0));
    let before = folder.read("lab-out/findings.json");
    let ran = lab(&folder, &ADD);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["OURS-1"]);
    assert_eq!(folder.read("lab-out/findings.json"), before);
}

#[test]
fn a_finding_names_a_scenario_that_is_built_in_or_in_the_folder() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    for (name, code, said) in [
        ("nope/nope", 2, "name one of `rampmeter lab list`"),
        ("chaos/cascad", 2, "did you mean `chaos/cascade`?"),
        ("chaos/cascade", 0, ""),
    ] {
        let scenario = format!("--scenario={name}");
        let ran = lab(&folder, &ADD.map(|word| if word == ADD[12] { &scenario } else { word }));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        ran.complains(&[said]);
    }
    let found = folder.read("lab-out/findings.json");
    assert!(found.contains("rampmeter lab run chaos/cascade\""), "{found}");
}

#[test]
fn a_kind_that_there_is_not_is_told_with_the_right_ones() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    let ran = lab(&folder, &ADD.map(|word| if word == "risk" { "rsk" } else { word }));
    assert_eq!(ran.code, Some(2));
    ran.complains(&["rsk", "risk"]);
}

#[test]
fn what_shows_a_scenario_of_ones_own_again_names_its_file_in_the_folder() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    let ran = lab(&folder, &ADD);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = folder.read("lab-out/findings.json");
    assert!(found.contains("rampmeter lab run scenarios/crowd.toml\""), "{found}");
}
