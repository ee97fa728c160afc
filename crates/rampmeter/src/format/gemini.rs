//! Gemini: `functionCall` parts in, one `user` content of `functionResponse` parts out.
//!
//! Ids may be missing: then the order of the responses is what pairs them with the calls.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::error::short;
use super::fields::{Fields, fields, kind, some};
use super::find::{Found, Parts};
use super::output::object;
use super::{Format, ParseError, ParseLimits, Reply, ReplyForm};

/// Google's own libraries write the names in either way.
const CALL: [&str; 2] = ["functionCall", "function_call"];

/// Finds the calls of a whole response at its first candidate.
pub(super) fn in_candidates<'a>(
    parts: &Parts<'a>,
    candidates: &'a RawValue,
) -> Result<Found<'a>, ParseError> {
    const REMEDY: &str = "pass a response that has candidates[0].content";
    let first = parts.first(candidates, "candidates", REMEDY)?;
    let missing = || parts.error(first, "candidates[0].content is missing", REMEDY);
    let keys = ["content", "finishReason", "finish_reason"];
    let [content, reason, snake] = parts.fields(first, keys, |_| missing())?;
    let Some(content) = some(content) else {
        // Such as MALFORMED_FUNCTION_CALL or SAFETY: there is no content to look at then.
        let Some(reason) = some(reason).or(some(snake)) else { return Err(missing()) };
        let what = format!("the model gave no content: {}", short(reason.get()));
        return Err(parts.error(reason, &what, "ask it again"));
    };
    in_content(parts, content, "candidates[0].content.parts")
}

/// Finds the calls of one content.
pub(super) fn in_content<'a>(
    parts: &Parts<'a>,
    content: &'a RawValue,
    list: &'static str,
) -> Result<Found<'a>, ParseError> {
    let [written] = parts.fields(content, ["parts"], |kind| {
        let what = format!("the content is {kind}, not an object");
        parts.error(content, &what, "send an object with parts")
    })?;
    let written = some(written).map_or(Ok(Vec::new()), |raw| parts.list(raw, "parts", "part"))?;
    Ok(Found::some(Format::Gemini, list, written, |part| call_in(part).is_some()))
}

fn call_in(part: &RawValue) -> Option<&RawValue> {
    let [camel, snake] = fields(part, CALL)?.values;
    some(camel).or(some(snake))
}

/// Reads one part that holds a call.
pub(super) fn read(part: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft { form: ReplyForm::NoId, ..Draft::new(place) };
    let outer = fields(part, CALL);
    draft.read_twice("", outer.as_ref().and_then(|found| found.twice));
    if outer.is_some_and(|found| found.values.into_iter().flatten().count() == 2) {
        draft.defect("has functionCall and function_call; write one of them");
    }
    let keys = ["id", "name", "args", "partialArgs", "willContinue"];
    let call = call_in(part);
    let Some(Fields { values, twice }) = call.and_then(|call| fields(call, keys)) else {
        let kind = call.map_or("missing", kind);
        draft.defect_in(CALL[0], format_args!("is {kind}, not an object; give name and args"));
        return draft;
    };
    let [id, name, arguments, partial, goes_on] = values;
    if let Some(id) = some(id).filter(|id| id.get() != "\"\"") {
        draft.read_id("functionCall.id", Some(id));
        if draft.id.is_some() {
            draft.form = ReplyForm::Usual;
        }
    }
    draft.read_name("functionCall.name", name);
    draft.read_twice("functionCall.", twice);
    if some(partial).is_some() || goes_on.is_some_and(|flag| flag.get() == "true") {
        let what = "is a piece of a stream; collect the stream into one message first";
        draft.defect_in(CALL[0], what);
    }
    let arguments = some(arguments).map(|raw| Arguments::from_value(raw, limits));
    draft
        .read_arguments("functionCall.args", arguments.unwrap_or_else(|| Ok(Arguments::default())));
    draft
}

pub(super) fn replies(replies: &[Reply<'_>]) -> Value {
    let parts: Vec<Value> = replies.iter().map(part).collect();
    json!({ "role": "user", "parts": parts })
}

/// The API knows two keys of a response, `output` and `error`, so a tool's own data, which may have
/// such keys too, stands below one of them.
fn part(reply: &Reply<'_>) -> Value {
    let mut response = Map::new();
    if reply.form != ReplyForm::NoId {
        response.insert("id".into(), reply.id.into());
    }
    response.insert("name".into(), reply.name.into());
    let told = match reply.is_error {
        true => json!({ "error": reply.content }),
        false => json!({ "output": object(reply.content).unwrap_or_else(|| reply.content.into()) }),
    };
    response.insert("response".into(), told);
    json!({ "functionResponse": response })
}

pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "description": description, "parametersJsonSchema": schema })
}
