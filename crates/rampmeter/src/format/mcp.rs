//! The Model Context Protocol: `tools/call` requests in, JSON-RPC responses out.
//!
//! Here the one who asks is a client, not a model, but what it asks for is the same.

use serde_json::value::RawValue;
use serde_json::{Number, Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::error::short;
use super::fields::{Fields, fields, kind, some, string};
use super::find::{Found, Parts};
use super::{Format, ParseError, ParseLimits, Reply, ReplyForm};

pub(super) const METHOD: &str = "tools/call";

/// One request.
pub(super) fn in_request<'a>(
    parts: &Parts<'a>,
    request: &'a RawValue,
) -> Result<Found<'a>, ParseError> {
    let [method] = parts.fields(request, ["method"], |_| parts.not_assistant(request))?;
    match method.and_then(string) {
        Some(method) if method == METHOD => {
            let place = Place::alone("request");
            Ok(Found { format: Format::Mcp, calls: vec![(place, request)] })
        }
        _ => {
            let what = method.map_or("missing".into(), |method| short(method.get()));
            let what = format!("the method is {what}, not \"{METHOD}\"");
            Err(parts.error(method.unwrap_or(request), &what, "pass a request to call a tool"))
        }
    }
}

/// The requests of a batch. Other notifications and responses are passed over; a request of another
/// method is answered like a call that is malformed, so that nobody waits for it in vain.
pub(super) fn in_batch<'a>(requests: Vec<&'a RawValue>) -> Found<'a> {
    Found::some(Format::McpBatch, "batch", requests, |request| {
        let keys = ["method", "id", "result", "error"];
        let Some(found) = fields(request, keys) else { return true };
        match found.values {
            [None, _, result, error] => result.or(error).is_none(),
            [Some(method), id, ..] => id.is_some() || string(method).as_deref() == Some(METHOD),
        }
    })
}

/// Reads one request.
pub(super) fn read(request: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft { form: ReplyForm::NoId, ..Draft::new(place) };
    let Some(Fields { values, twice }) = fields(request, ["id", "method", "params"]) else {
        draft.defect(format_args!("is {}, not an object; send one request a call", kind(request)));
        return draft;
    };
    let [id, method, params] = values;
    draft.read_twice("", twice);
    read_id(&mut draft, id);
    if method.and_then(string).as_deref() != Some(METHOD) {
        let method = method.map_or("missing".into(), |method| short(method.get()));
        draft.defect_in("method", format_args!("is {method}; only \"{METHOD}\" is answered here"));
        return draft;
    }
    let Some(Fields { values: [name, arguments], twice }) =
        params.and_then(|params| fields(params, ["name", "arguments"]))
    else {
        let kind = params.map_or("missing", kind);
        draft.defect_in("params", format_args!("is {kind}, not an object; name the tool to call"));
        return draft;
    };
    draft.read_name("params.name", name);
    draft.read_twice("params.", twice);
    let arguments = arguments.map(|raw| Arguments::from_value(raw, limits));
    draft.read_arguments("params.arguments", arguments.unwrap_or_else(|| Ok(Arguments::default())));
    draft
}

/// An id is a text or a whole number, and must come back as what it was.
fn read_id(draft: &mut Draft, raw: Option<&RawValue>) {
    let whole = some(raw).filter(|raw| whole_number(raw.get()).is_some());
    if let Some(number) = whole {
        draft.id = Some(number.get().to_owned());
        draft.form = ReplyForm::NumberId;
        return;
    }
    draft.read_id("id", raw);
    if draft.id.is_some() {
        draft.form = ReplyForm::Usual;
    }
}

/// One that comes back digit for digit.
fn whole_number(text: &str) -> Option<Number> {
    let number: Number = serde_json::from_str(text).ok()?;
    (!number.is_f64() && number.to_string() == text).then_some(number)
}

/// Whatever is wrong with a call that has an id is told in its result, where a model can read it
/// and put it right. A request without one is answered as JSON-RPC has it.
pub(super) fn reply(reply: &Reply<'_>) -> Value {
    let Reply { id, content, is_error, form, .. } = *reply;
    let id: Value = match form {
        ReplyForm::NoId => {
            let error = json!({ "code": INVALID_REQUEST, "message": content });
            return json!({ "jsonrpc": "2.0", "id": null, "error": error });
        }
        ReplyForm::NumberId => whole_number(id).map_or_else(|| id.into(), Value::Number),
        ReplyForm::Usual | ReplyForm::Custom => id.into(),
    };
    json!({ "jsonrpc": "2.0", "id": id, "result": {
        // Required since the revision 2026-07-28; earlier ones let a result have any field.
        "resultType": "complete",
        "content": [{ "type": "text", "text": content }],
        "isError": is_error,
    } })
}

const INVALID_REQUEST: i32 = -32_600;

pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "description": description, "inputSchema": schema })
}
