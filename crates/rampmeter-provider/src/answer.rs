//! The bodies of answers and errors.

use serde_json::{Value, json};

use crate::config::Style;
use crate::headers::proto_duration;
use crate::quota::{DAY_NS, Quota, Unit};
use crate::usage::Usage;

/// An answer is no longer than this, whatever it counts.
const MOST_WORDS: u64 = 4_096;
const WORDS_A_CHUNK: usize = 16;

/// Why a call was turned away.
pub(crate) enum Why {
    Quota { quota: Quota, wait_ns: Option<u64> },
    Busy,
    Fault,
}

/// The whole answer of a chat.
pub(crate) fn chat(seq: u64, model: &str, unix_s: u64, usage: Usage) -> Value {
    json!({
        "id": id(seq),
        "object": "chat.completion",
        "created": unix_s,
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": words(usage.output).join(" ")},
            "finish_reason": "stop"
        }],
        "usage": counted(usage)
    })
}

/// The same in chunks; the last one has the usage, and `[DONE]` follows it.
pub(crate) fn chunks(seq: u64, model: &str, unix_s: u64, usage: Usage) -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": id(seq), "object": "chat.completion.chunk", "created": unix_s, "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]
        })
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    for (at, words) in words(usage.output).chunks(WORDS_A_CHUNK).enumerate() {
        let space = if at == 0 { "" } else { " " };
        chunks.push(chunk(json!({"content": format!("{space}{}", words.join(" "))}), Value::Null));
    }
    let mut last = chunk(json!({}), "stop".into());
    last["usage"] = counted(usage);
    chunks.push(last);
    chunks
}

/// The answer of the tool: what it was given, and what that came to.
pub(crate) fn tool(body: &Value, usage: Usage) -> Value {
    json!({"ok": true, "echo": body, "usage": counted(usage)})
}

/// The body of an error, as a provider of this style writes it.
pub(crate) fn error(style: Style, status: u16, why: &Why) -> Value {
    let message = match why {
        Why::Quota { quota, wait_ns: Some(wait_ns) } => {
            format!(
                "Rate limit reached: {quota}. Please try again in {}.",
                proto_duration(*wait_ns)
            )
        }
        Why::Quota { quota, wait_ns: None } => format!("Request too large for {quota}."),
        Why::Busy => "Too many requests at once.".to_owned(),
        Why::Fault => "The server is overloaded.".to_owned(),
    };
    match style {
        Style::Anthropic => {
            let kind = if status == 429 { "rate_limit_error" } else { "overloaded_error" };
            json!({"type": "error", "error": {"type": kind, "message": message}})
        }
        Style::Gemini => gemini(status, &message, why),
        _ => {
            let kind = match why {
                Why::Quota { quota, .. } if quota.unit == Unit::Requests => "requests",
                Why::Quota { .. } => "tokens",
                Why::Busy | Why::Fault => "server_error",
            };
            let code = if status == 429 { "rate_limit_exceeded".into() } else { Value::Null };
            json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
        }
    }
}

/// The body of an answer to what cannot be understood.
pub(crate) fn bad(message: &str) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null,
        "code": null}})
}

fn gemini(status: u16, message: &str, why: &Why) -> Value {
    let mut details = Vec::new();
    if let Why::Quota { quota, wait_ns } = why {
        let (what, metric) = match quota.unit {
            Unit::Requests => ("Requests", "generate_content_requests"),
            _ => ("InputTokens", "generate_content_input_token_count"),
        };
        let period = if quota.period_ns >= DAY_NS { "Day" } else { "Minute" };
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{
                "quotaMetric": format!("generativelanguage.googleapis.com/{metric}"),
                "quotaId": format!("Generate{what}Per{period}PerProjectPerModel"),
                "quotaValue": quota.amount.to_string()
            }]
        }));
        if let Some(wait_ns) = wait_ns {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": proto_duration(*wait_ns)
            }));
        }
    }
    let name = if status == 429 { "RESOURCE_EXHAUSTED" } else { "UNAVAILABLE" };
    json!({"error": {"code": status, "message": message, "status": name, "details": details}})
}

fn id(seq: u64) -> String {
    format!("chatcmpl-mock-{seq}")
}

fn words(count: u64) -> Vec<&'static str> {
    let count = usize::try_from(count.min(MOST_WORDS)).unwrap_or(0);
    ["one", "at", "a", "time"].into_iter().cycle().take(count).collect()
}

fn counted(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input.saturating_add(usage.output)
    })
}
