//! What a run writes: results, events and the summary, whatever became of the calls.

use serde_json::{Value, json};

use crate::harness::{Folder, turn};

/// One tool for every end that a call can have.
const ENDS: &str = r#"
undeclared = "read"
[turn]
deadline = "5s"
[limits.one]
concurrency = 1
queue = { size = 0 }
[providers.busy]
concurrency = 1
[tools.fine]
run = { simulate = { latency = "1ms" } }
[tools.fails]
run = { simulate = { latency = "1ms", fail = 1.0 } }
[tools.crowded]
limits = ["one"]
run = { simulate = { latency = "20ms" } }
[tools.busy]
run = { simulate = { latency = "20ms", provider = "busy" } }
[tools.slow]
timeout = "5ms"
run = { simulate = { latency = "1h" } }
[tools.silent]
"#;

const CALLS: [(&str, &str, &str); 12] = [
    ("1", "fine", "{}"),
    ("2", "fails", "{}"),
    ("3", "crowded", "{}"),
    ("4", "crowded", "{}"),
    ("5", "busy", "{}"),
    ("6", "busy", "{}"),
    ("7", "slow", "{}"),
    ("8", "silent", "{}"),
    ("9", "fien", "{}"),
    ("10", "fine", "7"),
    ("11", "fine", "{}"),
    ("12", "fine", "{}"),
];

#[test]
fn whatever_became_of_the_calls_events_and_summary_and_results_tell_the_same() {
    let folder = Folder::with(ENDS, &turn(&CALLS));
    let ran = folder.run(&["run", ".", "--json", "--out", "out", "--events", "events"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = ran.summary();
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert_eq!((count("calls"), count("succeeded"), count("failed")), (12, 5, 5));
    assert_eq!((count("refused"), count("throttled"), count("cancelled")), (1, 1, 0));

    let events = folder.lines("events");
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).count() as u64;
    assert!(events.iter().enumerate().all(|(place, event)| event["seq"] == place));
    assert_eq!(of("tool.invoked"), count("calls"));
    assert_eq!(of("tool.completed"), count("succeeded"));
    // To the gate a call that its provider turned away has failed.
    assert_eq!(of("tool.failed"), count("failed") + count("throttled"));
    assert_eq!(of("tool.refused"), count("refused"));
    let refused = events.iter().find(|event| event["event"] == "tool.refused").unwrap();
    assert_eq!((&refused["call"], &refused["limit"]), (&"4".into(), &"one".into()));
    assert_eq!(refused["reason"], "queue_full");

    let kinds: Vec<(&str, &str)> = summary["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["tool"].as_str().unwrap(), it["kind"].as_str().unwrap()))
        .collect();
    let expected = [
        ("busy", "throttled"),
        ("crowded", "queue_full"),
        ("fails", "failed"),
        ("fien", "unknown_tool"),
        ("fine", "malformed"),
        ("silent", "failed"),
        ("slow", "timed_out"),
    ];
    assert_eq!(kinds, expected);

    let told: Vec<String> =
        folder.lines("out").iter().map(|it| it["content"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told.iter().filter(|it| it.starts_with("error: ")).count(), 7);
    assert!(told[7].contains("run = { command"), "the remedy is there: {}", told[7]);
}

/// The page is read by a strict reader in the library's own tests.
#[test]
fn the_metrics_of_a_run_count_what_its_events_do() {
    let folder = Folder::with(ENDS, &turn(&CALLS));
    let ran = folder.run(&["run", ".", "--events", "events", "--metrics", "metrics"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (events, page) = (folder.lines("events"), folder.read("metrics"));
    let told = |kind: &str| events.iter().filter(|it| it["event"] == kind).count();
    for kind in ["tool.invoked", "tool.started", "tool.completed", "tool.failed", "tool.refused"] {
        let series = format!("rampmeter_call_events_total{{event=\"{kind}\",");
        let of_kind = page.lines().filter(|line| line.starts_with(&series));
        let sum: usize =
            of_kind.map(|it| it.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
        assert_eq!(sum, told(kind), "{kind} in:\n{page}");
    }
    assert!(page.contains("rampmeter_events_missed_total 0\n") && page.ends_with("# EOF\n"));
    let ran = folder.run(&["run", ".", "--events", "same", "--metrics", "same"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["same is in use by this run"]);
}

#[test]
fn a_throttled_call_is_told_once_when_to_come_back() {
    let policy = r#"
        [providers.api]
        requests = "1/h"
        [tools.ask]
        access = "read"
        run = { simulate = { latency = "1ms", provider = "api" } }
    "#;
    let folder = Folder::with(policy, &turn(&[("a", "ask", "{}"), ("b", "ask", "{}")]));
    assert_eq!(folder.run(&["run", ".", "--out", "out"]).code, Some(0));
    let told = folder.lines("out")[1]["content"].as_str().unwrap().to_owned();
    assert!(told.starts_with("error: 429 from the provider `api` (1 requests in any 3600s); try"));
    assert_eq!(told.matches(" in ").count(), 2, "{told}");
    assert!(told.contains("try again in 3600"), "{told}");
}

#[test]
fn a_field_is_found_whatever_else_a_line_holds_and_one_bad_call_takes_no_sibling_along() {
    // Deeper than a value may nest, half a character, and a number that no float can hold.
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let odd = format!(
        r#"{{"role":"assistant","content":[
        {{"type":"tool_use","id":"a","name":"look","input":{{"x":{deep}}}}},
        {{"type":"tool_use","id":"b","name":"look","input":{{"x":"\ud800","n":1e999}}}}],
        "who":{{"name":"maya","id":12345678901234567890123}},"role_of":null}}"#
    );
    let policy = r#"
        [tools.look]
        access = "read"
        run = { simulate = { latency = "1ms" } }
    "#;
    let folder = Folder::with(policy, &odd.replace('\n', " "));
    let ran = folder.run(&["run", ".", "--flow", "who.id", "--json", "--out", "out"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = ran.summary();
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&1.into(), &1.into()));
    assert_eq!(summary["flows"]["12345678901234567890123"]["calls"], 2, "every digit is kept");
    let told = folder.lines("out");
    let blocks = told[0]["content"].as_array().unwrap();
    assert!(blocks[0]["content"].as_str().unwrap().contains("content[0].input"), "{told:?}");
    assert_eq!(blocks[0]["is_error"], true);
    assert!(blocks[1]["content"].as_str().unwrap().starts_with("look answered"), "{told:?}");
}

#[test]
fn fields_of_the_policy_and_of_the_command_line_work_together_and_flags_win() {
    let mut line: Value = serde_json::from_str(&turn(&[("a", "look", "{}")])).unwrap();
    line["meta"] = json!({"user": "maya", "level": "low", "n": 7, "tenant": true});
    let policy = r#"
        [run]
        flow = "meta.nobody"
        priority = "meta.level"
        labels = { tenant = "meta.n" }
        [limits.tenant]
        per = "tenant"
        concurrency = 2
        [tools.look]
        limits = ["tenant"]
        access = "read"
        run = { simulate = { latency = "1ms" } }
    "#;
    let folder = Folder::with(policy, &format!("{line}\n"));
    let ran = folder.run(&["run", "./", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.complains(&["warning: no turn has a field `meta.nobody`"]);
    let summary = ran.summary();
    assert_eq!(summary["flows"]["default"]["calls"], 1);
    assert_eq!(summary["priorities"]["low"]["calls"], 1);
    let ran = folder.run(&["run", ".", "--json", "--flow", "meta.user"]);
    assert_eq!(ran.stderr, "", "nothing to complain of");
    let summary = ran.summary();
    assert_eq!(
        summary["flows"]["maya"],
        json!({"calls": 1, "succeeded": 1, "share": 1.0,
        "wait_ms": {"p50": 0.0, "p95": 0.0, "max": 0.0}})
    );
}

#[test]
fn without_limits_the_summary_has_the_same_keys_and_nothing_is_said_to_be_used() {
    let policy = r#"
        [limits.api]
        concurrency = 1
        requests = ["1000/s", "2000/h"]
        tokens = "5000/s"
        [tools.look]
        limits = { api = { tokens = 5 } }
        access = "read"
        run = { simulate = { latency = "2ms" } }
    "#;
    let folder = Folder::with(policy, &turn(&[("a", "look", "{}"), ("b", "look", "{}")]));
    let limited = folder.run(&["run", ".", "--json"]).summary();
    let unlimited = folder.run(&["run", ".", "--json", "--unlimited"]).summary();
    let api = |run: &Value| run["limits"]["api"].clone();
    assert_eq!(api(&limited)["concurrency"], json!({"size": 1, "peak": 1, "peak_in_tools": 1}));
    assert_eq!(api(&unlimited)["concurrency"], json!({"size": 1, "peak": 2, "peak_in_tools": 2}));
    assert_eq!(
        api(&limited)["requests"][1],
        json!({"size": 2000, "period_ms": 3_600_000.0, "used": 2})
    );
    assert_eq!(api(&unlimited)["requests"][1]["used"], Value::Null);
    let keys = |run: &Value| run.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&limited), keys(&unlimited));
}

#[test]
fn the_last_screen_fits_a_hundred_columns_and_45_lines_whatever_it_is_about() {
    let name = |what: &str, n: usize| format!("{what}-{n}-{}", "long-".repeat(12));
    let mut policy = "undeclared = \"read\"\n".to_owned();
    let mut turns = String::new();
    for n in 0..30 {
        let (limit, tool) = (name("limit", n), name("tool", n));
        let provider = name("provider", n);
        policy += &format!("[limits.{limit}]\nconcurrency = 1\nqueue = {{ size = 0 }}\n");
        policy += &format!("[providers.{provider}]\nconcurrency = 1\n");
        policy += &format!("[tools.{tool}]\nlimits = [\"{limit}\"]\n");
        policy +=
            &format!("run = {{ simulate = {{ latency = \"1ms\", provider = \"{provider}\" }} }}\n");
        let calls = [("a", tool.as_str(), "{}"), ("b", &tool, "{}"), ("c", "none", "{}")];
        let mut line: Value = serde_json::from_str(&turn(&calls)).unwrap();
        line["user"] = name("flow", n).into();
        turns += &format!("{line}\n");
    }
    policy += "[priorities]\nnormal = 1\n";
    let folder = Folder::with(&policy, &turns);
    let ran = folder.run(&["run", ".", "--compare", "--flow", "user"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() <= 45, "{} lines:\n{}", lines.len(), ran.stdout);
    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns:\n{}", ran.stdout);
}

#[test]
fn a_call_that_made_room_for_another_flow_is_told_so_in_events_summary_and_result() {
    let policy = "undeclared = \"read\"\n[limits.one]\nconcurrency = 1\n\
        queue = { size = 2, overflow = \"evict\" }\n[tools.t]\nlimits = [\"one\"]\n\
        run = { simulate = { latency = \"40ms\" } }\n[run]\nflow = \"user\"";
    let of = |user: &str, ids: &[&str]| {
        let calls: Vec<_> = ids.iter().map(|id| (*id, "t", "{}")).collect();
        let mut turn: Value = serde_json::from_str(&turn(&calls)).unwrap();
        turn["user"] = json!(user);
        format!("{turn}\n")
    };
    let turns = of("batch", &["1", "2", "3"]) + &of("maya", &["4"]);
    let folder = Folder::with(policy, &turns);
    let ran = folder.run(&["run", ".", "--json", "--out", "out", "--events", "events"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary = ran.summary();
    assert_eq!((&summary["succeeded"], &summary["refused"]), (&json!(3), &json!(1)));
    assert_eq!(summary["errors"][0]["kind"], "evicted", "{summary}");
    let refused: Vec<Value> = folder.lines("events");
    let refused: Vec<_> = refused.iter().filter(|it| it["event"] == "tool.refused").collect();
    assert_eq!(refused.len(), 1);
    let told = ["reason", "limit", "flow", "call"].map(|key| refused[0][key].clone());
    assert_eq!(told, ["evicted", "one", "batch", "3"].map(Value::from));
    assert!(folder.read("out").contains("made room for a flow that had less of it"));
}
