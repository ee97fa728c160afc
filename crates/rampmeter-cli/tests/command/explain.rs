//! `rampmeter explain`: why calls waited, from what a run wrote.

use serde_json::{Value, json};

use crate::harness::{Folder, turn};

/// Calls that need `host`, and of which some also need `api`.
const POLICY: &str = r#"
undeclared = "read"
[limits.host]
concurrency = 1
[limits.api]
requests = { rate = "20/s", kind = "bucket", burst = 1 }
[tools.local]
limits = ["host"]
run = { simulate = { latency = "10ms" } }
[tools.remote]
limits = ["host", "api"]
run = { simulate = { latency = "1ms" } }
"#;

fn run() -> Folder {
    let calls: Vec<_> = (0..12).map(|at| (at.to_string(), ["local", "remote"][at % 2])).collect();
    let calls: Vec<_> = calls.iter().map(|(id, tool)| (id.as_str(), *tool, "{}")).collect();
    let folder = Folder::with(POLICY, &turn(&calls));
    assert_eq!(folder.run(&["run", ".", "--events", "events"]).code, Some(0));
    folder
}

/// What is told of waits adds up to what the start of the call says, whatever the machine did.
#[test]
fn the_waits_at_the_limits_of_a_call_add_up_to_its_wait() {
    let folder = run();
    let events = folder.lines("events");
    let (mut waits, mut limits) = (0, std::collections::BTreeSet::new());
    for event in events.iter().filter(|it| it["event"] == "tool.started") {
        let id = event["call"].as_str().unwrap();
        let ran = folder.run(&["explain", "events", id]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let at = |line: &str, word: &str| {
            let text = line.split(&format!(" {word} ")).nth(1).unwrap();
            let number = text.split(' ').next().unwrap().trim_end_matches(&[',', ':'][..]);
            number.replace('.', "").parse::<u64>().unwrap()
        };
        let mut told = 0;
        for line in ran.stdout.lines().filter(|it| it.contains(", from ")) {
            told += at(line, "to") - at(line, "from");
            limits.insert(line.split(" at ").nth(1).unwrap().split(',').next().unwrap().to_owned());
        }
        let waited = event["took_us"].as_u64().unwrap();
        assert!(told.abs_diff(waited) <= 1, "{waited} us, but:\n{}", ran.stdout);
        waits += u64::from(waited > 0);
    }
    assert!(waits >= 10, "one at a time, of twelve");
    assert_eq!(limits.into_iter().collect::<Vec<_>>(), ["limit api", "limit host"]);
}

#[test]
fn without_a_call_it_tells_of_all_limits_and_the_longest_waits() {
    let folder = run();
    let ran = folder.run(&["explain", "events"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for part in
        ["12 calls were asked for", "limit host", "limit api", "slots", "rate", "\n  #", " 1:"]
    {
        assert!(ran.stdout.contains(part), "no {part:?} in:\n{}", ran.stdout);
    }
}

/// Events as a run writes them.
fn events(folder: &Folder, events: &[Value]) -> String {
    let lines = events.iter().enumerate().map(|(seq, event)| {
        let mut line = event.clone();
        line["seq"] = json!(seq);
        format!("{line}\n")
    });
    let text: String = lines.collect();
    folder.write("events", &text);
    text
}

fn call(at_us: u64, event: &str, place: u64, priority: &str, more: Value) -> Value {
    let mut line = json!({
        "at_us": at_us, "event": event, "tool": "t", "call": format!("c{place}"), "turn": 1,
        "flow": format!("f{}", place % 2), "priority": priority, "place": place,
    });
    let Value::Object(more) = more else { panic!("an object") };
    line.as_object_mut().unwrap().extend(more);
    line
}

/// c0 runs; c1 and c2 wait in one lane behind it, c3 in another, is passed on to `api`, and that
/// cools down.
fn story(folder: &Folder) -> String {
    let none = || json!({});
    let waits = |limit: &str, lane: u64, obstacle: &str| json!({"limit": limit, "lane": lane, "obstacle": obstacle});
    let limit = |at_us: u64, event: &str, lasts: Option<u64>| json!({"at_us": at_us, "event": event, "limit": "api", "lasts_us": lasts});
    let all = [
        call(0, "tool.invoked", 0, "low", none()),
        call(0, "tool.started", 0, "low", none()),
        call(1_000, "tool.invoked", 1, "low", none()),
        call(1_000, "tool.queued", 1, "low", waits("host", 1, "slots")),
        call(2_000, "tool.invoked", 2, "low", none()),
        call(2_000, "tool.queued", 2, "low", waits("host", 1, "turn")),
        call(3_000, "tool.invoked", 3, "high", none()),
        call(3_000, "tool.queued", 3, "high", waits("host", 2, "turn")),
        call(9_000, "tool.completed", 0, "low", none()),
        call(9_000, "tool.moved", 3, "high", waits("api", 2, "rate")),
        call(9_000, "tool.started", 1, "low", none()),
        limit(10_000, "limit.cooling", Some(5_000)),
        // Calls start again before they start as before.
        limit(15_500, "limit.recovered", None),
        call(16_000, "tool.failed", 1, "low", none()),
        call(16_000, "tool.started", 2, "low", none()),
        call(20_000, "tool.refused", 3, "high", json!({"limit": "api", "reason": "queue_timeout"})),
    ];
    events(folder, &all)
}

#[test]
fn a_call_is_told_limit_by_limit_who_was_ahead_what_it_waited_for_and_what_refused_it() {
    let folder = Folder::new();
    story(&folder);
    let ran = folder.run(&["explain", "events", "1:c3"]);
    let expected = "\
call 1:c3 (#4) of t, flow f1, priority high
  asked for at 0.003000 s, waited 17.0ms, was refused by limit api: queue_timeout

  6.0ms at limit host, from 0.003000 s to 0.009000 s: for its turn, behind others who waited for slots that others held
    waited there before it: 2 of low (flow f0 1, flow f1 1)
    of those that waited there, started while it did: 1 of low (flow f1 1)

  11.0ms at limit api, from 0.009000 s to 0.020000 s: for the rate
    the limit cooled down after a throttled call from 0.010000 s to 0.015000 s
";
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), expected), "{}", ran.stderr);
}

#[test]
fn a_call_that_still_runs_when_the_events_end_is_told_so() {
    let folder = Folder::new();
    story(&folder);
    let ran = folder.run(&["explain", "events", "c2"]);
    assert!(
        ran.stdout.contains("waited 14.0ms, started at 0.016000 s; the events end"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("waited there before it: 1 of low (flow f1 1)"), "{}", ran.stdout);
}

#[test]
fn a_file_that_is_cut_off_or_lacks_events_is_explained_as_far_as_it_goes_and_marked() {
    let folder = Folder::new();
    let text = story(&folder);
    folder.write("events", &text[..text.len() - 20]);
    let ran = folder.run(&["explain", "events", "c3"]);
    assert_eq!(ran.code, Some(1));
    let marked = "This is a part of the truth: line 16, the last one, is cut off.";
    assert!(ran.stdout.contains(marked) && ran.stdout.contains("the events end"), "{}", ran.stdout);
    let some: Vec<_> = text.lines().enumerate().filter(|(at, _)| *at != 3).map(|it| it.1).collect();
    folder.write("events", &format!("{}\n", some.join("\n")));
    let ran = folder.run(&["explain", "events"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("event 3 is missing"), "{}", ran.stdout);
}

#[test]
fn a_file_that_holds_no_events_is_an_error_that_names_the_line() {
    let folder = Folder::new();
    let text = story(&folder);
    let refused = |text: &str, parts: &[&str]| {
        folder.write("events", text);
        let ran = folder.run(&["explain", "events"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        ran.complains(parts);
    };
    let mut lines: Vec<_> = text.lines().collect();
    lines[4] = r#"{"role": "assistant"}"#;
    let foreign = format!("{}\n", lines.join("\n"));
    refused(&foreign, &["line 5 of events is no event", "missing field", "rampmeter run --events"]);
    refused("hello", &["line 1 of events is no event"]);
    refused("", &["events has no events"]);
    let (first, second) = text.split_at(text.find("\n{").unwrap() + 1);
    refused(&format!("{second}{first}"), &["line 16", "event 0 after the event 15", "in order"]);
    let ran = folder.run(&["explain", "nowhere"]);
    assert_eq!(ran.code, Some(2));
    ran.complains(&["cannot read nowhere", "rampmeter run --events"]);
}

#[test]
fn a_call_that_is_not_there_or_not_alone_is_an_error_that_says_which_are() {
    let folder = Folder::new();
    story(&folder);
    let complaint = |call: &str, part: &str| {
        let ran = folder.run(&["explain", "events", call]);
        assert_eq!(ran.code, Some(2));
        ran.complains(&[part]);
    };
    complaint("c9", "TURN:ID or #N");
    complaint("#5", "the run has #1 to #4");
    let mut twice = vec![call(0, "tool.invoked", 1, "low", json!({}))];
    twice.push(json!({"at_us": 1, "event": "tool.invoked", "tool": "t", "call": "c1", "turn": 2, "place": 2}));
    events(&folder, &twice);
    complaint("c1", "2 calls have the id \"c1\"; name one: 1:c1, 2:c1");
    assert_eq!(folder.run(&["explain", "events", "2:c1"]).code, Some(0));
    assert_eq!(folder.run(&["explain", "events", "#1"]).code, Some(0));
}
