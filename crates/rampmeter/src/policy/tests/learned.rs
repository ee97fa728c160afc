//! Limits that go by how calls end: learned slots, breakers.

use std::time::Duration;

use super::errors::check;
use super::policy_of;
use crate::policy::{AdaptivePolicy, AdaptiveRule, BreakerPolicy, WhenOpen};

#[test]
fn slots_that_are_learned_have_bounds_even_if_none_are_written() {
    let text = "[limits.a]\nconcurrency = { size = 20, adaptive = \"aimd\" }\n\
                [limits.b]\nconcurrency = { size = 20, adaptive = \"vegas\", min = 2, max = 30 }\n\
                [tools.t]\nlimits = { a = { weight = 200 }, b = {} }";
    let policy = policy_of(text);
    let bounds = |rule, min, max| Some(AdaptivePolicy { rule, min, max });
    assert_eq!(policy.limits[0].adaptive, bounds(AdaptiveRule::Aimd, 1, 200));
    assert_eq!(policy.limits[1].adaptive, bounds(AdaptiveRule::Vegas, 2, 30));
    let effective = policy.effective();
    assert!(effective.contains("adaptive = \"vegas\", min = 2, max = 30, lend = true"));
    assert_eq!(policy_of(&effective), policy);
}

#[test]
fn a_breaker_may_be_all_that_a_limit_is() {
    let text = "[limits.a]\nbreaker = {}\n\
                [limits.b]\nbreaker = { failures = \"2.5%\", over = \"1m\", min_calls = 7, open = \"9s\", \
                probes = 2, when_open = \"wait\" }\n[tools.t]\nlimits = [\"a\", \"b\"]";
    let policy = policy_of(text);
    let seconds = Duration::from_secs;
    assert_eq!(
        policy.limits[0].breaker,
        Some(BreakerPolicy {
            failures_per_mille: 500,
            over: seconds(30),
            min_calls: 20,
            open: seconds(30),
            probes: 3,
            when_open: WhenOpen::Refuse,
        })
    );
    assert_eq!(
        policy.limits[1].breaker,
        Some(BreakerPolicy {
            failures_per_mille: 25,
            over: seconds(60),
            min_calls: 7,
            open: seconds(9),
            probes: 2,
            when_open: WhenOpen::Wait,
        })
    );
    assert_eq!(policy_of(&policy.effective()), policy);
}

#[test]
fn slots_that_are_learned_need_bounds_that_fit_and_a_rule_that_there_is() {
    let text = |inside: &str| format!("[limits.a]\nconcurrency = {{ {inside} }}").leak() as &str;
    check(&[
        ("[limits.a]\nconcurrency = 1\nadaptive = true", "write it with the slots", 3),
        (text("size = 8, adaptive = \"aimt\""), "did you mean `aimd`?", 2),
        (text("size = 8, adaptive = true"), "must be a string", 2),
        (text("size = 8, min = 2"), "`limits.a.concurrency.min` means nothing without", 2),
        (text("size = 8, max = 9, lend = true"), "add adaptive = \"aimd\", or remove it", 2),
        (text("adaptive = \"aimd\""), "says no size", 2),
        (text("size = 8, adaptive = \"aimd\", min = 0"), "from 1 to the size", 2),
        (text("size = 8, adaptive = \"aimd\", min = 9"), "from 1 to the size", 2),
        (text("size = 8, adaptive = \"vegas\", max = 7"), "from the size that they start", 2),
    ]);
    let heavy = "[limits.a]\nconcurrency = { size = 8, adaptive = \"aimd\", max = 20 }\n\
                 [tools.t]\nlimits = { a = { weight = 21 } }";
    check(&[(heavy, "has 20 slots", 4)]);
}

#[test]
fn a_breaker_needs_figures_that_it_can_go_by() {
    let text = |inside: &str| format!("[limits.a]\nbreaker = {inside}").leak() as &str;
    check(&[
        (text("true"), "must be a table", 2),
        (text("{ failure = \"50%\" }"), "did you mean `failures`?", 2),
        (text("{ failures = \"0%\" }"), "from 0.1% to 100%", 2),
        (text("{ failures = \"101%\" }"), "from 0.1% to 100%", 2),
        (text("{ failures = \"2.55%\" }"), "is not a share of calls", 2),
        (text("{ failures = \"-5%\" }"), "is not a share of calls", 2),
        (text("{ failures = \"%\" }"), "is not a share of calls", 2),
        (text("{ failures = 0.5 }"), "must be a string", 2),
        (text("{ over = \"0s\" }"), "how far back ends of calls count", 2),
        (text("{ open = \"0s\" }"), "for how long nothing starts", 2),
        (text("{ min_calls = 0 }"), "how many calls must have ended", 2),
        (text("{ probes = 0 }"), "how many calls must succeed", 2),
        (text("{ when_open = \"wate\" }"), "choices: `refuse`, `wait`", 2),
    ]);
    check(&[("[limits.a]\nqueue = {}", "has no budget", 1)]);
}
