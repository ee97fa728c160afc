//! A thousand commands under one limit, as the kernel sees them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::harness::{Folder, turn};

const CALLS: usize = 1_000;

/// `door` waits until somebody writes to its pipe, so that one can look meanwhile. `deaf` never
/// ends by itself, and does not hear SIGTERM.
const POLICY: &str = r#"
    undeclared = "read"
    [turn]
    deadline = "1h"
    [limits.eight]
    concurrency = 8
    [tools.door]
    timeout = "1h"
    run = { command = ["sh", "-c", "echo > $0-open; read line < $0", "{name}"] }
    [tools.wait]
    limits = ["eight"]
    queue_timeout = "1h"
    timeout = "1h"
    run = { command = ["sh", "-c", "read line < eight"] }
    [tools.quick]
    limits = ["eight"]
    queue_timeout = "1h"
    run = { command = ["true"] }
    [tools.cat]
    limits = ["eight"]
    queue_timeout = "1h"
    run = { command = ["cat"] }
    [tools.read]
    limits = ["eight"]
    queue_timeout = "1h"
    run = { command = ["sh", "-c", "read line; echo $line; exit 3"] }
    [tools.deaf]
    limits = ["eight"]
    queue_timeout = "1h"
    timeout = "100ms"
    grace = "100ms"
    run = { command = ["sh", "-c", "trap '' TERM; exec tail -f /dev/null"] }
"#;

/// Looks until something is there; gives up loudly after so many looks that it never will be.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..60_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("never came about: {what}");
}

/// The children of a process that are there, each by its number and when it began. One that has
/// ended is there until it is reaped.
fn children(of: u32) -> BTreeSet<(u32, u64)> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|process| {
        let number = process.file_name().to_str()?.parse().ok()?;
        Some((number, std::fs::read_to_string(process.path().join("stat")).ok()?))
    });
    let mine = stats.filter_map(|(number, stat)| {
        // The name is in brackets and may hold anything; the parent is the second field after it,
        // the beginning the twentieth.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let parent: u32 = fields.get(1)?.parse().ok()?;
        (parent == of).then_some((number, fields.get(19)?.parse().ok()?))
    });
    mine.collect()
}

/// How many children were certainly there at one moment. Two looks: who is in both was there all
/// the time between them, whereas one look takes a while, and may find one and its successor.
fn at_once(of: u32) -> usize {
    let before = children(of);
    before.intersection(&children(of)).count()
}

fn descriptors(of: u32) -> usize {
    std::fs::read_dir(format!("/proc/{of}/fd")).unwrap().count()
}

/// Makes the door's pipe; opened for both, so that neither side waits for the other to come.
fn pipe(folder: &Folder, name: &str) -> std::fs::File {
    let made = std::process::Command::new("mkfifo").arg(folder.path(name)).status().unwrap();
    assert!(made.success());
    std::fs::File::options().read(true).write(true).open(folder.path(name)).unwrap()
}

fn opens(file: &Path, child: &mut Child) {
    until("the door", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        file.exists().then_some(())
    });
}

#[test]
fn of_a_thousand_commands_never_more_than_eight_are_alive_and_none_is_left() {
    let tools = ["quick", "cat", "read", "quick", "cat"];
    let tool = |call: usize| match call {
        500..508 => "wait",
        call if call % 25 == 7 => "deaf",
        call => tools[call % tools.len()],
    };
    let ids: Vec<String> = (0..CALLS).map(|call| call.to_string()).collect();
    let calls: Vec<_> =
        ids.iter().enumerate().map(|(call, id)| (id.as_str(), tool(call), "{}")).collect();
    let turns = turn(&[("a", "door", r#"{"name":"first"}"#)])
        + &turn(&calls)
        + &turn(&[("z", "door", r#"{"name":"last"}"#)]);
    let folder = Folder::with(POLICY, &turns);
    let [first, eight, last] = ["first", "eight", "last"].map(|name| pipe(&folder, name));
    let mut command = folder.command(&["run", ".", "--json", "--turns-at-once", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let id = child.id();

    opens(&folder.path("first-open"), &mut child);
    let before = descriptors(id);
    assert_eq!(children(id).len(), 1);
    (&first).write_all(b"go\n").unwrap();

    let mut most = 0;
    until("the last door", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        let now = at_once(id);
        // The eight that wait let nobody else in until eight were seen at once.
        if now >= 8 && most < 8 {
            (&eight).write_all(&b"go\n".repeat(8)).unwrap();
        }
        most = most.max(now);
        folder.path("last-open").exists().then_some(())
    });
    assert_eq!(most, 8, "the most that the kernel had at one moment");
    until("one child", || (children(id).len() == 1).then_some(()));
    until("no more descriptors than before", || (descriptors(id) <= before).then_some(()));
    (&last).write_all(b"go\n").unwrap();

    let output = child.wait_with_output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let slots = &summary["limits"]["eight"]["concurrency"];
    assert_eq!((&slots["peak"], &slots["peak_in_tools"]), (&8.into(), &8.into()), "{slots}");
    let [deaf, read] =
        ["deaf", "read"].map(|name| (0..CALLS).filter(|call| tool(*call) == name).count());
    assert_eq!(summary["calls"], CALLS + 2);
    assert_eq!(summary["failed"], deaf + read, "{summary}");
    assert_eq!(summary["tools"]["deaf"]["calls"], deaf);
}
