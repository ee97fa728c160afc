//! Stageflow: what its agents' model writes and what its `parse_and_resolve` takes in, the results
//! that its agents keep out.
//!
//! A result is an `AgentToolResult`; Stageflow's own `build_tool_message` makes of it what the model
//! reads, with the safeguards that are Stageflow's to choose.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::arguments::Arguments;
use super::call::{Draft, Place};
use super::fields::{Fields, elements, fields, kind, some, string};
use super::find::{Found, Parts};
use super::openai::read_function;
use super::output::object;
use super::{Format, ParseError, ParseLimits, Reply};

/// Finds the calls of an agent's turn, or of a normalised response.
pub(super) fn in_turn<'a>(parts: &Parts<'a>, turn: &'a RawValue) -> Result<Found<'a>, ParseError> {
    let keys = ["tool_calls", "final_answer"];
    let [calls, answer] = parts.fields(turn, keys, |_| parts.not_assistant(turn))?;
    let calls = some(calls);
    let calls = calls.map_or(Ok(Vec::new()), |raw| parts.list(raw, "tool_calls", "object"))?;
    let answer = some(answer).filter(|raw| string(raw).is_none_or(|text| !text.trim().is_empty()));
    if let (Some(answer), false) = (answer, calls.is_empty()) {
        // Stageflow refuses it as well: it is open whether the agent is done.
        let what = "the turn has tool_calls and a final_answer";
        return Err(parts.error(answer, what, "write one of the two"));
    }
    Ok(in_list(calls))
}

/// A list of calls without anything around it.
pub(super) fn in_list<'a>(calls: Vec<&'a RawValue>) -> Found<'a> {
    Found::all(Format::Stageflow, "tool_calls", calls)
}

/// Whether a turn without a role can only be Stageflow's: OpenAI nests the name one deeper.
pub(super) fn is_turn(calls: &RawValue) -> bool {
    let has_name =
        |call: &RawValue| fields(call, ["name"]).is_some_and(|found| found.values[0].is_some());
    elements(calls).is_some_and(|list| list.into_iter().any(has_name))
}

/// Reads one call: `function` with a name and arguments, as `parse_and_resolve` looks for it first,
/// or both in the call itself. A call without id gets one, as Stageflow's agents give it.
pub(super) fn read(call: &RawValue, place: Place, limits: &ParseLimits) -> Draft {
    let mut draft = Draft::new(place);
    let keys = ["id", "call_id", "function", "name", "arguments"];
    let Some(Fields { values, twice }) = fields(call, keys) else {
        draft.defect(format_args!("is {}, not an object; send one object a call", kind(call)));
        return draft;
    };
    let [id, call_id, function, name, arguments] = values;
    let written = |raw: Option<&RawValue>| some(raw).is_some_and(|raw| raw.get() != "\"\"");
    for (field, id) in [("call_id", call_id), ("id", id)] {
        if written(id) {
            let other = draft.id.take();
            draft.read_id(field, id);
            if other.is_some() && other != draft.id {
                draft.defect("has an id and a call_id that differ; write one");
            }
        }
    }
    draft.read_twice("", twice);
    if let Some(function) = some(function) {
        read_function(&mut draft, function, limits);
        return draft;
    }
    draft.read_name("name", name);
    draft.read_arguments("arguments", Arguments::from_either(arguments, limits));
    draft
}

pub(super) fn reply(reply: &Reply<'_>) -> Value {
    let Reply { id, name, content, is_error, .. } = *reply;
    let (data, error) = match is_error {
        true => (Value::Null, content.into()),
        false => {
            let data = object(content).unwrap_or_else(|| json!({ "output": content }));
            (data, Value::Null)
        }
    };
    json!({ "call_id": id, "name": name, "success": !is_error, "data": data, "error": error })
}

/// The plain fields of a `ToolDefinition`.
pub(super) fn definition(name: &str, description: &str, schema: &Value) -> Value {
    json!({
        "name": name,
        "action_type": name,
        "description": description,
        "input_schema": schema,
    })
}
