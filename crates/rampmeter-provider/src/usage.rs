//! What a call states and takes of tokens.
//!
//! The rule: a call's input is a token for every four characters of its text, rounded up; its
//! output is what it asks for at most (`max_completion_tokens` or `max_tokens`), 16 at most if it
//! sets no more. A body that has `"mock": {"input_tokens": 900, "output_tokens": 80}` takes that
//! instead. What it states is its input and the most that it asks for, or else its output.

use serde_json::Value;

/// How much text a call is answered with that asks for no more.
const ANSWER_TOKENS: u64 = 16;
const CHARACTERS_A_TOKEN: u64 = 4;

/// What one call is and asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) stated_output: u64,
    /// Instead of one that is drawn.
    pub(crate) latency_ns: Option<u64>,
}

/// Of a call to the chat.
pub(crate) fn of_chat(body: &Value) -> Usage {
    let asked = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| body[*key].as_u64());
    let characters = body["messages"].as_array().into_iter().flatten().map(characters).sum();
    let output = asked.unwrap_or(ANSWER_TOKENS).min(ANSWER_TOKENS);
    overridden(body, characters, output, asked)
}

/// Of a call to the tool, whose answer costs nothing unless it says so.
pub(crate) fn of_tool(body: &Value) -> Usage {
    overridden(body, characters(body), 0, None)
}

fn overridden(body: &Value, characters: u64, output: u64, asked: Option<u64>) -> Usage {
    let mock = &body["mock"];
    let input = mock["input_tokens"].as_u64();
    let output = mock["output_tokens"].as_u64().unwrap_or(output);
    let latency_ns = mock["latency_ms"].as_u64().map(|ms| ms.saturating_mul(1_000_000));
    Usage {
        input: input.unwrap_or_else(|| characters.div_ceil(CHARACTERS_A_TOKEN)),
        output,
        stated_output: asked.unwrap_or(output),
        latency_ns,
    }
}

/// The characters of all text in a value, except in what is only for the mock.
fn characters(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.chars().count() as u64,
        Value::Array(items) => items.iter().map(characters).sum(),
        Value::Object(fields) => {
            let meant =
                fields.iter().filter(|(key, _)| !["mock", "role", "type"].contains(&key.as_str()));
            meant.map(|(_, value)| characters(value)).sum()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_costs_a_token_for_every_four_characters() {
        let body = json!({"messages": [{"role": "user", "content": "twelve chars"},
            {"role": "user", "content": [{"type": "text", "text": "é"}]}], "max_tokens": 900});
        let usage = of_chat(&body);
        assert_eq!((usage.input, usage.output, usage.stated_output), (4, 16, 900));
        assert_eq!(of_tool(&json!({"query": "four"})).input, 1);
    }

    #[test]
    fn a_test_may_say_what_a_call_takes() {
        let mock = json!({"input_tokens": 700, "output_tokens": 80, "latency_ms": 3});
        let usage = of_chat(&json!({"messages": [], "mock": mock}));
        assert_eq!((usage.input, usage.output, usage.stated_output), (700, 80, 80));
        assert_eq!(usage.latency_ns, Some(3_000_000));
        let usage = of_tool(&json!({"mock": mock, "max_tokens": 5}));
        assert_eq!((usage.input, usage.output), (700, 80));
    }
}
