//! `[pressure]`: what it means, and what is refused.

use std::time::Duration;

use super::errors::check;
use super::policy_of;
use crate::policy::{MarkPolicy, MemoryPolicy, Policy, PressurePolicy, Severity};

#[test]
fn a_pressure_that_cannot_be_meant_is_refused_where_it_is_written() {
    check(&[
        ("[pressure]\nelevate = {}", "did you mean `elevated`?", 2),
        ("pressure = 1", "write [pressure] and below it", 1),
        ("[pressure]\nelevated = { enter = \"20%\" }", "is entered at 20% and left at 25%", 2),
        ("[pressure]\nsevere = { enter = \"120%\" }", "is not a share of calls", 2),
        ("[pressure]\nelevated = { enter = \"90%\" }", "severe before it is elevated", 1),
        ("[pressure]\nsevere = { leave = \"10%\" }", "severe before it is elevated", 1),
        ("[pressure]\nmemory = \"2GB\"", "is not a size", 2),
        ("[pressure]\nmemory = \"0GiB\"", "whole number of GiB", 2),
        ("[pressure]\nmemory = { resume = \"1GiB\" }", "says no `stop`", 2),
        (
            "[pressure]\nmemory = { stop = \"1GiB\", resume = \"2GiB\" }",
            "stops calls at 1GiB and lets them go on at 2GiB",
            2,
        ),
        ("[pressure]\nmemory = { stop = \"1GiB\", every = \"0s\" }", "is zero", 2),
        ("[pressure]\nmemory = \"1GiB\"\nreserved = [\"hi\"]", "there is no priority `hi`", 3),
        ("[pressure]\nwhen_severe = [\"refuze\"]", "did you mean `refuse`?", 2),
        ("[pressure]\nwhen_severe = \"refuse\"", "when_severe = [\"shorten\", \"refuse\"]", 2),
    ]);
}

#[test]
fn all_of_it_is_read_and_written_out_again_the_same() {
    let policy = policy_of(
        "[pressure]\nelevated = { enter = \"30%\", leave = \"12.5%\" }\nsevere = { enter = \"70%\" }\n\
         dwell = \"0s\"\nmemory = { stop = \"3GiB\", resume = \"2500MiB\", every = \"1s\" }\n\
         reserved = [\"critical\", \"high\"]\nwhen_severe = [\"refuse\", \"shorten\"]",
    );
    let expected = PressurePolicy {
        elevated: MarkPolicy { enter_per_mille: 300, leave_per_mille: 125 },
        severe: MarkPolicy { enter_per_mille: 700, leave_per_mille: 400 },
        dwell: Duration::ZERO,
        memory: Some(MemoryPolicy {
            stop: 3 << 30,
            resume: 2_500 << 20,
            every: Duration::from_secs(1),
        }),
        reserved: vec!["critical".into(), "high".into()],
        shortens: true,
        refuses: true,
    };
    assert_eq!(policy.pressure, expected);
    let again = Policy::parse("again.toml", &policy.effective()).unwrap();
    assert_eq!(again.pressure, expected);
}

#[test]
fn what_is_not_said_has_finite_defaults_that_are_written_out() {
    let policy = policy_of("");
    assert_eq!(policy.pressure, PressurePolicy::default());
    let text = policy.effective();
    for line in ["elevated = { enter = \"50%\", leave = \"25%\" }", "# memory: not watched"] {
        assert!(text.contains(line), "{text}");
    }
    let memory = policy_of("[pressure]\nmemory = \"2GiB\"").pressure.memory.unwrap();
    assert_eq!((memory.stop, memory.resume), (2 << 30, 1_843 << 20), "nine tenths");
}

#[test]
fn priorities_that_are_spared_for_nothing_are_remarked() {
    let policy = policy_of("[pressure]\nreserved = [\"high\"]");
    let remark = policy.warnings().iter().find(|it| it.message.contains("nothing is done"));
    assert_eq!(remark.map(|it| (it.severity, it.line)), Some((Severity::Warning, 2)));
}
