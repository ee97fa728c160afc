//! OpenAI Chat: `tool_calls` in, `tool` messages out.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::fields::{Fields, fields, kind, some, string};
use super::find::{Found, Parts};
use super::{Format, ParseError, ParseLimits, Reply};

/// Finds the calls of a whole chat completion at its first choice.
pub(super) fn in_choices<'a>(
    parts: &Parts<'a>,
    choices: &'a RawValue,
) -> Result<Found<'a>, ParseError> {
    const REMEDY: &str = "pass a response that has choices[0].message";
    let first = parts.first(choices, "choices", REMEDY)?;
    let [message, delta] = parts.fields(first, ["message", "delta"], |_| {
        parts.error(first, "choices[0].message is missing", REMEDY)
    })?;
    match (message, delta) {
        (Some(message), _) => {
            let lists = ("choices[0].message.tool_calls", "choices[0].message.content");
            let found = parts.in_message(message, lists.0, lists.1)?;
            Ok(found.in_response_of(Format::OpenAiChat))
        }
        (None, Some(delta)) => {
            let what = "choices[0] holds a piece of a stream";
            Err(parts.error(delta, what, "collect the stream into one message first"))
        }
        (None, None) => Err(parts.error(first, "choices[0].message is missing", REMEDY)),
    }
}

/// A list of calls without the message around it.
pub(super) fn in_list<'a>(calls: Vec<&'a RawValue>) -> Found<'a> {
    Found::all(Format::OpenAiChat, "tool_calls", calls)
}

/// Reads one element of `tool_calls`.
///
/// Compatibles leave out `type`, send arguments as an object, and leave them out for a tool that
/// takes none (as OpenRouter does with Bedrock); all three are read. A `null` is not.
pub(super) fn read(raw: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft::new(place);
    let Some(Fields { values, twice }) = fields(raw, ["id", "type", "function", "custom"]) else {
        draft.defect(format_args!("is {}, not an object; send one object a call", kind(raw)));
        return draft;
    };
    let [id, r#type, function, custom] = values;
    draft.read_id("id", id);
    draft.read_twice("", twice);
    let is_function = read_type(&mut draft, some(r#type));
    match function {
        Some(function) => read_function(&mut draft, function, limits),
        None if is_function => draft.defect_in("function", "is missing; name the tool to call"),
        // The name of a custom tool is of use to whoever shows the error.
        None => {
            let custom = custom.and_then(|custom| fields(custom, ["name"]));
            let name = custom.and_then(|custom| custom.values[0]).and_then(string);
            draft.name = name.unwrap_or_default();
        }
    }
    draft
}

fn read_type(draft: &mut Draft, r#type: Option<&RawValue>) -> bool {
    let Some(raw) = r#type else { return true };
    match string(raw) {
        Some(text) if text == "function" => return true,
        Some(text) => {
            let text = super::error::short(&text);
            draft.defect_in("type", format_args!("is {text:?}; only \"function\" can be run"));
        }
        None => draft.defect_in("type", "is not a name; only \"function\" can be run"),
    }
    false
}

/// Reads the object that names the tool and holds its arguments as text.
pub(super) fn read_function(draft: &mut Draft, function: &RawValue, limits: &ParseLimits) {
    let Some(Fields { values: [name, arguments], twice }) = fields(function, ["name", "arguments"])
    else {
        let what = format!("is {}, not an object; give name and arguments", kind(function));
        return draft.defect_in("function", what);
    };
    draft.read_name("function.name", name);
    draft.read_twice("function.", twice);
    draft.read_arguments("function.arguments", Arguments::from_either(arguments, limits));
}

pub(super) fn reply(reply: &Reply<'_>) -> Value {
    json!({ "role": "tool", "tool_call_id": reply.id, "content": reply.content })
}

pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    json!({
        "type": "function",
        "function": { "name": name, "description": description, "parameters": schema },
    })
}
