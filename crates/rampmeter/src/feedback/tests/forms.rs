use super::*;

fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

#[test]
fn delays_are_read_in_every_form_and_what_is_no_delay_is_none() {
    let year_ms = 366 * 24 * 60 * 60 * 1_000;
    let table = [
        ("7", ms(7_000)),
        (" 7 ", ms(7_000)),
        ("0.25", ms(250)),
        (".5", ms(500)),
        ("5.", ms(5_000)),
        ("1s", ms(1_000)),
        ("6m0s", ms(360_000)),
        ("20ms", ms(20)),
        ("1m2.5s", ms(62_500)),
        ("2m59.56s", ms(179_560)),
        ("1h2m3s", ms(3_723_000)),
        ("1d", ms(86_400_000)),
        ("34.074824224s", Some(Duration::from_nanos(34_074_824_224))),
        ("0.0000000001", Some(Duration::from_nanos(1))),
        ("1.00000000000000000000000001", Some(Duration::from_nanos(1_000_000_001))),
        // All three dates of RFC 9110, with the right day of the week and with a wrong one.
        ("Tue, 24 Nov 2026 12:00:30 GMT", ms(30_000)),
        ("Tuesday, 24-Nov-26 12:00:30 GMT", ms(30_000)),
        ("Tue Nov 24 12:00:30 2026", ms(30_000)),
        ("Fri, 24 Nov 2026 12:00:30 GMT", ms(30_000)),
        ("Tue Dec  1 12:00:00 2026", ms(7 * 86_400_000)),
        ("2026-11-24T12:00:30Z", ms(30_000)),
        ("2026-11-24T13:00:30.5+01:00", ms(30_500)),
        // By magnitude: seconds, milliseconds, microseconds, nanoseconds since 1970.
        ("1795521630", ms(30_000)),
        ("1795521630.25", ms(30_250)),
        ("1795521630000", ms(30_000)),
        ("1795521630000000", ms(30_000)),
        ("1795521630000000000", ms(30_000)),
        ("31622400", ms(year_ms)),
        ("31622401", None),
        ("99999999", None),
        ("1795521599", None),
        ("1795521600", None),
        ("Mon, 23 Nov 2026 12:00:00 GMT", None),
        ("2024-02-30T00:00:00Z", None),
        ("0", None),
        ("0s", None),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        ("NaN", None),
        ("inf", None),
        ("1s2", None),
        ("s", None),
        ("1 fortnight", None),
        ("1.2.3", None),
        (".", None),
        ("", None),
        ("soon", None),
        ("340282366920938463463374607431768211456", None),
        ("340282366920938463463374607431768211455d", None),
    ];
    for (text, delay) in table {
        assert_eq!(one("Retry-After", text).retry_after, delay, "{text:?}");
        assert_eq!(one("X-RateLimit-Retry-After", text).retry_after, delay, "{text:?}");
    }
}

#[test]
fn milliseconds_are_milliseconds_unless_they_are_a_date() {
    let table = [
        ("6640", ms(6_640)),
        ("0.5", Some(Duration::from_micros(500))),
        ("999999999", ms(999_999_999)),
        ("1795521630000", ms(30_000)),
        ("2s", ms(2_000)),
        ("99999999999", None),
        ("-5", None),
    ];
    for (text, delay) in table {
        assert_eq!(one("retry-after-ms", text).retry_after, delay, "{text:?}");
    }
}

#[test]
fn of_repeated_headers_the_hardest_word_counts() {
    let headers = [
        ("Retry-After", "3"),
        ("retry-after", "9"),
        ("RETRY-AFTER", "x"),
        ("x-ratelimit-limit", "100"),
        ("RateLimit-Limit", "90"),
        ("x-ratelimit-remaining", "5"),
        ("x-ratelimit-remaining", "7"),
        ("x-ratelimit-reset", "10"),
        ("x-ratelimit-reset", "1795521620"),
    ];
    let feedback = Feedback::read(headers, None, noon());
    assert_eq!(feedback.retry_after, ms(9_000));
    let expected = quota(Counted::Requests, [Some(90), Some(5)], [Some(20_000), None]);
    assert_eq!(feedback.quotas, [expected]);
}

#[test]
fn what_is_used_stands_for_what_is_not_said() {
    let read = |headers: [(&str, &str); 2]| Feedback::read(headers, None, noon()).quotas;
    let expected = [quota(Counted::Requests, [Some(60), Some(20)], [None, None])];
    let used = ("x-ratelimit-used", "40");
    assert_eq!(read([("x-ratelimit-limit", "60"), used]), expected);
    assert_eq!(read([("x-ratelimit-remaining", "20"), used]), expected);
    let over = [quota(Counted::Requests, [Some(30), Some(0)], [None, None])];
    assert_eq!(read([used, ("x-ratelimit-limit", "30")]), over);
}

#[test]
fn a_limit_of_nothing_is_no_limit_but_nothing_left_is() {
    assert_eq!(one("x-ratelimit-limit-requests", "0").quotas, []);
    assert_eq!(one("x-ratelimit-reset-requests", "5s").quotas, [], "of no use alone");
    let spent = [quota(Counted::Requests, [None, Some(0)], [None, None])];
    assert_eq!(one("x-ratelimit-remaining-requests", "0").quotas, spent);
}

#[test]
fn other_words_for_tokens_and_for_anything_else_are_kept_apart() {
    let table = [
        ("x-ratelimit-remaining-input-tokens", Counted::InputTokens),
        ("x-ratelimit-remaining-completion-tokens", Counted::OutputTokens),
        ("x-tokenlimit-remaining", Counted::Tokens),
        ("anthropic-fast-input-tokens-remaining", Counted::Other("fast-input-tokens".into())),
        ("x-ratelimit-remaining-neurons", Counted::Other("neurons".into())),
    ];
    for (name, counts) in table {
        assert_eq!(one(name, "4").quotas, [quota(counts, [None, Some(4)], [None, None])], "{name}");
    }
    let seconds =
        quota(Counted::Other("audio-seconds".into()), [None, Some(4)], [None, Some(60_000)]);
    assert_eq!(one("x-ratelimit-remaining-audio-seconds-minute", "4").quotas, [seconds]);
}

#[test]
fn a_name_that_is_a_unit_says_what_is_counted_unless_the_policy_does() {
    let counts = |policy: &str| {
        let headers =
            [("RateLimit", "\"output-tokens\";r=1, \"x\";r=2"), ("RateLimit-Policy", policy)];
        let quotas = Feedback::read(headers, None, noon()).quotas;
        quotas.into_iter().map(|quota| quota.counts).collect::<Vec<_>>()
    };
    assert_eq!(counts(""), [Counted::OutputTokens, Counted::Requests]);
    let said = counts("\"output-tokens\";q=9;qu=\"requests\", \"x\";q=9;qu=tokens");
    assert_eq!(said, [Counted::Requests, Counted::Tokens]);
}

#[test]
fn a_window_that_ends_later_than_it_lasts_is_not_believed() {
    let headers = [
        ("x-groq-region", "x"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "90s"),
    ];
    let feedback = Feedback::read(headers, None, noon());
    assert_eq!(feedback.quotas, [quota(Counted::Tokens, [None, Some(0)], [Some(90_000), None])]);
}

#[test]
fn a_server_whose_clock_differs_is_told_the_time_by_its_own() {
    let delay = |date: &str| {
        let headers = [("date", date), ("retry-after", "Tue, 24 Nov 2026 12:01:00 GMT")];
        Feedback::read(headers, None, noon()).retry_after
    };
    assert_eq!(delay("Tue, 24 Nov 2026 11:59:58 GMT"), ms(60_000), "as good as ours");
    assert_eq!(delay("Tue, 24 Nov 2026 11:50:00 GMT"), ms(660_000));
    assert_eq!(delay("Tue, 24 Nov 2026 12:00:40 GMT"), ms(20_000));
    assert_eq!(delay("Thu, 01 Jan 1970 00:00:00 GMT"), ms(60_000), "that clock was never set");
    assert_eq!(delay("yesterday"), ms(60_000));
}

#[test]
fn times_before_1970_and_far_ahead_are_times_too() {
    for now in [
        SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40),
    ] {
        let headers = [("retry-after", "1795521630"), ("date", "Tue, 24 Nov 2026 12:00:00 GMT")];
        assert_eq!(Feedback::read(headers, None, now), Feedback::default());
    }
}

#[test]
fn bodies_say_delays_in_words_of_their_own() {
    let table = [
        (r#"{"retry_after": 0.529, "global": false}"#, ms(529)),
        (r#"{"ok":false,"error_code":429,"parameters":{"retry_after":35}}"#, ms(35_000)),
        (r#"{"error":{"retry_after":"2s"}}"#, ms(2_000)),
        (
            r#"[{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"26s"}]}}]"#,
            ms(26_000),
        ),
        (
            r#"{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
                "metadata":{"quotaResetDelay":"1h0m0.5s","quotaResetTimeStamp":"2026-11-24T12:30:00Z"}}]}}"#,
            ms(3_600_500),
        ),
        (r#"{"error":{"details":[{"@type":"x.RetryInfo","retryDelay":"-3s"}]}}"#, None),
        (r#"{"error":{"details":{"@type":"x.RetryInfo","retryDelay":"3s"}}}"#, None),
        (r#"{"error":"retry_after 5"}"#, None),
        ("[]", None),
        ("[[[[", None),
        ("retry after 5 s", None),
    ];
    for (body, delay) in table {
        let feedback = Feedback::read::<&str, &str>([], Some(body.as_bytes()), noon());
        assert_eq!(feedback.retry_after, delay, "{body}");
        assert_eq!(feedback.quotas, [], "{body}");
    }
}
