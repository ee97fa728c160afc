//! Bedrock Converse: `toolUse` blocks in, one `user` message of `toolResult` blocks out.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::fields::{Fields, fields, kind, some, string};
use super::find::{Found, Parts};
use super::output::{object, spoken};
use super::{Format, ParseError, ParseLimits, Reply};

/// Finds the calls of a whole response at its one message.
pub(super) fn in_output<'a>(
    parts: &Parts<'a>,
    output: &'a RawValue,
) -> Result<Found<'a>, ParseError> {
    let missing =
        || parts.error(output, "output.message is missing", "pass the whole response of Converse");
    let [message] = parts.fields(output, ["message"], |_| missing())?;
    let message = some(message).ok_or_else(missing)?;
    let lists = ("output.message.tool_calls", "output.message.content");
    let found = parts.in_message(message, lists.0, lists.1)?;
    Ok(found.in_response_of(Format::Bedrock))
}

/// Whether a block of `content` is a call of ours; one of a tool that the server runs is not.
pub(super) fn is_call(block: &RawValue) -> bool {
    let Some(call) = call_in(block) else { return false };
    let r#type = fields(call, ["type"]).and_then(|found| found.values[0]);
    r#type.and_then(string).as_deref() != Some("server_tool_use")
}

fn call_in(block: &RawValue) -> Option<&RawValue> {
    some(fields(block, ["toolUse"])?.values[0])
}

/// Reads one block that [`is_call`].
pub(super) fn read(block: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft::new(place);
    draft.read_twice("", fields(block, ["toolUse"]).and_then(|found| found.twice));
    let call = call_in(block);
    let keys = ["toolUseId", "name", "input"];
    let Some(Fields { values, twice }) = call.and_then(|call| fields(call, keys)) else {
        let kind = call.map_or("missing", kind);
        draft.defect_in("toolUse", format_args!("is {kind}, not an object; give name and input"));
        return draft;
    };
    let [id, name, input] = values;
    draft.read_id("toolUse.toolUseId", id);
    draft.read_name("toolUse.name", name);
    draft.read_twice("toolUse.", twice);
    draft.read_arguments("toolUse.input", Arguments::from_required(input, limits));
    draft
}

pub(super) fn replies(replies: &[Reply<'_>]) -> Value {
    let blocks: Vec<Value> = replies.iter().map(block).collect();
    json!({ "role": "user", "content": blocks })
}

/// Only some models know `status`, and the others refuse a request that has it, so it is written
/// where it says something: at errors.
fn block(reply: &Reply<'_>) -> Value {
    let Reply { id, content, is_error, .. } = *reply;
    let data = if is_error { None } else { object(content) };
    let content = match data {
        Some(data) => json!({ "json": data }),
        None => json!({ "text": spoken(content, is_error) }),
    };
    let mut result = Map::new();
    result.insert("toolUseId".into(), id.into());
    result.insert("content".into(), json!([content]));
    if is_error {
        result.insert("status".into(), "error".into());
    }
    json!({ "toolResult": result })
}

pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    let mut tool = Map::new();
    tool.insert("name".into(), name.into());
    // A description that is there must not be empty.
    if !description.is_empty() {
        tool.insert("description".into(), description.into());
    }
    tool.insert("inputSchema".into(), json!({ "json": schema }));
    json!({ "toolSpec": tool })
}
