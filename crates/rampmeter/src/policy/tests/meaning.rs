//! What a legal policy means, and that its effective text means the same.

use std::time::Duration;

use rampmeter_core::KeyAccess;

use super::policy_of;
use crate::policy::{
    Access, DrawPolicy, OnAbandon, Overflow, Piece, Policy, PriorityPolicy, QueuePolicy, RateKind,
    RatePolicy, ReservedPolicy, RunPolicy, Unit, Zone, pieces,
};

const FULL: &str = r#"
undeclared = "read"
max_arguments = "64KiB"

[turn]
deadline = "5m"

[calls]
patience = "10s"
max_depth = 3

[limits.groq]
concurrency = { size = 8, lend = false }
reserved = { high = 2, normal = 3 }
requests = ["30/min", { rate = "14400/day", kind = "calendar", zone = "+05:30" }]
tokens = { rate = "6000/min", kind = "bucket", burst = 900 }
per = "api_key"
instances = 50
queue = { size = 10, age = "90s", per_flow = 4, overflow = "evict" }

[limits."host name"]
concurrency = 64

[limits.tight]
requests = { rate = "40/2s", transit = "100ms" }

[labels.api_key]
secret = true

[tools.web_search]
limits = { groq = { weight = 2, tokens = 900 }, "host name" = {} }
access = "read"
priority = "high"
queue_timeout = "20s"
timeout = "1500ms"
grace = "2s"
on_abandon = "free"
run = { command = ["rg", "--json", "{pattern}", "a \"{{b}}\" \n"], max_output = "3B" }

[tools."fs_*"]
limits = ["host name", "tight"]
run = { simulate = { latency = "20ms..80ms", fail = 0.02, provider = "api" } }

[tools.quiet]
run = { simulate = { latency = "0ms", provider = "llm", tokens = 7 } }

[priorities]
low = 1
high = 9
normal = 4

[flows]
"tenant-7" = { weight = 3 }
other = {}

[providers.api]
requests = "40/2s"
concurrency = 10

[providers.llm]
tokens = [{ rate = "100/s", kind = "bucket" }, "1000/h"]

[run]
flow = "metadata.user"
priority = "priority"
labels = { tenant = "tenant" }
turns_at_once = 3
state = "quota.state"
durability = "strict"
"#;

#[test]
fn every_key_of_a_full_policy_is_read() {
    let policy = policy_of(FULL);
    let groq = &policy.limits[0];
    assert_eq!(
        (groq.concurrency, groq.per.as_deref(), groq.instances),
        (Some(8), Some("api_key"), 50)
    );
    let age = Some(Duration::from_secs(90));
    let (per_flow, overflow) = (Some(4), Overflow::Evict);
    assert_eq!(groq.queue, QueuePolicy { size: 10, per_flow, age, overflow });
    let kept = |priority: &str, slots| ReservedPolicy { priority: priority.into(), slots };
    assert_eq!((groq.lend, &*groq.reserved), (false, &[kept("high", 2), kept("normal", 3)][..]));
    assert!(policy.limits[1].lend && policy.limits[1].reserved.is_empty());
    assert_eq!((policy.calls.patience.as_secs(), policy.calls.max_depth), (10, 3));
    let rate = |unit, amount, seconds, kind| RatePolicy {
        unit,
        amount,
        period: Duration::from_secs(seconds),
        kind,
    };
    let transit = Duration::from_nanos(468_750_000);
    let zone = Zone::offset(19_800);
    assert_eq!(
        groq.rates,
        [
            rate(Unit::Requests, 30, 60, RateKind::Sliding { transit }),
            rate(Unit::Requests, 14_400, 86_400, RateKind::Calendar { zone }),
            rate(Unit::Tokens, 6_000, 60, RateKind::Bucket { burst: 900 }),
        ]
    );
    let transit = Duration::from_millis(100);
    assert_eq!(
        policy.limits[2].rates,
        [rate(Unit::Requests, 40, 2, RateKind::Sliding { transit })]
    );
    let search = &policy.tools[0];
    let draw = |limit: &str, weight, tokens: u64| {
        let costs = if tokens > 0 { vec![(Unit::Tokens, tokens)] } else { Vec::new() };
        DrawPolicy { limit: limit.into(), weight, costs }
    };
    assert_eq!(search.draws, [draw("groq", 2, 900), draw("host name", 1, 0)]);
    assert_eq!((search.access, search.priority.as_str()), (Some(Access::Read), "high"));
    assert_eq!(search.queue_timeout, Duration::from_secs(20));
    assert_eq!(search.timeout, Duration::from_millis(1_500));
    assert_eq!(search.overrun.grace, Duration::from_secs(2));
    assert_eq!(search.overrun.on_abandon, OnAbandon::Free);
    let Some(RunPolicy::Command { command, max_output: 3 }) = &search.run else { panic!() };
    assert_eq!(command.len(), 4);
    assert_eq!(policy.tools[1].draws, [draw("host name", 1, 0), draw("tight", 1, 0)]);
    assert_eq!(
        policy.tools[1].run,
        Some(RunPolicy::Simulate {
            latency: (Duration::from_millis(20), Duration::from_millis(80)),
            fail: 0.02,
            provider: Some("api".into()),
            tokens: 0,
        })
    );
    let names: Vec<&str> = policy.priorities.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["high", "normal", "low"], "heaviest first");
    assert_eq!((policy.flows[0].weight, policy.flows[1].weight), (3, 1));
    assert!(policy.labels[0].secret);
    let transit = Duration::ZERO;
    assert_eq!(
        policy.providers[0].rates,
        [rate(Unit::Requests, 40, 2, RateKind::Sliding { transit })]
    );
    assert_eq!(policy.providers[1].rates[0].kind, RateKind::Bucket { burst: 100 });
    assert_eq!((policy.undeclared, policy.max_arguments), (Access::Read, 64 * 1024));
    assert_eq!(policy.turn.deadline, Duration::from_secs(300));
    assert_eq!(policy.run.flow.as_deref(), Some("metadata.user"));
    assert_eq!(policy.run.labels, [("tenant".to_owned(), "tenant".to_owned())]);
    assert_eq!(policy.run.turns_at_once, 3);
    assert_eq!(policy.run.state.as_deref(), Some("quota.state"));
    assert_eq!(policy.run.durability, crate::Durability::Strict);
}

#[test]
fn an_empty_file_is_the_default_policy() {
    for text in ["", "\n", "# nothing\r\n", "\u{feff}", "[limits]\n[tools]\n[flows]\n[labels]\n"] {
        let policy = policy_of(text);
        assert!(policy.limits.is_empty() && policy.tools.is_empty() && policy.flows.is_empty());
        let weights: Vec<(&str, u32)> =
            policy.priorities.iter().map(|each| (each.name.as_str(), each.weight)).collect();
        assert_eq!(weights, [("critical", 64), ("high", 16), ("normal", 4), ("low", 1)]);
        assert_eq!((policy.undeclared, policy.max_arguments), (Access::Write, 1024 * 1024));
        assert_eq!(policy.turn.deadline, Duration::from_secs(600));
        assert_eq!((policy.calls.patience.as_secs(), policy.calls.max_depth), (30, 8));
        assert_eq!((policy.run.flow, policy.run.turns_at_once), (None, 16));
    }
}

#[test]
fn a_tool_and_a_limit_that_say_little_get_the_stated_defaults() {
    let policy = policy_of("[limits.a]\nconcurrency = 1\n[tools.t]\nrun = { command = [\"x\"] }");
    let (limit, tool) = (&policy.limits[0], &policy.tools[0]);
    let (age, per_flow, overflow) = (None, None, Overflow::Refuse);
    let queue = QueuePolicy { size: 10_000, per_flow, age, overflow };
    assert_eq!((limit.instances, &limit.queue), (10_000, &queue));
    assert_eq!((tool.queue_timeout.as_secs(), tool.timeout.as_secs()), (60, 60));
    assert_eq!(tool.overrun.grace, Duration::from_secs(5));
    assert_eq!(tool.overrun.on_abandon, OnAbandon::Hold);
    assert_eq!((tool.priority.as_str(), tool.access), ("normal", None));
    let Some(RunPolicy::Command { max_output, .. }) = tool.run else { panic!() };
    assert_eq!(max_output, 1024 * 1024);
}

#[test]
fn the_effective_text_reads_back_as_an_equal_policy() {
    let zones = "[limits.a]\nrequests = [{ rate = \"1/15m\", kind = \"calendar\", zone = \"-03:30\" }, \
         { rate = \"9/day\", kind = \"calendar\", zone = \"Europe/Berlin\" }]";
    let odd = "[limits.'é \"q\" \\ .']\nrequests = \"7/1ms\"\n[tools.'*']\n\
        limits = ['é \"q\" \\ .']\nrun = { simulate = { latency = \"1ns..1us\", fail = 1e-300 } }";
    let free = "[limits.a]\ntokens = \"5/s\"\n[tools.t]\nlimits = { a = { tokens = 0 } }\n\
        run = { simulate = { latency = \"1d\", fail = 1 } }";
    let keys = "[tools.t]\nreads = [\"file:{path}\", 'a {{\"b\"}}', \"{a.b|folders}\"]\nwrites = [\"index\"]";
    for text in ["", FULL, zones, odd, free, keys] {
        let policy = policy_of(text);
        for policy in [policy.to_unlimited(), policy] {
            let effective = policy.effective();
            let again = policy_of(&effective);
            assert_eq!(again, policy, "{effective}");
            assert_eq!(again.effective(), effective, "written twice, it is the same text");
        }
    }
}

#[test]
fn the_effective_text_says_what_the_file_left_out() {
    let effective =
        policy_of("[limits.a]\nrequests = \"30/min\"\n[tools.t]\nlimits = [\"a\"]").effective();
    for line in [
        "undeclared = \"write\"",
        "max_arguments = \"1MiB\"",
        "deadline = \"10m\"",
        "patience = \"30s\"",
        "max_depth = 8",
        "# concurrency: unlimited",
        "requests = { rate = \"30/min\", kind = \"sliding\", transit = \"468750us\" }",
        "queue = { size = 10000, overflow = \"refuse\" }",
        "limits = { a = { weight = 1 } }",
        "# access: undeclared, counts as \"write\"",
        "priority = \"normal\"",
        "queue_timeout = \"1m\"",
        "grace = \"5s\"",
        "on_abandon = \"hold\"",
        "critical = 64",
        "turns_at_once = 16",
        "# state: none, quotas begin anew with each run",
        "durability = \"interval\"",
    ] {
        assert!(effective.lines().any(|found| found == line), "no `{line}` in\n{effective}");
    }
}

#[test]
fn the_effective_text_states_what_bounds_the_wait_of_a_claim() {
    let effective = policy_of(
        "[limits.a]\nconcurrency = 2\n[limits.b]\nconcurrency = 1\n\
         [tools.t]\nlimits = [\"a\"]\ntimeout = \"5s\"\n[tools.u]\nlimits = [\"a\"]",
    )
    .effective();
    let bounds: Vec<&str> = effective.lines().filter(|it| it.contains("longest timeout")).collect();
    assert_eq!(bounds.len(), 1, "nothing waits where no tool draws");
    assert!(bounds[0].starts_with("# longest timeout and grace here: 65s;"), "{bounds:?}");
    assert!(effective.contains("concurrency = { size = 2, lend = true }"), "{effective}");
}

#[test]
fn the_last_slots_are_kept_for_a_priority_and_those_above_it() {
    let policy = policy_of(
        "[limits.a]\nconcurrency = 8\nreserved = { critical = 2, normal = 5 }\n\
         [limits.b]\nconcurrency = 8",
    );
    let may_hold = |limit: usize, priority: &str| {
        let kept = policy.limits[limit].kept_from(priority, &policy.priorities);
        kept.map(|(left, kept)| (left, kept.priority.as_str()))
    };
    assert_eq!(may_hold(0, "critical"), None);
    assert_eq!(may_hold(0, "high"), Some((6, "critical")));
    assert_eq!(may_hold(0, "normal"), Some((6, "critical")));
    assert_eq!(may_hold(0, "low"), Some((3, "normal")));
    assert_eq!(may_hold(1, "low"), None);
}

#[test]
fn without_limits_the_same_tools_draw_on_nothing() {
    let policy = policy_of(FULL);
    let unlimited = policy.to_unlimited();
    assert!(unlimited.limits.is_empty());
    assert!(unlimited.tools.iter().all(|tool| tool.draws.is_empty()));
    let keys = |policy: &Policy| -> Vec<_> {
        policy.tools.iter().map(|tool| (tool.reads.clone(), tool.writes.clone())).collect()
    };
    assert_eq!(keys(&unlimited), keys(&policy), "what calls work on is the same");
    assert_eq!(unlimited.providers, policy.providers);
    let patterns = |policy: &Policy| -> Vec<String> {
        policy.tools.iter().map(|tool| tool.pattern.clone()).collect()
    };
    assert_eq!(patterns(&unlimited), patterns(&policy));
}

#[test]
fn a_name_means_the_exact_tool_or_the_longest_literal_prefix() {
    let patterns = ["*", "fs_*", "fs_read", "fs_r*", "a*z", "a*y", "fs_*x"];
    let policy =
        policy_of(&patterns[..6].iter().map(|p| format!("[tools.\"{p}\"]\n")).collect::<String>());
    for (name, meant) in [
        ("fs_read", "fs_read"),
        ("fs_ready", "fs_r*"),
        ("fs_r", "fs_r*"),
        ("fs_write", "fs_*"),
        ("fs_", "fs_*"),
        ("fs", "*"),
        ("", "*"),
        ("az", "a*z"),
        ("abcy", "a*y"),
        ("abc", "*"),
        ("日本", "*"),
    ] {
        assert_eq!(policy.tool(name).map(|tool| tool.pattern.as_str()), Some(meant), "{name}");
        assert_eq!(policy.tool_index(name), patterns.iter().position(|pattern| *pattern == meant));
    }
    let narrow = policy_of("[tools.\"a*a\"]");
    assert!(narrow.tool("a").is_none(), "one letter is not both ends");
    assert!(narrow.tool("aa").is_some());
    assert!(narrow.tool("b").is_none());
}

#[test]
fn equal_weights_keep_the_order_of_the_file() {
    let policy = policy_of("[priorities]\nb = 2\na = 2\nnormal = 5");
    let expected = [("normal", 5), ("b", 2), ("a", 2)];
    let expected = expected.map(|(name, weight)| PriorityPolicy { name: name.into(), weight });
    assert_eq!(policy.priorities, expected);
}

#[test]
fn every_spelling_of_a_period_is_read() {
    for (period, seconds) in [
        ("s", 1),
        ("sec", 1),
        ("second", 1),
        ("min", 60),
        ("minute", 60),
        ("h", 3_600),
        ("hour", 3_600),
        ("day", 86_400),
        ("2s", 2),
        ("10m", 600),
        ("2h", 7_200),
        ("1d", 86_400),
    ] {
        for rate in [format!("5/{period}"), format!(" 5 / {period} ")] {
            let policy = policy_of(&format!("[limits.a]\nrequests = \"{rate}\""));
            assert_eq!(policy.limits[0].rates[0].period, Duration::from_secs(seconds), "{rate}");
            assert_eq!(policy.limits[0].rates[0].amount, 5);
        }
    }
}

#[test]
fn a_zone_shows_as_it_is_written() {
    for (zone, shown) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("UTC", "UTC"),
        ("+00:00", "UTC"),
        ("-00:00", "UTC"),
        ("+02:00", "+02:00"),
        ("-03:30", "-03:30"),
        ("+14:00", "+14:00"),
        ("-12:00", "-12:00"),
    ] {
        let kind = format!("kind = \"calendar\", zone = \"{zone}\"");
        let policy = policy_of(&format!("[limits.a]\nrequests = {{ rate = \"1/day\", {kind} }}"));
        let RateKind::Calendar { zone } = &policy.limits[0].rates[0].kind else { panic!() };
        assert_eq!(zone.to_string(), shown);
    }
}

#[test]
fn tables_may_be_written_in_any_form_toml_has() {
    let inline =
        "limits = { a = { concurrency = 2 } }\ntools = { t = { limits = { a = { weight = 2 } } } }";
    let dotted = "limits.a.concurrency = 2\ntools.t.limits.a.weight = 2";
    let headed = "[tools.t.limits.a]\nweight = 2\n[limits.a]\nconcurrency = 2";
    assert_eq!(policy_of(inline), policy_of(dotted));
    assert_eq!(policy_of(inline), policy_of(headed));
}

#[test]
fn simulated_tokens_default_to_what_the_tool_draws() {
    let policy = policy_of(
        "[limits.a]\ntokens = \"500/s\"\n[providers.p]\ntokens = \"500/s\"\n[tools.t]\n\
         limits = { a = { tokens = 90 } }\n\
         run = { simulate = { latency = \"1s\", provider = \"p\" } }",
    );
    let Some(RunPolicy::Simulate { tokens, .. }) = policy.tools[0].run else { panic!() };
    assert_eq!(tokens, 90);
}

#[test]
fn a_word_of_a_command_splits_into_text_and_arguments() {
    use Piece::{Argument, Text};
    let cases: [(&str, Option<Vec<Piece<'_>>>); 8] = [
        ("", Some(vec![])),
        ("-n", Some(vec![Text("-n")])),
        ("{path}", Some(vec![Argument("path")])),
        ("a{b}c{d}", Some(vec![Text("a"), Argument("b"), Text("c"), Argument("d")])),
        ("{{x}}", Some(vec![Text("{"), Text("x}")])),
        ("é{日本.a}", Some(vec![Text("é"), Argument("日本.a")])),
        ("{", None),
        ("}{", None),
    ];
    for (word, expected) in cases {
        assert_eq!(pieces(word), expected, "{word}");
    }
}

#[test]
fn keys_are_filled_from_the_arguments_of_a_call() {
    let text = "[tools.t]\nreads = [\"file:{path}\", \"{{x}}\"]\nwrites = [\"{at.n}-{at.all}\"]";
    let policy = policy_of(text);
    let arguments = r#"{"path": "a\u002fb", "at": {"n": 1.50, "all": [ 1, "x y" ]}}"#;
    let keys = policy.tools[0].keys(&arguments.parse().unwrap()).unwrap();
    let (reads, writes) = (KeyAccess::Shared, KeyAccess::Exclusive);
    let key = |text: &str, access| (text.to_owned(), access);
    let filled = [key("file:a/b", reads), key("{x}", reads), key(r#"1.50-[1,"x y"]"#, writes)];
    assert_eq!(keys, filled);
    let error = policy.tools[0].keys(&r#"{"path": "a", "at": 7}"#.parse().unwrap()).unwrap_err();
    let said = "`tools.t.writes[0]` needs the argument `at.n`, which the call lacks: add it";
    assert_eq!(error.to_string(), said);
    let long = format!(r#"{{"path": "{}"}}"#, "a".repeat(5_000));
    let error = policy.tools[0].keys(&long.parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("a key of 5005 bytes here: send at most 4096"), "{error}");
}
