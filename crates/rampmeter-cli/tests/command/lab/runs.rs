//! What a run plays, writes and says.

use super::{CROWD, crowd, files, lab};

#[test]
fn the_same_seed_gives_the_same_files_on_one_thread_and_on_two() {
    let folder = crowd();
    for (out, threads) in [("one", "1"), ("two", "2")] {
        let args = ["run", "crowd.toml", "recovery/crash", "--out", out, "--seeds", "3"];
        let ran = lab(&folder, &[args.as_slice(), &["--threads", threads]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let (one, two) = (files(&folder.path("one")), files(&folder.path("two")));
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(two[name] == *bytes, "{name} differs");
    }
    let jobs = one.keys().filter(|name| name.starts_with("jobs/crowd/")).count();
    assert_eq!(jobs, 12, "four regimes, three seeds: {:?}", one.keys());
    for name in ["report.html", "findings.json", "scenarios/crowd.toml"] {
        assert!(one.contains_key(name), "no {name} in {:?}", one.keys());
    }
}

#[test]
fn what_must_hold_and_does_not_is_named() {
    let folder = crowd();
    folder.write("hopeless.toml", &CROWD.replace("peak <= 4", "peak <= 3"));
    let ran = lab(&folder, &["run", "crowd.toml", "hopeless.toml"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.complains(&["hopeless under rampmeter", "peak <= 3"]);
    assert!(!ran.stderr.contains("crowd under"), "{}", ran.stderr);
    assert!(folder.path("lab-out/report.html").exists(), "what was played is reported");
}

#[test]
fn what_must_hold_and_cannot_be_told_is_named_and_what_was_not_played_is_not() {
    let folder = crowd();
    let early = CROWD.replace("2min", "10ms").replace("throttled = 0", "p95 <= 2s");
    folder.write("early.toml", &early);
    let ran = lab(&folder, &["run", "early.toml"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.complains(&["cannot be told: early under rampmeter: p95 <= 2s"]);
    assert!(folder.path("lab-out/report.html").exists(), "what was played is reported");
    let args = ["run", "early.toml", "--regimes", "unlimited", "--out", "other"];
    let ran = lab(&folder, &args);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_not_written_is_told_and_its_name_is_not_printed_as_if_it_were() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml"]).code, Some(0));
    for args in [&["run", "crowd.toml"][..], &["list"], &["compare", "lab-out", "lab-out"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = folder.command(&[&["lab"], args].concat());
        let ran = command.env("PATH", "").stdout(full).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains("cannot write to standard output"), "{said}");
    }
    std::fs::remove_file(folder.path("lab-out/report.html")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path("lab-out/report.html")).unwrap();
    let ran = lab(&folder, &["report"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.complains(&["cannot write lab-out/report.html"]);
    assert!(!ran.stdout.contains("report.html"), "{}", ran.stdout);
}

#[test]
fn a_report_is_made_again_from_what_is_kept() {
    let folder = crowd();
    assert_eq!(lab(&folder, &["run", "crowd.toml", "--out", "out"]).code, Some(0));
    let before = files(&folder.path("out"));
    for name in ["report.html", "findings.json"] {
        std::fs::remove_file(folder.path("out").join(name)).unwrap();
    }
    let ran = lab(&folder, &["report", "out"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(files(&folder.path("out")) == before);
}

#[test]
fn the_summary_is_one_json_object_where_it_is_asked_for() {
    let folder = crowd();
    let ran = lab(&folder, &["run", "crowd.toml", "--json", "--regimes", "rampmeter,unlimited"]);
    let summary = ran.summary();
    assert_eq!(summary["playings"], 2);
    assert_eq!(summary["holds"]["held"], 2);
    let again = lab(&folder, &["report", "--json"]);
    assert_eq!(again.summary(), summary);
}

#[test]
fn two_folders_stand_side_by_side() {
    let folder = crowd();
    folder.write("crowd.toml", CROWD);
    assert_eq!(lab(&folder, &["run", "crowd.toml", "--out", "a"]).code, Some(0));
    folder.write("crowd.toml", &CROWD.replace("concurrency = 4", "concurrency = 2"));
    assert_eq!(lab(&folder, &["run", "crowd.toml", "--out", "b"]).code, Some(0));
    let ran = lab(&folder, &["compare", "a", "b"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("crowd"), "{}", ran.stdout);
}

#[test]
fn the_list_names_families_scenarios_and_hypotheses() {
    let folder = crowd();
    let ran = lab(&folder, &["list"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for part in ["baseline", "stress", "chaos", "adversarial", "recovery", "curves", "H1", "H10"] {
        assert!(ran.stdout.contains(part), "no {part:?} in:\n{}", ran.stdout);
    }
}

#[test]
fn what_only_the_wall_clock_can_tell_is_left_out_of_virtual_time_with_a_word() {
    let folder = crowd();
    folder.write("real.toml", &format!("clock = \"real\"\n{CROWD}"));
    let ran = lab(&folder, &["run", "crowd.toml", "real.toml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.complains(&["left out", "real", "--real"]);
    let alone = lab(&folder, &["run", "real.toml"]);
    assert_eq!(alone.code, Some(2), "{}", alone.stderr);
    alone.complains(&["nothing to play"]);
}

#[test]
fn by_the_wall_clock_each_is_played_in_a_process_of_its_own() {
    let folder = crowd();
    let ran = lab(&folder, &["run", "crowd.toml", "--real", "--regimes", "rampmeter,semaphore"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = folder.lines("lab-out/jobs/crowd/rampmeter-1.real.jsonl");
    assert_eq!(lines.iter().filter(|line| line["record"].is_object()).count(), 100);
    let facts = &lines[lines.len() - 2]["facts"];
    assert!(facts["resident"].is_array() && facts["cpu"].is_u64(), "{facts}");
}
