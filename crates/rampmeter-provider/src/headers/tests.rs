//! Each style as real providers write it.

use super::*;
use crate::quota::{KindName, Quota, SECOND_NS};

const TOLD: Told = Told { unix_ns: 1_767_225_600 * SECOND_NS, whole_seconds: true };

fn standing_of(unit: Unit, rate: &str, remaining: u64, reset_ms: u64) -> Standing {
    let quota = Quota::parse(unit, rate, KindName::Sliding, None).unwrap();
    Standing { quota, remaining, reset_ns: reset_ms * 1_000_000, period_ns: quota.period_ns }
}

fn three() -> Vec<Standing> {
    vec![
        standing_of(Unit::Requests, "60/min", 59, 1_000),
        standing_of(Unit::Requests, "14400/day", 14_370, 179_560),
        standing_of(Unit::Tokens, "6000/min", 0, 7_660),
    ]
}

fn written(headers: Headers) -> String {
    headers.into_iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

#[test]
fn openai_tells_requests_and_tokens_of_a_minute() {
    let text = written(standing(Style::Openai, &three(), TOLD));
    assert_eq!(
        text,
        "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 59\n\
         x-ratelimit-reset-requests: 1s\nx-ratelimit-limit-tokens: 6000\n\
         x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 7.66s\n"
    );
    let delays = written(delay(Style::Openai, 1_200_000_000, TOLD));
    assert_eq!(delays, "retry-after: 2\nretry-after-ms: 1200\n");
}

#[test]
fn groq_tells_requests_of_a_day_and_tokens_of_a_minute() {
    let text = written(standing(Style::Groq, &three(), TOLD));
    assert!(text.contains("x-ratelimit-limit-requests: 14400\n"), "{text}");
    assert!(text.contains("x-ratelimit-reset-requests: 2m59.56s\n"), "{text}");
    assert!(text.contains("x-ratelimit-limit-tokens: 6000\n"), "{text}");
    assert_eq!(written(delay(Style::Groq, SECOND_NS, TOLD)), "retry-after: 1\n");
}

#[test]
fn anthropic_tells_moments_and_input_and_output_apart() {
    let standings = [
        standing_of(Unit::Requests, "50/min", 49, 1_200),
        standing_of(Unit::InputTokens, "30000/min", 29_000, 2_000),
        standing_of(Unit::OutputTokens, "8000/min", 8_000, 0),
    ];
    let text = written(standing(Style::Anthropic, &standings, TOLD));
    assert!(text.contains("anthropic-ratelimit-requests-remaining: 49\n"), "{text}");
    assert!(text.contains("anthropic-ratelimit-requests-reset: 2026-01-01T00:00:02Z\n"), "{text}");
    assert!(text.contains("anthropic-ratelimit-input-tokens-limit: 30000\n"), "{text}");
    assert!(text.contains("output-tokens-reset: 2026-01-01T00:00:00Z\n"), "{text}");
    let fast = Told { whole_seconds: false, ..TOLD };
    let text = written(standing(Style::Anthropic, &standings, fast));
    assert!(text.contains("requests-reset: 2026-01-01T00:00:01.200Z\n"), "{text}");
}

#[test]
fn gemini_tells_nothing_in_headers() {
    assert!(standing(Style::Gemini, &three(), TOLD).is_empty());
    assert!(delay(Style::Gemini, SECOND_NS, TOLD).is_empty());
    assert_eq!(proto_duration(34_074_824_224), "34.075s");
}

#[test]
fn github_tells_the_second_of_the_epoch() {
    let text = written(standing(Style::Github, &three()[..1], TOLD));
    assert_eq!(
        text,
        "x-ratelimit-limit: 60\nx-ratelimit-remaining: 59\nx-ratelimit-used: 1\n\
         x-ratelimit-reset: 1767225601\nx-ratelimit-resource: core\n"
    );
}

#[test]
fn the_ietf_forms_tell_the_tightest_quota_or_each() {
    let text = written(standing(Style::IetfOld, &three(), TOLD));
    assert_eq!(text, "ratelimit-limit: 6000\nratelimit-remaining: 0\nratelimit-reset: 8\n");
    let one = [standing_of(Unit::Requests, "100/min", 50, 30_000)];
    assert_eq!(
        written(standing(Style::IetfNew, &one, TOLD)),
        "ratelimit: \"default\";r=50;t=30\nratelimit-policy: \"default\";q=100;w=60\n"
    );
    let text = written(standing(Style::IetfNew, &three(), TOLD));
    assert!(text.contains("\"requests-a-day\";r=14370;t=180, \"tokens\";r=0;t=8"), "{text}");
    assert!(text.contains("\"tokens\";q=6000;qu=\"tokens\";w=60"), "{text}");
}

#[test]
fn durations_are_written_as_providers_write_them() {
    let cases = [
        (0, "0s"),
        (1, "1ms"),
        (120_000_000, "120ms"),
        (360 * SECOND_NS, "6m0s"),
        (3_661 * SECOND_NS, "1h1m1s"),
        (179_560_000_000, "2m59.56s"),
    ];
    for (ns, text) in cases {
        assert_eq!(go_duration(ns), text);
    }
}
