//! Anthropic Messages: `tool_use` blocks in, one `user` message of `tool_result` blocks out.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::fields::{Fields, fields, string};
use super::output::spoken;
use super::{ParseLimits, Reply};

/// Whether a block of `content` is a call of ours.
///
/// Blocks of other types are not, whatever they hold. A block that has an `input` but leaves its
/// type open is read as a call, which then comes out malformed instead of being lost.
pub(super) fn is_call(block: &RawValue) -> bool {
    let Some(Fields { values: [r#type], twice }) = fields(block, ["type"]) else { return false };
    match r#type.and_then(string) {
        Some(text) if text == "tool_use" => true,
        Some(_) if twice.is_none() => false,
        _ => fields(block, ["input"]).is_some_and(|found| found.values[0].is_some()),
    }
}

/// Reads one block that [`is_call`].
pub(super) fn read(block: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft::new(place);
    let Some(Fields { values, twice }) = fields(block, ["type", "id", "name", "input"]) else {
        draft.defect("is not an object; send one tool_use block a call");
        return draft;
    };
    let [r#type, id, name, input] = values;
    draft.read_id("id", id);
    draft.read_name("name", name);
    draft.read_twice("", twice);
    if r#type.and_then(string).as_deref() != Some("tool_use") {
        draft.defect_in("type", "is not readable; write \"tool_use\"");
    }
    draft.read_arguments("input", Arguments::from_required(input, limits));
    draft
}

pub(super) fn replies(replies: &[Reply<'_>]) -> Value {
    let blocks: Vec<Value> = replies.iter().map(block).collect();
    json!({ "role": "user", "content": blocks })
}

/// The API rejects the whole request when an error has no content, so a silent one is given some.
fn block(reply: &Reply<'_>) -> Value {
    let Reply { id, content, is_error, .. } = *reply;
    if !is_error {
        return json!({ "type": "tool_result", "tool_use_id": id, "content": content });
    }
    let content = spoken(content, true);
    json!({ "type": "tool_result", "tool_use_id": id, "content": content, "is_error": true })
}

pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "description": description, "input_schema": schema })
}
