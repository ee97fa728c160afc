//! Errors that say in their body when to come back: Google's, and those that carry headers inside.
//!
//! Google's `RetryInfo` is its word on the delay. Its `QuotaFailure` names the quotas that were
//! exceeded, by the minute or by the day; when a day's quota is back it does not say.

use std::time::Duration;

use serde_json::Value;

use super::draft::{Draft, Key};
use super::figures::{Field, count};
use super::headers::Headers;
use super::moment::Clock;
use super::{DAY, HOUR, MINUTE};

const LARGEST: usize = 256 * 1024;

/// The error object in a body; streams put it in a list.
pub(super) fn error(body: &[u8]) -> Option<Value> {
    if body.len() > LARGEST {
        return None;
    }
    let mut body: Value = serde_json::from_slice(body).ok()?;
    if let Value::Array(list) = &mut body {
        body = list.first_mut().map(Value::take)?;
    }
    match body.get_mut("error") {
        Some(error) if error.is_object() => Some(error.take()),
        _ => body.is_object().then_some(body),
    }
}

/// The headers of the provider behind a router, as OpenRouter hands them on.
pub(super) fn carried_headers(error: &Value, headers: &mut Headers) {
    let carried = error.pointer("/metadata/headers").and_then(Value::as_object);
    for (name, value) in carried.into_iter().flatten() {
        headers.add(name, text(value).as_bytes());
    }
}

/// What the error says in words of its own.
pub(super) fn read(error: &Value, clock: &Clock, draft: &mut Draft) {
    for place in ["/retry_after", "/parameters/retry_after"] {
        draft.delay(error.pointer(place).and_then(|it| clock.delay(&text(it))));
    }
    let details = error.get("details").and_then(Value::as_array);
    let details = || details.into_iter().flatten();
    let mut delay = None;
    for detail in details().filter(|it| is(it, "RetryInfo")) {
        delay = delay.max(clock.delay(&text(&detail["retryDelay"])));
    }
    for detail in details().filter(|it| is(it, "ErrorInfo")) {
        let about = &detail["metadata"];
        delay = delay.max(clock.delay(&text(&about["quotaResetDelay"])));
        delay = delay.max(clock.delay(&text(&about["quotaResetTimeStamp"])));
        let figures = ["quota_metric", "quota_limit", "quota_limit_value"];
        exceeded(about, figures, delay, draft);
    }
    for detail in details().filter(|it| is(it, "QuotaFailure")) {
        let violations = detail["violations"].as_array();
        for violation in violations.into_iter().flatten() {
            exceeded(violation, ["quotaMetric", "quotaId", "quotaValue"], delay, draft);
        }
    }
    draft.delay(delay);
}

/// One quota that was exceeded: its metric, its id and its limit, by their names.
fn exceeded(about: &Value, names: [&str; 3], delay: Option<Duration>, draft: &mut Draft) {
    let [metric, id, limit] = names.map(|name| text(&about[name]));
    if id.is_empty() {
        return;
    }
    let window = window(&id);
    let thing = thing(&metric, &id).to_owned();
    let Some(quota) = draft.quota(Key { name: Some(id), thing, window: None }) else { return };
    quota.window = window;
    quota.count(Field::Remaining, 0);
    if let Some(limit) = count(&limit) {
        quota.count(Field::Limit, limit);
    }
    if window.is_none_or(|window| window < DAY) {
        quota.reset(delay);
    }
}

fn is(detail: &Value, kind: &str) -> bool {
    let kind_of = detail["@type"].as_str().and_then(|name| name.rsplit('.').next());
    kind_of == Some(kind)
}

fn thing(metric: &str, id: &str) -> &'static str {
    let words = format!("{metric} {id}").to_ascii_lowercase().replace('_', "");
    match words {
        words if words.contains("inputtoken") => "input-tokens",
        words if words.contains("outputtoken") => "output-tokens",
        words if words.contains("token") => "tokens",
        _ => "requests",
    }
}

fn window(id: &str) -> Option<Duration> {
    let id = id.to_ascii_lowercase();
    let known = [("perday", DAY), ("perhour", HOUR), ("perminute", MINUTE)];
    known.into_iter().find(|(word, _)| id.contains(word)).map(|(_, window)| window)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
