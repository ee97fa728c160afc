//! What a legal policy is warned of.

use super::policy_of;
use crate::policy::Severity;

#[test]
fn each_remark_is_made_where_it_belongs() {
    use Severity::{Note, Warning};
    let cases = [
        (
            "[limits.a]\nconcurrency = 1\nrequests = \"1/s\"",
            Warning,
            "no tool draws on limit `a`",
            1,
        ),
        ("\n[limits.a]\nconcurrency = 1", Note, "limit `a` has no rate", 2),
        ("[limits.a]\nrequests = \"1/s\"", Note, "limit `a` has no concurrency", 1),
        ("\n\n[tools.t]", Warning, "tool `t` draws on no limit", 3),
        ("[tools.t]\nlimits = []", Warning, "tool `t` draws on no limit", 1),
        (
            "[tools.t]\naccess = \"read\"\nwrites = [\"a\"]",
            Warning,
            "tool `t` writes keys and declares that it only reads",
            1,
        ),
        ("[tools.t]", Note, "tool `t` declares no access", 1),
        ("[tools.t]", Note, "tool `t` says no run", 1),
        (
            "[tools.t]\nwrites = [\"a\"]\non_abandon = \"free\"",
            Note,
            "tool `t` gives its slots up after the grace",
            1,
        ),
        ("[tools.t]\ntimeout = \"20m\"", Warning, "longer than the deadline of the whole turn", 2),
        ("[tools.t]\nqueue_timeout = \"20m\"", Warning, "longer than the deadline", 2),
        (
            "[limits.a]\nconcurrency = 1\nper = \"api_key\"",
            Warning,
            "label `api_key` sounds secret",
            1,
        ),
        (
            "[limits.a]\nconcurrency = 1\nper = \"Tokens\"\n[labels.Tokens]",
            Warning,
            "sounds secret",
            1,
        ),
        (
            "[limits.a]\nconcurrency = 8\nreserved = { critical = 4, high = 4 }",
            Warning,
            "and 4 are kept for `critical` already",
            1,
        ),
        ("[providers.p]\nrequests = \"1/s\"", Warning, "no tool asks provider `p`", 1),
        ("[providers.p]", Note, "provider `p` enforces nothing", 1),
    ];
    for (text, severity, fragment, line) in cases {
        let policy = policy_of(text);
        let found = policy.warnings().iter().find(|remark| remark.message.contains(fragment));
        let found = found.unwrap_or_else(|| panic!("no `{fragment}`: {:#?}", policy.warnings()));
        assert_eq!((found.severity, found.line), (severity, line), "{text}");
        assert!(found.help.is_some());
    }
}

#[test]
fn what_is_said_outright_is_not_remarked_on() {
    let policy = policy_of(
        "[limits.a]\nconcurrency = 1\nrequests = \"1/s\"\nper = \"api_key\"\n\
         [limits.b]\nconcurrency = 1\nrequests = \"1/s\"\nper = \"monkey\"\n\
         [labels.api_key]\nsecret = false\n[providers.p]\nconcurrency = 1\n\
         [tools.t]\nlimits = [\"a\", \"b\"]\naccess = \"write\"\n\
         run = { simulate = { latency = \"1s\", provider = \"p\" } }",
    );
    assert_eq!(policy.warnings(), []);
}

#[test]
fn slots_kept_for_a_lower_priority_that_are_more_are_meant() {
    let policy = policy_of("[limits.a]\nconcurrency = 8\nreserved = { critical = 2, high = 6 }");
    assert!(!policy.warnings().iter().any(|remark| remark.message.contains("already")));
}

#[test]
fn undeclared_access_is_no_matter_where_it_counts_as_read() {
    let policy = policy_of("undeclared = \"read\"\n[tools.t]");
    assert!(!policy.warnings().iter().any(|remark| remark.message.contains("access")));
}

#[test]
fn a_tool_that_names_what_it_reads_or_writes_has_declared_it() {
    for key in ["reads = [\"a\"]", "writes = [\"a\"]"] {
        let policy = policy_of(&format!("[tools.t]\n{key}"));
        let silent = |remark: &&crate::policy::Diagnostic| remark.message.contains("no access");
        assert_eq!(policy.warnings().iter().find(silent), None, "{key}");
        assert!(policy.effective().contains("# access: as its keys say"), "{key}");
    }
}

#[test]
fn remarks_come_in_the_order_of_the_file_and_render_like_errors() {
    let policy = policy_of("[tools.t]\naccess = \"read\"\n[limits.a]\nconcurrency = 1\n");
    let lines: Vec<usize> = policy.warnings().iter().map(|remark| remark.line).collect();
    assert_eq!(lines, [1, 1, 3, 3]);
    let rendered = policy.warnings()[0].to_string();
    assert!(rendered.starts_with("warning: tool `t` draws on no limit"), "{rendered}");
    assert!(rendered.contains("1 | [tools.t]\n  |        ^\n"), "{rendered}");
    assert_eq!(policy.file_name(), "rampmeter.toml");
}
