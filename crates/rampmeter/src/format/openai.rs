//! OpenAI Chat: `tool_calls` in, `tool` messages out.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::fields::{Fields, fields, kind, some, string};
use super::{ParseLimits, Reply};

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
    draft.read_id(id);
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

fn read_function(draft: &mut Draft, function: &RawValue, limits: &ParseLimits) {
    let Some(Fields { values: [name, arguments], twice }) = fields(function, ["name", "arguments"])
    else {
        let what = format!("is {}, not an object; give name and arguments", kind(function));
        return draft.defect_in("function", what);
    };
    draft.read_name("function.name", name);
    draft.read_twice("function.", twice);
    let arguments = match arguments {
        None => Ok(Arguments::default()),
        Some(raw) if raw.get().starts_with('"') => Arguments::from_string(raw, limits),
        Some(raw) => Arguments::from_value(raw, limits),
    };
    match arguments {
        Ok(arguments) => draft.arguments = Some(arguments),
        Err(what) => draft.defect_in("function.arguments", what),
    }
}

pub(super) fn render(replies: &[Reply<'_>]) -> Vec<Value> {
    let message = |reply: &Reply<'_>| json!({ "role": "tool", "tool_call_id": reply.id, "content": reply.content });
    replies.iter().map(message).collect()
}
