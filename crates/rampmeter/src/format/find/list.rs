//! A list without anything around it: its elements say which format it is in.

use serde_json::value::RawValue;

use super::{Found, Parts};
use crate::format::fields::{Fields, elements, fields, string};
use crate::format::{Format, ParseError, mcp, openai, responses, stageflow};

/// The formats that have such lists.
const ALL: [Format; 4] =
    [Format::OpenAiChat, Format::OpenAiResponses, Format::McpBatch, Format::Stageflow];

pub(super) fn find<'a>(parts: &Parts<'a>, whole: &'a RawValue) -> Result<Found<'a>, ParseError> {
    let list = elements(whole).unwrap_or_default();
    let spoken: Vec<&[Format]> =
        list.iter().map(|element| formats(element)).filter(|formats| !formats.is_empty()).collect();
    let asked = ALL.into_iter().find(|format| parts.asked.is_some_and(|it| it.accepts(*format)));
    let format = match (spoken.first(), asked) {
        (None, Some(asked)) => asked,
        (None, None) => {
            let what = "the message is an array, not an object";
            return Err(parts.error(whole, what, "pass one assistant message"));
        }
        // The first element decides: one that is written in another format is malformed, and takes
        // no sibling with it. Where the first one leaves two formats open, the others settle it.
        (Some([format]), _) => *format,
        (Some(open), asked) => {
            let all = |format: &Format| spoken.iter().all(|formats| formats.contains(format));
            let left: Vec<Format> = open.iter().copied().filter(all).collect();
            match (left.as_slice(), asked.filter(|asked| open.contains(asked))) {
                (_, Some(format)) => format,
                ([format], None) => *format,
                _ => {
                    let told: Vec<String> = open.iter().map(ToString::to_string).collect();
                    return Err(parts.ambiguous(whole, &told));
                }
            }
        }
    };
    Ok(match format {
        Format::McpBatch => mcp::in_batch(list),
        Format::OpenAiResponses => responses::in_output(list),
        Format::OpenAiChat => openai::in_list(list),
        _ => stageflow::in_list(list),
    })
}

/// The formats for which an element speaks; none for one that could stand in any.
fn formats(element: &RawValue) -> &'static [Format] {
    let keys = ["jsonrpc", "method", "type", "function", "name"];
    let Some(Fields { values, .. }) = fields(element, keys) else { return &[] };
    let [jsonrpc, method, r#type, function, name] = values;
    if jsonrpc.is_some() || method.and_then(string).as_deref() == Some(mcp::METHOD) {
        return &[Format::McpBatch];
    }
    match r#type.and_then(string) {
        Some(text) if responses::is_item(&text) => &[Format::OpenAiResponses],
        Some(text) if text != "function" => &[],
        _ if name.is_some() => &[Format::Stageflow],
        _ if function.is_some() => &[Format::OpenAiChat, Format::Stageflow],
        _ => &[],
    }
}
