use super::*;

const MINUTE_MS: Option<u64> = Some(60_000);
const HOUR_MS: Option<u64> = Some(3_600_000);
const DAY_MS: Option<u64> = Some(86_400_000);

fn fixture(name: &str) -> Feedback {
    let (_, text) = FIXTURES.iter().find(|(known, _)| *known == name).unwrap();
    read(text, noon())
}

fn check(name: &str, retry_after: Option<Duration>, quotas: &[Quota]) -> Feedback {
    let feedback = fixture(name);
    assert_eq!(feedback.retry_after, retry_after, "{name}");
    assert_eq!(feedback.quotas, quotas, "{name}");
    feedback
}

fn named(name: &str, quota: Quota) -> Quota {
    Quota { name: Some(name.to_owned()), ..quota }
}

#[test]
fn openai_says_how_long_and_not_of_which_window() {
    let quotas = [
        quota(Counted::Requests, [Some(500), Some(499)], [Some(120), None]),
        quota(Counted::Tokens, [Some(30_000), Some(0)], [Some(60_000), None]),
    ];
    let feedback = check("openai", Some(Duration::from_secs(7)), &quotas);
    assert_eq!(feedback.spent(), Some(&quotas[1]));
    assert_eq!(feedback.delay(), Some(Duration::from_secs(7)), "not the whole of the window");
    assert!(!quotas[1].is_daily());
}

#[test]
fn azure_hides_figures_behind_minus_one_and_writes_one_header_its_own_way() {
    let quotas = [
        quota(Counted::Tokens, [None, Some(0)], [Some(55_000), None]),
        quota(Counted::Requests, [None, Some(79)], [None, None]),
    ];
    check("azure", Some(Duration::from_secs(55)), &quotas);
}

#[test]
fn groq_counts_requests_by_the_day_and_tokens_by_the_minute() {
    let quotas = [
        quota(Counted::Requests, [Some(14_400), Some(14_370)], [Some(179_560), DAY_MS]),
        quota(Counted::Tokens, [Some(18_000), Some(17_997)], [Some(7_660), MINUTE_MS]),
    ];
    let feedback = check("groq", Some(Duration::from_secs(2)), &quotas);
    assert_eq!(feedback.spent(), None);
    assert!(quotas[0].is_daily() && !quotas[1].is_daily());
}

#[test]
fn anthropic_counts_input_and_output_apart_and_a_reset_that_is_past_is_none() {
    let priority = Counted::Other("priority-input-tokens".to_owned());
    let quotas = [
        quota(Counted::InputTokens, [Some(200_000), Some(0)], [Some(63_000), None]),
        quota(Counted::OutputTokens, [Some(80_000), Some(80_000)], [None, None]),
        quota(Counted::Requests, [Some(4_000), Some(3_999)], [Some(1_000), None]),
        quota(Counted::Tokens, [Some(280_000), Some(80_000)], [Some(43_000), None]),
        quota(priority, [Some(10_000), Some(9_618)], [Some(61_000), None]),
    ];
    let feedback = check("anthropic", Some(Duration::from_secs(16)), &quotas);
    assert_eq!(feedback.spent(), Some(&quotas[0]));
}

#[test]
fn gemini_tells_a_quota_of_the_day_from_one_of_the_minute() {
    let delay = Duration::from_nanos(34_074_824_224);
    let minute = Quota {
        resets_in: Some(delay),
        ..quota(Counted::InputTokens, [Some(250_000), Some(0)], [None, MINUTE_MS])
    };
    let day = quota(Counted::Requests, [Some(20), Some(0)], [None, DAY_MS]);
    let quotas = [
        named("GenerateContentInputTokensPerModelPerMinute-FreeTier", minute),
        named("GenerateRequestsPerDayPerProjectPerModel-FreeTier", day),
    ];
    let feedback = check("gemini", Some(delay), &quotas);
    assert_eq!(feedback.spent(), Some(&quotas[1]));
    assert!(quotas[1].is_daily() && !quotas[0].is_daily());
}

#[test]
fn github_says_when_in_seconds_since_1970_and_whose_quota_it_is() {
    let core = quota(Counted::Requests, [Some(5_000), Some(0)], [Some(900_000), HOUR_MS]);
    let quotas = [named("core", core)];
    let feedback = check("github", None, &quotas);
    assert_eq!(feedback.delay(), Some(Duration::from_secs(900)), "it asks for no delay itself");
}

#[test]
fn ietf_headers_of_every_draft_are_read() {
    let quotas = [
        quota(Counted::Requests, [Some(100), Some(0)], [Some(20_000), MINUTE_MS]),
        quota(Counted::Requests, [Some(5_000), None], [None, HOUR_MS]),
    ];
    check("ietf-old", Some(Duration::from_secs(20)), &quotas);

    let quotas = [
        quota(Counted::Requests, [Some(100), Some(50)], [Some(5_000), Some(10_000)]),
        quota(Counted::Requests, [Some(1_000), None], [None, HOUR_MS]),
    ];
    check("ietf-07", None, &quotas);

    let burst = quota(Counted::Requests, [Some(100), Some(50)], [Some(30_000), MINUTE_MS]);
    let daily = quota(Counted::Requests, [Some(1_000), Some(0)], [Some(4_000_000), DAY_MS]);
    let bytes = Counted::Other("content-bytes".to_owned());
    let bytes = quota(bytes, [Some(65_535), Some(65_000)], [Some(7_000), Some(10_000)]);
    let quotas = [named("burst", burst), named("daily", daily), named("peruser, bytes", bytes)];
    let feedback = check("ietf-new", None, &quotas);
    assert!(feedback.spent().is_some_and(Quota::is_daily));
}

#[test]
fn a_router_hands_on_the_headers_of_the_provider_behind_it() {
    let quotas = [quota(Counted::Requests, [Some(50), Some(0)], [Some(43_200_000), None])];
    let feedback = check("openrouter", None, &quotas);
    assert_eq!(feedback.delay(), Some(Duration::from_secs(12 * 60 * 60)));
    assert!(quotas[0].is_daily());
}

#[test]
fn windows_in_the_names_of_headers_are_read() {
    let reset = |ns| Some(Duration::from_nanos(ns));
    let day = quota(Counted::Requests, [Some(14_400), Some(0)], [None, DAY_MS]);
    let minute = quota(Counted::Tokens, [Some(60_000), Some(59_990)], [None, MINUTE_MS]);
    let quotas = [
        Quota { resets_in: reset(33_011_382_867_000), ..day },
        Quota { resets_in: reset(11_382_867_000), ..minute },
    ];
    let feedback = check("cerebras", None, &quotas);
    assert!(feedback.spent().is_some_and(Quota::is_daily));
}

#[test]
fn of_several_delays_the_longest_counts() {
    let quotas = [quota(Counted::Requests, [Some(10), Some(0)], [Some(64_573), None])];
    check("discord", Some(Duration::from_secs(65)), &quotas);
}
