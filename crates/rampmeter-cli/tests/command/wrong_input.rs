//! Wrong input: a message with the place and the remedy, and the other calls finish.

use crate::harness::{Folder, turn};

const ECHO: &str = r#"
[tools.echo]
access = "read"
run = { command = ["echo", "hello"] }
[tools.missing]
access = "read"
run = { command = ["no-such-program-anywhere"] }
[tools.endless]
access = "read"
timeout = "50ms"
run = { command = ["sleep", "1000"] }
"#;

/// Runs one turn in which the call `bad` is wrong between two that are right; returns what the
/// model is told of it.
fn told(name: &str, arguments: &str) -> String {
    let turns = turn(&[("a", "echo", "{}"), ("bad", name, arguments), ("b", "echo", "{}")]);
    let folder = Folder::with(ECHO, &turns);
    let ran = folder.run(&["run", ".", "--out", "out.jsonl", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = folder.lines("out.jsonl");
    let ids: Vec<_> = lines.iter().map(|line| line["tool_call_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "bad", "b"]);
    assert_eq!(
        (&lines[0]["content"], &lines[2]["content"]),
        (&"hello\n".into(), &"hello\n".into())
    );
    let summary = ran.summary();
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&2.into(), &1.into()));
    lines[1]["content"].as_str().unwrap().to_owned()
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn a_call_that_is_wrong_becomes_its_own_error_and_its_siblings_go_on() {
    says(&told("ehco", "{}"), &["error: ", "no tool named \"ehco\"", "did you mean \"echo\"?"]);
    says(&told("echo", "[1, 2]"), &["error: ", "tool_calls[1].function.arguments", "object"]);
    says(&told("echo", "{broken"), &["error: ", "tool_calls[1].function.arguments"]);
    says(&told("missing", "{}"), &["error: ", "no-such-program-anywhere"]);
    says(&told("endless", "{}"), &["error: ", "50ms", "ended"]);
    let huge = format!("{{\"text\": \"{}\"}}", "x".repeat(10 * 1024 * 1024));
    says(&told("echo", &huge), &["error: ", "1048576"]);
}

#[test]
fn the_second_of_two_calls_with_one_id_is_refused_and_the_first_runs() {
    let turns = turn(&[("a", "echo", "{}"), ("a", "echo", "{}"), ("b", "echo", "{}")]);
    let folder = Folder::with(ECHO, &turns);
    let ran = folder.run(&["run", ".", "--out", "out.jsonl", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines = folder.lines("out.jsonl");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["content"], "hello\n");
    says(lines[1]["content"].as_str().unwrap(), &["error: ", "tool_calls[1]", "tool_calls[0]"]);
}

#[test]
fn a_broken_line_is_named_and_the_lines_around_it_run() {
    let turns = [&turn(&[("a", "echo", "{}")]), "{\"role\": \"assis\n", "[]\n", "\n"].concat()
        + &turn(&[("b", "echo", "{}")]);
    let folder = Folder::with(ECHO, &turns);
    let ran = folder.run(&["run", ".", "--out", "out.jsonl", "--json"]);
    assert_eq!(ran.code, Some(1), "part of the input was not used");
    ran.complains(&["turns.jsonl:2:", "turns.jsonl:3:"]);
    let summary = ran.summary();
    assert_eq!((&summary["succeeded"], &summary["broken_lines"]), (&2.into(), &2.into()));
    assert_eq!(folder.lines("out.jsonl").len(), 2);
}

#[test]
fn files_that_cannot_be_read_or_written_are_named_before_anything_runs() {
    let folder = Folder::with(ECHO, &turn(&[("a", "echo", "{}")]));
    for (args, parts) in [
        (vec!["run", ".", "--out", "no/such/out"], ["no/such/out", "nothing was run"]),
        (vec!["run", ".", "--events", "no/such/events"], ["no/such/events", "nothing was run"]),
        (vec!["run", "absent.jsonl"], ["absent.jsonl", "give a turns file"]),
        (vec!["run", ".", "--policy", "absent.toml"], ["absent.toml", "check that the file"]),
        (vec!["check", "absent.toml"], ["absent.toml", "check that the file"]),
    ] {
        let ran = folder.run(&args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        ran.complains(&parts);
    }
    std::fs::remove_file(folder.path("rampmeter.toml")).unwrap();
    let ran = folder.run(&["run", "."]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["rampmeter.toml", "--policy"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_fills_up_is_reported_and_the_calls_finish() {
    let folder = Folder::with(ECHO, &turn(&[("a", "echo", "{}")]));
    let ran = folder.run(&["run", ".", "--out", "/dev/full", "--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    ran.complains(&["/dev/full"]);
    assert_eq!(ran.summary()["succeeded"], 1);
}

#[test]
fn a_wrong_policy_is_answered_with_every_error_its_line_and_the_remedy() {
    let policy = r#"
[limits.groq]
concurency = 8
requests = "0/min"
[limits.host]
concurrency = -1
reserved = { critcal = 1 }
[tools.search]
limits = ["grok"]
retries = 3
[tools."fs_*"]
limits = ["host"]
[tools."fs_*x"]
limits = ["host"]
"#;
    let folder = Folder::with(policy, "");
    for command in ["check", "run"] {
        let ran = folder.run(&[command, "."]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        ran.complains(&[
            "rampmeter.toml:3:1",
            "did you mean `concurrency`?",
            "rampmeter.toml:4:",
            "rampmeter.toml:6:",
            "did you mean `critical`?",
            "write retry = 3 in a tool",
            "rampmeter.toml:9:",
            "did you mean `groq`?",
            "fs_*x",
            "^^^^",
        ]);
    }
}

#[test]
fn check_prints_the_policy_as_it_is_enforced_and_it_reads_back() {
    let folder = Folder::with(ECHO, "");
    let first = folder.run(&["check", "."]);
    assert_eq!(first.code, Some(0));
    folder.write("effective.toml", &first.stdout);
    let second = folder.run(&["check", "effective.toml"]);
    assert_eq!(first.stdout, second.stdout);
    for default in ["queue_timeout = \"1m\"", "deadline = \"10m\"", "critical = 64"] {
        assert!(first.stdout.contains(default), "{default} is not in\n{}", first.stdout);
    }
}

#[test]
fn limits_that_a_call_cannot_meet_refuse_that_call_with_the_reason() {
    let policy = r#"
        [limits.tenant]
        per = "tenant"
        concurrency = 1
        [tools.look]
        limits = ["tenant"]
        access = "read"
        run = { simulate = { latency = "1ms" } }
    "#;
    let folder = Folder::with(policy, &turn(&[("a", "look", "{}")]));
    let ran = folder.run(&["run", ".", "--out", "out.jsonl", "--json"]);
    assert_eq!(ran.summary()["refused"], 1);
    let told = folder.lines("out.jsonl")[0]["content"].as_str().unwrap().to_owned();
    says(&told, &["limit tenant", "label", "trying again will not help"]);
    let mut line: serde_json::Value = serde_json::from_str(&turn(&[("a", "look", "{}")])).unwrap();
    line["urgency"] = "hihg".into();
    folder.write("turns.jsonl", &format!("{line}\n"));
    let ran = folder.run(&["run", ".", "--out", "out.jsonl", "--json", "--priority", "urgency"]);
    assert_eq!(ran.summary()["refused"], 1);
    let told = folder.lines("out.jsonl")[0]["content"].as_str().unwrap().to_owned();
    says(&told, &["no priority \"hihg\"", "critical, high, normal, low"]);
}

#[test]
fn a_limit_per_a_label_that_no_field_says_is_warned_of_with_the_remedy() {
    let policy = r#"
        [limits.tenant]
        per = "tenant"
        concurrency = 1
        [tools.look]
        limits = ["tenant"]
        access = "read"
        run = { simulate = { latency = "1ms" } }
    "#;
    let folder = Folder::with(policy, &turn(&[("a", "look", "{}")]));
    let ran = folder.run(&["run", "."]);
    ran.complains(&["warning: limit `tenant` is per `tenant`", "--label tenant=FIELD"]);
    assert!(ran.stdout.contains("1 x look"), "the screen says why: {}", ran.stdout);
    let ran = folder.run(&["run", ".", "--label", "tenant=user.tenant"]);
    ran.complains(&["warning: no turn has a field `user.tenant`"]);
}

#[test]
fn no_file_that_is_read_is_ever_written_over() {
    let turns = turn(&[("a", "echo", "{}")]);
    let folder = Folder::with(ECHO, &turns);
    folder.write("kept", "from before");
    for args in [
        vec!["run", ".", "--out", "turns.jsonl"],
        vec!["run", ".", "--events", "./rampmeter.toml"],
        vec!["run", ".", "--out", "new", "--events", "./new"],
    ] {
        let ran = folder.run(&args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        ran.complains(&["is in use by this run: name another file"]);
    }
    assert_eq!(folder.read("turns.jsonl"), turns);
    assert_eq!(folder.read("rampmeter.toml"), ECHO);
    let ran = folder.run(&["run", "absent.jsonl", "--policy", ".", "--out", "kept"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["absent.jsonl", "give a turns file"]);
    assert_eq!(folder.read("kept"), "from before", "nothing ran, so nothing was emptied");
    let ran = folder.run(&["run", ".", "--compare", "--out", "no/such/folder"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "known before the first of the two");
}

#[cfg(unix)]
#[test]
fn a_comparison_of_what_can_be_read_once_is_refused() {
    let folder = Folder::with(ECHO, "");
    let args = ["run", "/dev/stdin", "--policy", "."];
    let ran = folder.run(&[args.as_slice(), &["--compare"]].concat());
    assert_eq!(ran.code, Some(2));
    ran.complains(&["/dev/stdin", "no regular file", "save them"]);
    assert_eq!(folder.run(&args).code, Some(0), "once is fine");
}

#[test]
fn a_flag_that_cannot_be_meant_is_answered_with_how_to_write_it() {
    let folder = Folder::with(ECHO, "");
    for (args, part) in [
        (["--label", "tenant"], "tenant=metadata.tenant"),
        (["--label", "=x"], "write NAME=FIELD"),
        (["--label", "tenant=a..b"], "metadata.user"),
        (["--flow", ""], "metadata.user"),
        (["--priority", "a."], "metadata.user"),
        (["--turns-at-once", "0"], "1..=100000"),
        (["--compare", "--unlimited"], "cannot be used with"),
    ] {
        let ran = folder.run(&[["run", "."], args].concat());
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        ran.complains(&[part]);
    }
}

/// As in `rampmeter run … 2>&1 | head`, where the reader is gone before the run is over.
#[cfg(unix)]
#[test]
fn a_run_goes_on_when_nobody_reads_what_it_says() {
    let folder = Folder::with(ECHO, &("{\n".repeat(10_000) + &turn(&[("a", "echo", "{}")])));
    let mut command = folder.command(&["run", ".", "--out", "out"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdout(piped()).stderr(piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(folder.lines("out").len(), 1);
}
