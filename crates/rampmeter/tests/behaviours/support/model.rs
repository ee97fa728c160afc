//! What a model would have written.

use serde_json::{Value, json};

/// An OpenAI message with calls of `(id, name, arguments as text)`.
pub(crate) fn openai(calls: &[(&str, &str, &str)]) -> String {
    let calls = calls.iter().map(|(id, name, arguments)| {
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    });
    json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<Value>>()})
        .to_string()
}

/// An Anthropic message with calls of `(id, name, arguments as JSON)`.
pub(crate) fn anthropic(calls: &[(&str, &str, &str)]) -> String {
    let calls = calls.iter().map(|(id, name, arguments)| {
        let input: Value = serde_json::from_str(arguments).unwrap();
        json!({"type": "tool_use", "id": id, "name": name, "input": input})
    });
    json!({"role": "assistant", "content": calls.collect::<Vec<Value>>()}).to_string()
}
