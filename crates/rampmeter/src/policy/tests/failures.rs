//! What a policy says of calls that fail: retries, and what is served instead.

use std::time::Duration;

use super::errors::check;
use super::{errors_of, policy_of};
use crate::policy::{CachePolicy, Fallback, Policy, RetriesPolicy, RetryPolicy, Severity};

const FULL: &str = r#"
[retries]
ratio = "12.5%"
min_per_second = 0
burst = 7

[cache]
entries = 50
bytes = "64KiB"

[tools.search]
access = "read"
retry = { attempts = 4, base = "50ms", max = "2s" }
single_flight = true
fallback = [
    { cache = "5m" },
    { cache = "1h", shared = true },
    { tool = "fs_read" },
    { value = "nothing \"was\" found" },
]

[tools."fs_*"]
retry = 2
idempotent = true
fallback = [{ value = { found = [1, 2.5, true], why = "\n" } }]

[tools.once]
idempotent = false
retry = { base = "20s" }
"#;

#[test]
fn retries_fallbacks_and_their_bounds_are_read() {
    let policy = policy_of(FULL);
    let retries = RetriesPolicy { ratio_per_mille: 125, min_per_second: 0, burst: 7 };
    assert_eq!(policy.retries, retries);
    assert_eq!(policy.cache, CachePolicy { entries: 50, bytes: 64 * 1024 });
    let (search, fs) = (policy.tool("search").unwrap(), policy.tool("fs_x").unwrap());
    let (base, max) = (Duration::from_millis(50), Duration::from_secs(2));
    assert_eq!(search.retry, Some(RetryPolicy { attempts: 4, base, max }));
    assert_eq!((search.idempotent, search.single_flight), (None, true));
    let cache = |seconds, shared| {
        let max_age = Duration::from_secs(seconds);
        Fallback::Cache { max_age, shared }
    };
    assert_eq!(
        search.fallback,
        [
            cache(300, false),
            cache(3_600, true),
            Fallback::Tool("fs_read".into()),
            Fallback::Value("nothing \"was\" found".into()),
        ]
    );
    let (base, max) = (Duration::from_millis(200), Duration::from_secs(10));
    assert_eq!(fs.retry, Some(RetryPolicy { attempts: 2, base, max }));
    assert_eq!((fs.idempotent, fs.single_flight), (Some(true), false));
    let json = r#"{"found":[1,2.5,true],"why":"\n"}"#;
    assert_eq!(fs.fallback, [Fallback::Value(json.into())]);
    let base = Duration::from_secs(20);
    let once = policy.tool("once").unwrap();
    assert_eq!(once.retry, Some(RetryPolicy { attempts: 3, base, max: base }));
    assert_eq!(once.fallback, []);
}

#[test]
fn what_is_written_out_reads_back_the_same_also_where_nothing_is_said() {
    for text in [FULL, "", "[tools.t]\nretry = 1"] {
        let policy = policy_of(text);
        let effective = policy.effective();
        assert_eq!(policy_of(&effective), policy, "{effective}");
    }
    let silent = policy_of("[tools.t]");
    assert_eq!(silent.retries, RetriesPolicy::default());
    assert_eq!(silent.tools[0].retry, None, "no retry unless it is said");
    let shown = silent.effective();
    assert!(
        shown.contains("[retries]\nratio = \"20%\"\nmin_per_second = 1\nburst = 20\n"),
        "{shown}"
    );
    assert!(shown.contains("[cache]\nentries = 1000\nbytes = \"16MiB\"\n"), "{shown}");
}

#[test]
fn retries_that_are_wrong_are_refused_where_they_stand() {
    check(&[
        ("[tools.t]\nretry = 0", "`tools.t.retry` is 0, not from 1 to 16", 2),
        ("[tools.t]\nretry = 17", "the first time included", 2),
        ("[tools.t]\nretry = true", "must be a whole number or a table, not a boolean", 2),
        ("[tools.t]\nretry = {\nattempts = \"3\" }", "must be a whole number, not a string", 3),
        ("[tools.t]\nretry = { attempt = 3 }", "did you mean `attempts`?", 2),
        ("[tools.t]\nretry = { base = \"0s\" }", "`tools.t.retry.base` is zero", 2),
        ("[tools.t]\nretry = { base = \"1m\", max = \"10s\" }", "write at least \"1m\"", 2),
        ("[tools.t]\nretry = 2\nidempotent = 1", "must be true or false", 3),
        ("[tools.t]\nretries = 3", "write retry = 3 in a tool", 2),
        ("[tools.t]\nbackoff = \"1s\"", "retry = { base = \"200ms\"", 2),
        ("retry = 3", "write it in a tool, as in retry = 3", 1),
        ("idempotent = true", "write it in a tool, as in idempotent = true", 1),
        ("retries = 3", "write [retries] and below it", 1),
        ("[retries]\nratio = 20", "write it as in \"20%\"", 2),
        ("[retries]\nratio = \"0%\"", "from 0.1% to 100%", 2),
        ("[retries]\nburst = 0", "`retries.burst` is 0", 2),
        ("[retries]\nmin_per_sec = 1", "did you mean `min_per_second`?", 2),
    ]);
}

#[test]
fn fallbacks_that_are_wrong_are_refused_where_they_stand() {
    const READ: &str = "[tools.t]\naccess = \"read\"\nfallback = ";
    let cases = [
        ("\"u\"", "must be a list, not a string"),
        ("[5]", "must be a table, not a whole number"),
        ("[{}]", "must say one of `cache`, `tool` and `value`"),
        ("[{ cache = \"5m\", value = 1 }]", "must say one of `cache`, `tool` and `value`"),
        ("[{ cach = \"5m\", value = 1 }]", "did you mean `cache`?"),
        ("[{ cache = 5 }]", "write it as in \"30s\""),
        ("[{ cache = \"0s\" }]", "write how old a result may be"),
        ("[{ value = 1, shared = true }]", "means nothing without `cache`"),
        ("[{ value = 1979-05-27 }]", "something that JSON has"),
        ("[{ tool = \"\" }]", "empty name"),
        ("[{ tool = \"u\" }]", "there is no tool `u`"),
        ("[{ tool = \"t\" }]", "`t` falls back on `t`, and that in the end on itself"),
    ];
    for (value, fragment) in cases {
        let errors = errors_of(&format!("{READ}{value}"));
        assert!(errors.to_string().contains(fragment), "no `{fragment}` in {errors}");
        assert_eq!((errors.diagnostics().len(), errors.diagnostics()[0].line), (1, 3), "{errors}");
    }
    let many = format!("{READ}[{}]", "{ value = 1 }, ".repeat(9));
    assert!(errors_of(&many).to_string().contains("keep at most 8"));
    check(&[
        ("[cache]\nentries = 0", "`cache.entries` is 0", 2),
        ("[cache]\nbytes = \"2GiB\"", "unknown unit `GiB`", 2),
        ("[cache]\nage = \"5m\"", "unknown key `age` in `cache`", 2),
        ("[tools.t]\ncache = \"5m\"", "fallback = [{ cache = \"5m\" }]", 2),
        ("[tools.t]\ndegrade = true", "write fallback = [{ cache = \"5m\" }] in a tool", 2),
    ]);
}

#[test]
fn tools_that_fall_back_on_each_other_in_a_circle_are_refused_once() {
    let to = |name: &str| format!("fallback = [{{ value = 1 }}, {{ tool = \"{name}\" }}]\n");
    let (to_a, to_b, to_c) = (to("a"), to("b_1"), to("c"));
    let circle = format!("[tools.a]\n{to_b}[tools.\"b_*\"]\n{to_c}[tools.c]\n{to_a}");
    let errors = errors_of(&circle);
    assert_eq!(errors.diagnostics().len(), 1, "{errors}");
    assert_eq!(errors.diagnostics()[0].line, 6, "{errors}");
    let chain = format!("[tools.a]\n{to_b}{}[tools.\"b_*\"]\n{to_c}[tools.c]\n", "");
    assert_eq!(policy_of(&chain).tools.len(), 3);
    let twice = "[tools.a]\nfallback = [{ tool = \"b\" }, { tool = \"c\" }]\n\
                 [tools.b]\nfallback = [{ tool = \"c\" }]\n[tools.c]\n";
    assert_eq!(policy_of(twice).tools.len(), 3, "two ways to one tool are no circle");
}

#[test]
fn what_may_write_is_neither_kept_nor_shared() {
    check(&[
        ("[tools.t]\nfallback = [{ cache = \"5m\" }]", "write access = \"read\"", 2),
        ("[tools.t]\nsingle_flight = true", "write access = \"read\"", 2),
        ("[tools.t]\naccess = \"write\"\nsingle_flight = true", "are not shared", 3),
        (
            "[tools.t]\naccess = \"read\"\nwrites = [\"a\"]\nsingle_flight = true",
            "calls that may write",
            4,
        ),
    ]);
    for text in [
        "undeclared = \"read\"\n[tools.t]\nsingle_flight = true\nfallback = [{ cache = \"5m\" }]",
        "[tools.t]\nsingle_flight = false",
        "[tools.t]\naccess = \"write\"\nfallback = [{ value = \"later\" }]",
    ] {
        policy_of(text);
    }
}

#[test]
fn what_retries_do_not_do_is_remarked() {
    let said = |text: &str| {
        let remarks = policy_of(text).warnings().to_vec();
        let about = remarks.into_iter().filter(|it| {
            it.message.contains("tried again") || it.message.contains("without `retry`")
        });
        about.map(|it| (it.severity, it.line)).collect::<Vec<_>>()
    };
    assert_eq!(said("[tools.t]\nretry = 3"), [(Severity::Note, 1)]);
    assert_eq!(said("[tools.t]\nretry = 3\nidempotent = false"), [(Severity::Note, 1)]);
    assert_eq!(said("[tools.t]\nretry = 3\nidempotent = true"), []);
    assert_eq!(said("[tools.t]\nretry = 3\naccess = \"read\""), []);
    assert_eq!(said("undeclared = \"read\"\n[tools.t]\nretry = 3"), []);
    assert_eq!(said("[tools.t]\nidempotent = true"), [(Severity::Warning, 2)]);
    let unlimited = Policy::to_unlimited(&policy_of(FULL));
    assert_eq!(unlimited.tools[0].retry, policy_of(FULL).tools[0].retry);
}
