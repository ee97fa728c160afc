//! OpenAI Responses: `function_call` items in, `function_call_output` items out.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::fields::{Fields, fields, some, string};
use super::find::{Found, Parts};
use super::{Format, ParseError, ParseLimits, Reply, ReplyForm};

const FUNCTION: &str = "function_call";
const CUSTOM: &str = "custom_tool_call";

/// Finds the calls of a whole response. One that failed has items too, or an empty list of them,
/// and must not pass for a model that is done.
pub(super) fn in_response<'a>(
    parts: &Parts<'a>,
    response: &'a RawValue,
    output: &'a RawValue,
) -> Result<Found<'a>, ParseError> {
    let [error] = parts.fields(response, ["error"], |_| parts.not_assistant(response))?;
    match some(error) {
        Some(error) => Err(parts.provider_error(error)),
        None => Ok(in_output(parts.list(output, "output", "item")?)),
    }
}

/// The calls among the items of a response's `output`.
pub(super) fn in_output<'a>(items: Vec<&'a RawValue>) -> Found<'a> {
    Found::some(Format::OpenAiResponses, "output", items, is_call)
}

/// Whether an element of a list without anything around it is an item of this API.
pub(super) fn is_item(r#type: &str) -> bool {
    matches!(r#type, "message" | "reasoning" | "compaction")
        || r#type.ends_with("_call")
        || r#type.starts_with("mcp_")
}

/// Items of other types are not calls of ours, whatever they hold. One that leaves its type open is
/// read as a call, which then comes out malformed instead of being lost.
fn is_call(item: &RawValue) -> bool {
    let Some(Fields { values: [r#type], twice }) = fields(item, ["type"]) else { return false };
    match r#type.and_then(string) {
        Some(text) if text == FUNCTION || text == CUSTOM => true,
        Some(_) => twice.is_some(),
        None => true,
    }
}

/// Reads one item that [`is_call`].
pub(super) fn read(item: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft::new(place);
    let keys = ["type", "call_id", "name", "arguments", "status"];
    let Some(Fields { values, twice }) = fields(item, keys) else {
        draft.defect("is not an object; send one function_call item a call");
        return draft;
    };
    let [r#type, id, name, arguments, status] = values;
    draft.read_id("call_id", id);
    draft.read_name("name", name);
    draft.read_twice("", twice);
    match r#type.and_then(string).as_deref() {
        Some(FUNCTION) => {}
        Some(CUSTOM) => {
            // It has an input in the place of arguments, and an output of its own.
            draft.form = ReplyForm::Custom;
            draft.defect_in("type", "is \"custom_tool_call\"; only \"function_call\" can be run");
            return draft;
        }
        _ => draft.defect_in("type", "is not readable; write \"function_call\""),
    }
    // Blank arguments stand for none: of a call that was cut off they would stand for anything.
    if some(status).and_then(string).as_deref() == Some("incomplete") {
        draft.defect_in("status", "is \"incomplete\": the call was cut off; ask again");
    }
    draft.read_arguments("arguments", Arguments::from_either(arguments, limits));
    draft
}

pub(super) fn reply(reply: &Reply<'_>) -> Value {
    let r#type = match reply.form {
        ReplyForm::Custom => "custom_tool_call_output",
        _ => "function_call_output",
    };
    json!({ "type": r#type, "call_id": reply.id, "output": reply.content })
}

/// This API takes functions as strict unless it is told otherwise, and then makes every argument
/// required; Chat does not.
pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    json!({
        "type": "function",
        "name": name,
        "description": description,
        "parameters": schema,
        "strict": false,
    })
}
