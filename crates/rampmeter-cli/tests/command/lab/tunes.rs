//! Limits that meet aims.

use super::{crowd, lab};
use crate::harness::{Folder, turn};

const POLICY: &str = r#"# Ours.
undeclared = "read"
[limits.api]
concurrency = 1
[tools.search]
limits = ["api"]
run = { simulate = { latency = "5ms..9ms" } }
"#;

const TUNE: [&str; 5] = ["tune", "--policy", "ours.toml", "--workload", "crowd.toml"];

fn ours() -> Folder {
    let folder = crowd();
    folder.write("ours.toml", POLICY);
    folder
}

#[test]
fn the_policy_to_use_is_the_one_that_was_given_with_the_numbers_that_were_found() {
    let folder = ours();
    let more = ["--aim", "no throttles", "--aim", "peak <= 4", "--out", "tuned.toml", "--json"];
    let ran = lab(&folder, &[TUNE.as_slice(), &more].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // The server has room for four, and one more would be turned away.
    assert_eq!(folder.read("tuned.toml"), POLICY.replace("concurrency = 1", "concurrency = 4"));
    let found = ran.summary();
    assert_eq!((&found["met"], &found["knobs"][0]["found"]), (&true.into(), &4.into()));
}

#[test]
fn aims_that_nothing_meets_are_told_with_the_nearest_that_can_be_had() {
    let folder = ours();
    let ran = lab(&folder, &[TUNE.as_slice(), &["--aim", "p95 <= 1ms"]].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for part in ["no limits", "p95 <= 1ms", "missed"] {
        assert!(ran.stdout.contains(part), "no {part:?} in:\n{}", ran.stdout);
    }
}

#[test]
fn what_cannot_be_tuned_is_told_before_anything_is_tried() {
    let folder = ours();
    for (aim, said) in [("p95 is 1s", "<="), ("p95 of serch <= 1s", "serch")] {
        let ran = lab(&folder, &[TUNE.as_slice(), &["--aim", aim]].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&[aim, said]);
    }
    folder.write("empty.jsonl", "");
    for (policy, workload, said) in [
        ("ours.toml", "empty.jsonl", "empty.jsonl has no events"),
        ("absent.toml", "crowd.toml", "cannot read absent.toml"),
        ("ours.toml", "absent.toml", "cannot read absent.toml"),
        ("ours.toml", "stress", "is a family"),
    ] {
        let ran = lab(&folder, &["tune", "--policy", policy, "--workload", workload]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&[said]);
    }
}

#[test]
fn events_of_a_run_are_a_workload_also_if_the_last_line_is_cut_off_but_no_other() {
    let folder = ours();
    let turns: String = (0..4)
        .map(|nth| {
            let ids = [format!("a{nth}"), format!("b{nth}")];
            turn(&[(&ids[0], "search", "{}"), (&ids[1], "search", "{}")])
        })
        .collect();
    folder.write("turns.jsonl", &turns);
    let args = ["run", "turns.jsonl", "--policy", "ours.toml", "--events", "events.jsonl"];
    assert_eq!(folder.run(&args).code, Some(0));
    let whole = folder.read("events.jsonl");
    folder.write("events.jsonl", &whole[..whole.len() - 20]);
    let tune = ["tune", "--policy", "ours.toml", "--workload", "events.jsonl"];
    let ran = lab(&folder, &tune);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("cut off"), "{}", ran.stdout);
    folder.write("events.jsonl", &whole.replacen("\"seq\":2", "seq:2", 1));
    let ran = lab(&folder, &tune);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    ran.complains(&["line", "events.jsonl", "rampmeter run --events"]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_found_and_could_not_be_printed_is_no_success() {
    let folder = ours();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let args = [&["lab"], TUNE.as_slice(), &["--aim", "peak <= 4", "--most", "8"]].concat();
    let ran = folder.command(&args).stdout(full).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write to standard output"), "{said}");
}
