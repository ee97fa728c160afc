//! Recordings of the real command, whole and damaged.

use rampmeter::Policy;

use super::*;
use crate::lab::script::ScriptQuota;

/// Two turns of four calls under two slots, by `rampmeter run --events`: one run in five fails and is
/// tried again, and the provider lets ten through in a second.
const RECORDED: &str = include_str!("recorded.jsonl");

const POLICY: &str = r#"
[limits.api]
concurrency = 2
[tools.search]
limits = ["api"]
access = "read"
reads = ["file:{path|clean}", "user:{who.name}"]
timeout = "100ms"
retry = 3
"#;

fn policy() -> Policy {
    Policy::parse("policy.toml", POLICY).unwrap()
}

fn read(text: &str) -> Result<Replay, String> {
    replay("events.jsonl", text.as_bytes(), &policy())
}

#[test]
fn turns_flows_and_priorities_come_back_as_they_were_recorded() {
    let script = read(RECORDED).unwrap().script(1);
    let turns: Vec<_> = script.turns.iter().map(|it| (it.flow.as_str(), it.calls.len())).collect();
    assert_eq!(turns, [("u0", 4), ("u1", 4)]);
    assert!(script.turns.iter().all(|turn| turn.priority == "normal" && !turn.sequence));
    assert_eq!(script.sessions[0].at, 0);
    assert!((1..5_000_000).contains(&script.sessions[1].at), "{:?}", script.sessions);
    assert_eq!(script.tools.len(), 1);
}

#[test]
fn each_call_fails_and_takes_as_long_as_its_first_run_did() {
    let recorded: Vec<serde_json::Value> =
        RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let script = read(RECORDED).unwrap().script(1);
    let fails = script.tools[0].fails;
    let mut ran = 0;
    for (at, call) in script.calls.iter().enumerate() {
        let id = format!("c{}-{}", call.turn, at % 4);
        let end = recorded.iter().find(|line| {
            line["call"] == *id && line["took_us"].is_u64() && line["event"] != "tool.started"
        });
        let end = end.unwrap();
        if end["outcome"] != "overloaded" {
            // The gate's clock was read twice for the one, and once for the other.
            let took = end["took_us"].as_u64().unwrap();
            assert!((call.takes / 1_000).abs_diff(took) <= 2, "{id}");
            ran += 1;
        }
        assert_eq!(call.fail_at < fails, end["outcome"] == "failed", "{id}");
    }
    assert!(ran >= 6, "{ran}");
}

#[test]
fn other_seeds_draw_from_what_was_recorded() {
    let replay = read(RECORDED).unwrap();
    let (first, other) = (replay.script(1), replay.script(2));
    assert_eq!(other, replay.script(2));
    assert_ne!(first.calls, other.calls);
    assert_eq!(first.sessions, other.sessions);
    let known = |takes: u64| replay.tools[0].work.contains(&takes);
    assert!(other.calls.iter().all(|call| known(call.takes)));
}

#[test]
fn arguments_fill_the_keys_of_the_policy_with_other_values_for_each_call() {
    let script = read(RECORDED).unwrap().script(1);
    let arguments: serde_json::Value = serde_json::from_str(&script.calls[3].arguments).unwrap();
    assert_eq!(arguments, serde_json::json!({"path": "/call-3", "who": {"name": "/call-3"}}));
}

#[test]
fn a_file_that_was_cut_off_is_used_as_far_as_it_goes_and_said_to_be() {
    let whole = read(RECORDED).unwrap();
    assert!(!whole.remarks[0].contains("part of what was recorded"), "{:?}", whole.remarks);
    for length in [RECORDED.len() / 2, RECORDED.len() / 3, RECORDED.len() - 1] {
        let cut = &RECORDED[..length];
        let lines = cut.lines().count();
        let replay = read(cut).unwrap();
        let gaps = &replay.remarks[0];
        // Without its last line break alone, a file lacks nothing.
        let expected = format!("line {lines}, the last one, is cut off");
        assert_eq!(gaps.contains(&expected), length != RECORDED.len() - 1, "{gaps}");
        assert!(replay.script(1).calls.len() >= 2);
    }
}

#[test]
fn events_that_are_missing_are_counted() {
    let lines: Vec<&str> = RECORDED.lines().collect();
    let without = [&lines[3..9], &lines[12..]].concat().join("\n");
    let gaps = &read(&without).unwrap().remarks[0];
    assert!(gaps.contains("3 events before line 1 are missing"), "{gaps}");
    assert!(gaps.contains("3 events before line 7 are missing"), "{gaps}");
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    for (text, word) in [
        ("", "has no events"),
        ("not json\n", "line 1 of events.jsonl is no event"),
        ("{\"a\": 1}\n", "line 1 of events.jsonl is no event"),
        ("{\"a\"", "line 1 of events.jsonl is no event"),
        ("{\"seq\":0,\"at_us\":5,\"event\":\"gate.normal\"}\n", "nobody asks for a call"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(word), "{error}");
        assert!(error.contains("run"), "it says what to do: {error}");
    }
    let mut lines: Vec<&str> = RECORDED.lines().collect();
    lines.swap(4, 5);
    assert!(read(&lines.join("\n")).unwrap_err().contains("are in order"));
    lines[4] = "garbage";
    assert!(read(&lines.join("\n")).unwrap_err().contains("line 5 of events.jsonl is no event"));
}

fn line(seq: u64, at_us: u64, event: &str, call: &str, rest: &str) -> String {
    format!(
        "{{\"seq\":{seq},\"at_us\":{at_us},\"event\":\"tool.{event}\",\"tool\":\"search\",\
         \"call\":\"{call}\",\"turn\":1,\"flow\":\"u\",\"priority\":\"high\"{rest}}}\n"
    )
}

#[test]
fn a_run_that_was_out_of_time_is_not_taken_for_a_throttled_one() {
    let text = [
        line(0, 0, "invoked", "a", ",\"place\":0"),
        line(1, 0, "started", "a", ",\"place\":0"),
        line(
            2,
            100_200,
            "failed",
            "a",
            ",\"place\":0,\"outcome\":\"overloaded\",\"took_us\":100200",
        ),
        line(3, 100_300, "invoked", "b", ",\"place\":0"),
        line(4, 100_300, "started", "b", ",\"place\":0"),
        line(5, 100_900, "failed", "b", ",\"place\":0,\"outcome\":\"overloaded\",\"took_us\":600"),
    ];
    let late = read(&text[..3].concat()).unwrap();
    assert_eq!(late.tools[0].turns, Turns::None);
    assert!(late.script(1).calls[0].takes > 100_000_000, "it is out of time again");
    let both = read(&text.concat()).unwrap();
    assert_ne!(both.tools[0].turns, Turns::None);
    assert!(both.script(1).turns[0].sequence);
}

#[test]
fn a_quota_that_was_recorded_is_the_server_s_again() {
    // Twelve a second, asked for at 20 a second for 30 s; a throttled call is not tried again.
    let (mut text, mut let_in) = (String::new(), Vec::<u64>::new());
    for at in 0..600_u64 {
        let (now, place) = (at * 50_000, ",\"place\":0");
        let away = let_in.iter().filter(|it| **it + 1_000_000 > now).count() >= 12;
        let_in.extend((!away).then_some(now));
        text += &line(3 * at, now, "invoked", &at.to_string(), place);
        text += &line(3 * at + 1, now, "started", &at.to_string(), place);
        let (event, outcome, took) =
            if away { ("failed", "overloaded", 300) } else { ("completed", "succeeded", 40_000) };
        let rest = format!("{place},\"outcome\":\"{outcome}\",\"took_us\":{took}");
        text += &line(3 * at + 2, now + took, event, &at.to_string(), &rest);
    }
    let replay = read(&text).unwrap();
    let quota = ScriptQuota { calls: 12, period: 1_000_000_000 };
    assert_eq!(replay.tools[0].turns, Turns::Quota(quota));
    assert_eq!(replay.script(1).servers[0].quotas, [quota]);
    assert_eq!(replay.scenario.servers[0].quotas.len(), 1);
}

#[test]
fn the_most_that_was_used_is_counted_at_once_and_within_a_period() {
    let replay = read(RECORDED).unwrap();
    assert_eq!(replay.most_used(What::Slots, |_| 1), 2, "two slots were there");
    assert_eq!(replay.most_used(What::Slots, |_| 3), 6);
    let all = What::Rate(rampmeter::Unit::Requests, Duration::from_secs(3600));
    let runs = RECORDED.lines().filter(|line| line.contains("tool.started")).count() as u64;
    assert_eq!(replay.most_used(all, |_| 1), runs);
    let short = What::Rate(rampmeter::Unit::Requests, Duration::from_millis(1));
    assert_eq!(replay.most_used(short, |_| 1), 2);
}

#[test]
fn a_run_that_ends_as_it_starts_uses_nothing_afterwards() {
    let text = (0..2_u64).map(|at| {
        let (call, now, took) = (at.to_string(), at * 1_000, at * 500);
        let rest = format!(",\"place\":0,\"outcome\":\"succeeded\",\"took_us\":{took}");
        line(3 * at, now, "invoked", &call, ",\"place\":0")
            + &line(3 * at + 1, now, "started", &call, ",\"place\":0")
            + &line(3 * at + 2, now + took, "completed", &call, &rest)
    });
    let replay = read(&text.collect::<String>()).unwrap();
    assert_eq!(replay.most_used(What::Slots, |_| 1), 1);
}

#[test]
fn calls_of_which_nobody_knows_that_they_ask_for_the_same_do_not() {
    let policy =
        "[limits.api]\nconcurrency = 2\n[tools.search]\nlimits = [\"api\"]\naccess = \"read\"\n";
    for (key, same) in [("", true), ("single_flight = true\n", false)] {
        let policy = Policy::parse("policy.toml", &format!("{policy}{key}")).unwrap();
        let replay = replay("events.jsonl", RECORDED.as_bytes(), &policy).unwrap();
        let calls = replay.script(1).calls;
        assert_eq!(calls[0].arguments == calls[1].arguments, same, "{:?}", calls[0]);
    }
}

#[test]
fn turns_of_two_flows_that_have_one_number_are_two() {
    let of_flow = |seq: u64, flow: &str| {
        let ended = ",\"place\":0,\"outcome\":\"succeeded\",\"took_us\":500";
        let lines = line(seq, seq * 1_000, "invoked", "a", ",\"place\":0")
            + &line(seq + 1, seq * 1_000, "started", "a", ",\"place\":0")
            + &line(seq + 2, seq * 1_000 + 500, "completed", "a", ended);
        lines.replace("\"flow\":\"u\"", &format!("\"flow\":\"{flow}\""))
    };
    let script = read(&(of_flow(0, "u") + &of_flow(3, "v"))).unwrap().script(1);
    let flows: Vec<&str> = script.turns.iter().map(|turn| turn.flow.as_str()).collect();
    assert_eq!(flows, ["u", "v"]);
    assert_eq!(script.sessions[1].at, 3_000_000);
}
