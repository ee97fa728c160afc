//! Turns of real models: every call answered once, in order, under the limit.

use serde_json::Value;

use crate::harness::{Folder, real, turn};

const SIMULATED: &str = r#"
[limits.host]
concurrency = 8
[tools."*"]
limits = ["host"]
access = "read"
run = { simulate = { latency = "1ms..3ms" } }
"#;

fn calls_of_openai(line: &str) -> Vec<Value> {
    let turn: Value = serde_json::from_str(line).unwrap();
    turn["tool_calls"].as_array().unwrap().clone()
}

fn ids_of_openai(turns: &str) -> Vec<String> {
    let calls = turns.lines().flat_map(calls_of_openai);
    calls.map(|call| call["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn openai_turns_are_answered_once_each_in_order_with_a_peak_of_exactly_the_limit() {
    let Some(turns) = real("bfcl_v4_parallel.openai.jsonl") else { return };
    let folder = Folder::new();
    folder.write("p.toml", SIMULATED);
    let args = ["run", turns.to_str().unwrap(), "--policy", "p.toml"];
    let files = ["--out", "out.jsonl", "--events", "events.jsonl", "--json"];
    let ran = folder.run(&[args.as_slice(), &files].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = ids_of_openai(&std::fs::read_to_string(&turns).unwrap());
    let answered: Vec<String> = folder
        .lines("out.jsonl")
        .iter()
        .map(|line| line["tool_call_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(asked.len(), 540);
    assert_eq!(asked, answered);
    let summary = ran.summary();
    assert_eq!((&summary["calls"], &summary["succeeded"]), (&540.into(), &540.into()));
    let slots = &summary["limits"]["host"]["concurrency"];
    assert_eq!(slots["size"], 8);
    assert_eq!(slots["peak"], 8, "the gate's count");
    assert_eq!(slots["peak_in_tools"], 8, "the count inside the tools");
    events_add_up(&folder.lines("events.jsonl"), &summary);
}

/// Events are complete and in order, and their counts are the summary's.
fn events_add_up(events: &[Value], summary: &Value) {
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], place, "events have no gaps");
    }
    let times: Vec<u64> = events.iter().map(|event| event["at_us"].as_u64().unwrap()).collect();
    assert!(times.is_sorted());
    let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count() as u64;
    assert_eq!(count("tool.invoked"), summary["calls"].as_u64().unwrap());
    assert_eq!(count("tool.completed"), summary["succeeded"].as_u64().unwrap());
    assert_eq!(count("tool.started"), count("tool.completed") + count("tool.failed"));
    assert_eq!(summary["events_missed"], 0);
}

#[test]
fn anthropic_turns_are_answered_in_their_own_form() {
    let Some(turns) = real("bfcl_v4_live_parallel.anthropic.jsonl") else { return };
    let folder = Folder::new();
    folder.write("p.toml", SIMULATED);
    let args = ["run", turns.to_str().unwrap(), "--policy", "p.toml", "--out", "out.jsonl"];
    let ran = folder.run(&[args.as_slice(), &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let ids = |value: &Value, block: &str, key: &str| -> Vec<Value> {
        let blocks = value["content"].as_array().unwrap().iter();
        blocks.filter(|it| it["type"] == block).map(|it| it[key].clone()).collect()
    };
    let asked = std::fs::read_to_string(&turns).unwrap();
    let asked: Vec<Vec<Value>> = asked
        .lines()
        .map(|line| ids(&serde_json::from_str(line).unwrap(), "tool_use", "id"))
        .collect();
    let answers = folder.lines("out.jsonl");
    let answered: Vec<Vec<Value>> =
        answers.iter().map(|line| ids(line, "tool_result", "tool_use_id")).collect();
    assert_eq!(asked, answered);
    assert_eq!(answered.concat().len(), 39);
    assert!(answers.iter().all(|line| line["role"] == "user"));
    assert_eq!(ran.summary()["succeeded"], 39);
}

/// Writes down when it starts and ends, and says back what it was given. The first four wait for
/// each other, so that they surely are there at once.
const TOOL: &str = r#"
echo + >> marks
while [ ! -e four ]; do
    n=0
    while read -r mark; do n=$((n + 1)); done < marks
    [ $n -lt 4 ] || : > four
done
read -r arguments
printf %s "$arguments"
echo - >> marks
"#;

/// The tool itself writes down when it starts and ends; appends of one line do not mix.
#[cfg(unix)]
#[test]
fn never_more_than_four_child_processes_run_at_once_as_counted_from_outside() {
    let Some(turns) = real("bfcl_v4_parallel.openai.jsonl") else { return };
    let folder = Folder::new();
    folder.write("tool.sh", TOOL);
    folder.write(
        "p.toml",
        r#"
        [limits.host]
        concurrency = 4
        [tools."*"]
        limits = ["host"]
        access = "read"
        run = { command = ["sh", "tool.sh"] }
        "#,
    );
    let args = ["run", turns.to_str().unwrap(), "--policy", "p.toml", "--out", "out", "--json"];
    let ran = folder.run(&args);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.summary()["succeeded"], 540);
    let asked = std::fs::read_to_string(&turns).unwrap();
    let asked = asked.lines().flat_map(calls_of_openai);
    let asked: Vec<_> = asked.map(|it| it["function"]["arguments"].clone()).collect();
    let got: Vec<_> = folder.lines("out").iter().map(|it| it["content"].clone()).collect();
    assert_eq!(asked, got, "each tool was given its own arguments, and its answer was kept");
    let (mut now, mut peak, mut seen) = (0i32, 0, 0);
    for mark in folder.read("marks").lines() {
        now += if mark == "+" { 1 } else { -1 };
        seen += usize::from(mark == "+");
        peak = peak.max(now);
    }
    assert_eq!((seen, now, peak), (540, 0, 4));
    assert_eq!(ran.summary()["limits"]["host"]["concurrency"]["peak_in_tools"], 4);
}

#[test]
fn the_summary_has_what_it_promises_and_fields_of_a_line_say_for_whom_it_is() {
    let turns = [("maya", "high", "acme"), ("bot", "low", "acme"), ("maya", "high", "other")];
    let turns: String = turns
        .iter()
        .enumerate()
        .map(|(place, (user, urgency, tenant))| {
            let id = format!("c{place}");
            let mut line: Value = serde_json::from_str(&turn(&[(&id, "look", "{}")])).unwrap();
            line["meta"] = serde_json::json!({"user": user, "tenant": tenant});
            line["urgency"] = (*urgency).into();
            format!("{line}\n")
        })
        .collect();
    let policy = r#"
        [limits.tenant]
        per = "tenant"
        concurrency = 1
        requests = "10/min"
        [tools.look]
        limits = ["tenant"]
        access = "read"
        run = { simulate = { latency = "1ms" } }
    "#;
    let folder = Folder::with(policy, &turns);
    let fields = ["--flow", "meta.user", "--priority", "urgency", "--label", "tenant=meta.tenant"];
    let ran = folder.run(&[["run", ".", "--json"].as_slice(), &fields].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = ran.summary();
    for key in ["calls", "succeeded", "failed", "refused", "throttled", "cancelled"] {
        assert!(summary[key].is_u64(), "{key}");
    }
    assert!(summary["elapsed_ms"].is_f64());
    assert_eq!(summary["flows"]["maya"]["calls"], 2);
    assert!(summary["flows"]["maya"]["share"].is_f64());
    assert_eq!(summary["priorities"]["high"]["calls"], 2);
    for percentile in ["p50", "p95", "max"] {
        assert!(summary["priorities"]["low"]["wait_ms"][percentile].is_f64());
    }
    let limit = &summary["limits"]["tenant"];
    assert_eq!(limit["concurrency"]["size"], 1);
    assert_eq!(limit["concurrency"]["peak"], 1);
    assert_eq!(limit["requests"][0]["size"], 10);
    assert_eq!(limit["requests"][0]["used"], 2, "the fullest instance");
}

#[test]
fn compare_shows_both_regimes_of_the_same_work() {
    let calls: Vec<(String, &str, &str)> =
        (0..12).map(|place| (format!("c{place}"), "look", "{}")).collect();
    let calls: Vec<_> = calls.iter().map(|(id, name, args)| (id.as_str(), *name, *args)).collect();
    let policy = r#"
        [limits.api]
        concurrency = 2
        [tools.look]
        limits = ["api"]
        access = "read"
        run = { simulate = { latency = "5ms", provider = "api" } }
        [providers.api]
        concurrency = 2
    "#;
    let folder = Folder::with(policy, &turn(&calls));
    let both = folder.run(&["run", ".", "--compare", "--json"]).summary();
    assert_eq!(both["unlimited"]["throttled"], 10);
    assert_eq!(both["limited"]["throttled"], 0);
    assert_eq!(both["limited"]["providers"]["api"]["throttled"], 0);
    let screen = folder.run(&["run", ".", "--compare"]);
    assert_eq!(screen.code, Some(0), "{}", screen.stderr);
    for part in ["unlimited", "limited", "3 of 2", "2 of 2", "(429)", "1 limit exceeded"] {
        assert!(screen.stdout.contains(part), "{part} is not in\n{}", screen.stdout);
    }
    let alone = folder.run(&["run", ".", "--unlimited", "--json"]).summary();
    assert_eq!(alone["throttled"], 10);
}
