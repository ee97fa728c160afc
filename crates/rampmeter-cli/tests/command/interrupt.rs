//! Ctrl-C: what runs is cancelled, what has finished is written.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Folder, turn};

const POLICY: &str = r#"
    undeclared = "read"
    [tools.quick]
    run = { command = ["echo", "hello"] }
    [tools.long]
    run = { command = ["sh", "-c", "sleep 1000 & echo $$ > group; wait"] }
    [tools.mark]
    limits = ["door"]
    run = { command = ["touch", "mark"] }
    [tools.doorman]
    limits = ["door"]
    run = { command = ["sh", "-c", "sleep 1000 & echo $$ > group; wait"] }
    [limits.door]
    concurrency = 1
    [tools.deaf]
    grace = "10m"
    run = { command = ["sh", "-c", "trap '' TERM; sleep 1000 & echo $$ > group; wait; wait"] }
    [tools.loud]
    run = { command = ["head", "-c", "500000", "/dev/zero"] }
"#;

/// Looks until something is there; gives up loudly after so many looks that it never will be.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..20_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("never came about: {what}");
}

/// The process group of the long tool, once it runs.
fn group(folder: &Folder, child: &mut Child) -> i32 {
    until("the long tool's start", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        let text = std::fs::read_to_string(folder.path("group")).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    })
}

fn interrupt(child: &Child, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

/// A killed process is there until the kernel has come to it, and then until it is reaped.
fn no_member_is_left(group: i32) {
    let member = |process: &std::fs::DirEntry| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // The name is in brackets and may hold anything; state, parent and group follow.
        let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
        let (state, its_group) = (fields.next().unwrap_or("Z").to_owned(), fields.nth(1));
        its_group == Some(&group.to_string()) && state != "Z" && state != "X"
    };
    let processes = || std::fs::read_dir("/proc").into_iter().flatten().flatten();
    until("the end of the tool's processes", || (!processes().any(|it| member(&it))).then_some(()));
}

#[test]
fn an_interrupt_ends_what_runs_writes_what_is_finished_and_exits_130() {
    for signal in [Signal::INT, Signal::TERM] {
        let first = turn(&[("a", "quick", "{}")]);
        let turns = first + &turn(&[("b", "long", "{}")]) + &turn(&[("c", "quick", "{}")]);
        let folder = Folder::with(POLICY, &turns);
        let args = ["run", ".", "--out", "out", "--events", "events", "--json"];
        let mut command = folder.command(&[args.as_slice(), &["--turns-at-once", "1"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let group = group(&folder, &mut child);
        interrupt(&child, signal);
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("interrupted"), "{stderr}");
        no_member_is_left(group);
        let lines = folder.lines("out");
        let told: Vec<_> = lines.iter().map(|it| (&it["tool_call_id"], &it["content"])).collect();
        assert_eq!(told.len(), 2, "the third turn was never begun: {told:?}");
        assert_eq!(told[0], (&"a".into(), &"hello\n".into()));
        assert!(told[1].1.as_str().unwrap().contains("stopped"), "{told:?}");
        let summary: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        let counts = ["calls", "succeeded", "cancelled"].map(|key| summary[key].as_u64());
        assert_eq!(counts, [Some(2), Some(1), Some(1)]);
        let last = folder.lines("events").pop().unwrap();
        assert_eq!((&last["event"], &last["call"]), (&"tool.cancelled".into(), &"b".into()));
    }
}

/// The run hangs where it writes: nobody reads the pipe that it was told to write to.
/// The end of what runs makes room for what waits, in turns that may not have heard of the stop.
#[test]
fn nothing_that_waits_begins_after_an_interrupt() {
    for _ in 0..5 {
        let waiting: String =
            (0..40).map(|id| turn(&[(&format!("w{id}"), "mark", "{}")])).collect();
        let folder = Folder::with(POLICY, &(turn(&[("d", "doorman", "{}")]) + &waiting));
        let mut command = folder.command(&["run", ".", "--json", "--turns-at-once", "100"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let group = group(&folder, &mut child);
        interrupt(&child, Signal::INT);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(summary["tools"]["doorman"]["calls"], 1);
        assert!(summary["tools"]["mark"].is_null(), "{}", summary["tools"]);
        assert!(!folder.path("mark").exists());
        no_member_is_left(group);
    }
}

#[test]
fn a_second_interrupt_leaves_at_once_and_still_leaves_no_process_behind() {
    let turns = turn(&[("a", "loud", "{}")]) + &turn(&[("b", "long", "{}")]);
    let folder = Folder::with(POLICY, &turns);
    let made = std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap();
    assert!(made.success());
    // Opened for both, so that neither side waits for the other to come.
    let pipe = std::fs::File::options().read(true).write(true).open(folder.path("pipe")).unwrap();
    let mut command = folder.command(&["run", ".", "--out", "pipe"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let group = group(&folder, &mut child);
    let mut stderr = child.stderr.take().unwrap();
    interrupt(&child, Signal::INT);
    let mut heard = Vec::new();
    while !heard.ends_with(b"at once\n") {
        let mut chunk = [0; 256];
        let read = stderr.read(&mut chunk).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&chunk[..read]);
    }
    // The second listener is there a moment after the message, and a repeat does no harm.
    let status = until("the end of the run", || {
        interrupt(&child, Signal::INT);
        child.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(130));
    no_member_is_left(group);
    drop(pipe);
}

#[test]
fn a_second_interrupt_does_not_wait_for_a_grace_that_goes_on() {
    let folder = Folder::with(POLICY, &turn(&[("a", "deaf", "{}")]));
    let mut command = folder.command(&["run", "."]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let group = group(&folder, &mut child);
    // The second listener is there a moment after the first; until then it is the same interrupt.
    let status = until("the end of the run", || {
        interrupt(&child, Signal::INT);
        child.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(130));
    no_member_is_left(group);
}
