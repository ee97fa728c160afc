//! Ctrl-C: what runs is cancelled, what has finished is written.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::{Folder, turn};

#[test]
fn an_interrupt_ends_what_runs_writes_what_is_finished_and_exits_130() {
    let policy = r#"
        [tools.quick]
        access = "read"
        run = { command = ["echo", "hello"] }
        [tools.slow]
        access = "read"
        run = { command = ["sh", "-c", "echo $$ > pid; sleep 1000 & wait"] }
    "#;
    let turns = turn(&[("a", "quick", "{}")]) + &turn(&[("b", "quick", "{}"), ("c", "slow", "{}")]);
    let folder = Folder::with(policy, &turns);
    let args = ["run", ".", "--out", "out.jsonl", "--events", "events.jsonl", "--json"];
    let mut command = folder.command(&args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The slow tool says that it runs by writing its number down.
    let pid = loop {
        match std::fs::read_to_string(folder.path("pid")) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => std::thread::yield_now(),
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    };
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupt.success());
    let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let stderr: Vec<String> = stderr.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr:?}");
    let lines = folder.lines("out.jsonl");
    let told = |id: &str| {
        let line = lines.iter().find(|line| line["tool_call_id"] == id);
        line.unwrap()["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(told("a"), "hello\n");
    assert_eq!(told("b"), "hello\n");
    assert!(told("c").contains("stopped"), "{}", told("c"));
    let gone = || {
        // A process that has ended is gone, or a zombie that nobody has reaped yet.
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    };
    if std::path::Path::new("/proc/self/stat").exists() {
        assert!(gone(), "the tool's process still runs");
    }
}
