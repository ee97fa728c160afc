//! Interrupts and crashes: what is done is kept.

use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{CROWD, crowd};

/// An hour by the wall clock.
const ENDLESS: &str = r#"
about = "One call that takes an hour."
ends = "2h"
[[load]]
name = "users"
calls = "sleep"
[tools.sleep]
takes = "1h"
"#;

/// Looks until something is there; gives up loudly after so many looks that it never will be.
fn until(what: &str, child: &mut Child, mut look: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if look() {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself before {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("never came about: {what}");
}

/// The processes whose parent is this one.
fn children(of: u32) -> Vec<i32> {
    let path = format!("/proc/{of}/task/{of}/children");
    let told = std::fs::read_to_string(path).unwrap_or_default();
    told.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_keeps_what_is_done_leaves_no_process_and_says_how_to_go_on() {
    let folder = crowd();
    folder.write("endless.toml", ENDLESS);
    let args = [
        "lab",
        "run",
        "crowd.toml",
        "endless.toml",
        "--real",
        "--seeds=1",
        "--regimes",
        "rampmeter",
    ];
    let job = folder.path("lab-out/jobs/crowd/rampmeter-1.real.jsonl");
    for signal in [Signal::INT, Signal::TERM] {
        let mut command = folder.command(&args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        until("the first playing's end", &mut child, || job.exists());
        until("the second's start", &mut child, || !children(id).is_empty());
        let players = children(id);
        kill_process(Pid::from_raw(id.cast_signed()).unwrap(), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(130), "{stderr}");
        for part in ["1 of 2", "lab-out", "goes on", "lab report lab-out"] {
            assert!(stderr.contains(part), "no {part:?} in:\n{stderr}");
        }
        for player in players {
            let stat = std::fs::read_to_string(format!("/proc/{player}/stat"));
            assert!(stat.is_err(), "it is still there: {stat:?}");
        }
        assert!(!folder.path("lab-out/jobs/endless").exists(), "half a playing is none");
    }
    assert!(folder.read("crowd.toml") == CROWD);
}

#[cfg(target_os = "linux")]
#[test]
fn a_playing_whose_process_dies_is_named_and_the_others_are_played() {
    let folder = crowd();
    folder.write("endless.toml", ENDLESS);
    let args = [
        "lab",
        "run",
        "endless.toml",
        "crowd.toml",
        "--real",
        "--seeds=1",
        "--regimes",
        "rampmeter",
    ];
    let mut command = folder.command(&args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    until("the first playing's start", &mut child, || !children(id).is_empty());
    let player = Pid::from_raw(children(id)[0]).unwrap();
    kill_process(player, Signal::KILL).unwrap();
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    for part in ["endless/rampmeter-1.real.jsonl", "signal"] {
        assert!(stderr.contains(part), "no {part:?} in:\n{stderr}");
    }
    assert!(folder.path("lab-out/jobs/crowd/rampmeter-1.real.jsonl").exists());
    assert!(folder.path("lab-out/report.html").exists());
}
