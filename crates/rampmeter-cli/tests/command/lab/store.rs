//! What was played once is not played again, unless it cannot be believed.

use super::{crowd, files, lab};
use crate::harness::{Folder, Ran};

const JOB: &str = "lab-out/jobs/crowd/rampmeter-1.virtual.jsonl";

/// Runs two playings, one of them [`JOB`].
fn run(folder: &Folder, more: &[&str]) -> Ran {
    let args = ["run", "crowd.toml", "--regimes", "rampmeter,unlimited"];
    let ran = lab(folder, &[args.as_slice(), more].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran
}

/// When a file was written; a file that is written again is another one.
fn written(folder: &Folder, name: &str) -> std::time::SystemTime {
    std::fs::metadata(folder.path(name)).unwrap().modified().unwrap()
}

#[test]
fn what_was_played_is_not_played_again_unless_that_is_asked_for() {
    let folder = crowd();
    run(&folder, &[]);
    let (first, before) = (written(&folder, JOB), files(&folder.path("lab-out")));
    run(&folder, &[]);
    assert_eq!(written(&folder, JOB), first);
    run(&folder, &["--fresh"]);
    assert_ne!(written(&folder, JOB), first);
    assert!(files(&folder.path("lab-out")) == before, "and comes to the same");
}

#[test]
fn what_is_cut_off_damaged_or_made_from_another_text_is_named_and_played_again() {
    let folder = crowd();
    run(&folder, &[]);
    let whole = folder.read(JOB);
    let cut: String = whole.split_inclusive('\n').take(7).collect();
    let damaged = whole.replacen("\"call\":5,", "\"call\":five,", 1);
    let line = whole.lines().position(|line| line.contains("\"call\":5,")).unwrap() + 1;
    for (text, said) in [
        (cut, "line 8: its end is missing".to_owned()),
        (damaged, format!("line {line}: ")),
        (whole.replacen("\"asked\":0", "\"asked\":1", 1), "its checksum is wrong".to_owned()),
    ] {
        assert_ne!(text, whole);
        folder.write(JOB, &text);
        let report = lab(&folder, &["report"]);
        report.complains(&["rampmeter-1.virtual.jsonl", &said]);
        let ran = run(&folder, &[]);
        ran.complains(&["rampmeter-1.virtual.jsonl", &said, "played again"]);
        assert_eq!(folder.read(JOB), whole);
    }
    folder.write("crowd.toml", &folder.read("crowd.toml").replace("60ms", "70ms"));
    run(&folder, &[]).complains(&["2 playings", "played again"]);
    assert_ne!(folder.read(JOB), whole);
}

#[cfg(target_os = "linux")]
#[test]
fn what_another_build_has_played_is_reported_with_a_word_and_played_again_when_it_is_asked_for() {
    let folder = crowd();
    run(&folder, &[]);
    // As if another build had written it: its checksum is its own.
    let whole = folder.read(JOB);
    let (lines, _) = whole.trim_end().rsplit_once('\n').unwrap();
    let other =
        format!("{lines}\n").replacen("\"by\":\"rampmeter ", "\"by\":\"rampmeter 0.0.1 ", 1);
    let records = other.lines().filter(|line| line.starts_with("{\"record\"")).count();
    let end = format!("{{\"end\":{{\"records\":{records},\"sha256\":\"{}\"}}}}\n", sum(&other));
    folder.write(JOB, &(other + &end));
    lab(&folder, &["report"]).complains(&["2 builds"]);
    run(&folder, &[]).complains(&["1 playings of another build"]);
    assert_eq!(folder.read(JOB), whole);
}

/// By the system's own tool.
#[cfg(target_os = "linux")]
fn sum(text: &str) -> String {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut command = Command::new("sha256sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let told = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    told.split(' ').next().unwrap().to_owned()
}

#[test]
fn two_runs_do_not_play_into_one_folder() {
    let folder = crowd();
    run(&folder, &[]);
    let lock = std::fs::File::open(folder.path("lab-out/lab.lock")).unwrap();
    lock.try_lock().unwrap();
    let ran = lab(&folder, &["run", "crowd.toml"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["another lab run", "lab-out", "--out"]);
    drop(lock);
    run(&folder, &[]);
}

#[test]
fn a_folder_that_cannot_be_used_is_named_before_anything_is_played() {
    let folder = crowd();
    for (out, said) in [("crowd.toml", "is no folder"), ("/proc/none", "cannot write /proc/none")] {
        let ran = lab(&folder, &["run", "crowd.toml", "--out", out]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&[said]);
    }
    let ran = lab(&folder, &["report", "nowhere"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["nowhere"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_what_is_done_and_the_same_command_goes_on() {
    let folder = crowd();
    // What comes second goes to a device that takes nothing.
    let full = folder.path(JOB).with_extension("jsonl.part");
    std::fs::create_dir_all(full.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let args = ["run", "crowd.toml", "--threads", "1", "--regimes", "rampmeter,unlimited"];
    let ran = lab(&folder, &args);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.complains(&["cannot write", "rampmeter-1.virtual.jsonl", "make room", "goes on"]);
    let first = "lab-out/jobs/crowd/unlimited-1.virtual.jsonl";
    assert!(folder.path(first).exists() && !folder.path(JOB).exists());
    let kept = written(&folder, first);
    let ran = lab(&folder, &args);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(folder.path(JOB).exists());
    assert_eq!(written(&folder, first), kept);
}
