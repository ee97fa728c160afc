//! An object: its own keys say which format it is in.

use serde_json::value::RawValue;

use super::{Found, Parts};
use crate::format::error::short;
use crate::format::fields::{fields, some, string};
use crate::format::{Format, ParseError, bedrock, gemini, mcp, openai, responses, stageflow};

/// A part of an object that says in which formats it may be written.
struct Way<'a> {
    key: &'static str,
    formats: &'static [Format],
    part: &'a RawValue,
}

const CHAT: &[Format] = &[Format::OpenAiChat];
const MESSAGE: &[Format] = &[Format::OpenAiChat, Format::Anthropic, Format::Bedrock];
const RESPONSES: &[Format] = &[Format::OpenAiResponses];
const GEMINI: &[Format] = &[Format::Gemini];
const BEDROCK: &[Format] = &[Format::Bedrock];
const MCP: &[Format] = &[Format::Mcp];
const STAGEFLOW: &[Format] = &[Format::Stageflow];

pub(super) fn find<'a>(parts: &Parts<'a>, whole: &'a RawValue) -> Result<Found<'a>, ParseError> {
    let mut ways = ways(parts, whole)?;
    if let Some(asked) = parts.asked {
        let fits = |way: &Way<'_>| way.formats.iter().any(|format| asked.accepts(*format));
        if ways.iter().any(fits) {
            ways.retain(fits);
        }
    }
    let way = match ways.as_slice() {
        [way] => way,
        [] => return Err(neither(parts, whole)),
        several => {
            let told = several.iter().map(|way| match way.formats {
                [format] => format!("{format} ({})", way.key),
                _ => format!("an assistant message ({})", way.key),
            });
            return Err(parts.ambiguous(whole, &told.collect::<Vec<_>>()));
        }
    };
    match (way.key, way.formats) {
        ("choices", _) => openai::in_choices(parts, way.part),
        ("candidates", _) => gemini::in_candidates(parts, way.part),
        ("output", RESPONSES) => Ok(responses::in_output(parts.list(way.part, "output", "item")?)),
        ("output", _) => bedrock::in_output(parts, way.part),
        ("role", GEMINI) | ("parts", _) => gemini::in_content(parts, whole, "parts"),
        (_, MCP) => mcp::in_request(parts, whole),
        (_, STAGEFLOW) => stageflow::in_turn(parts, whole),
        _ => parts.in_message(whole, "tool_calls", "content"),
    }
}

/// Everything in an object that speaks for a format. Other fields of the same names, such as a
/// text in `output`, are the caller's own.
fn ways<'a>(parts: &Parts<'a>, whole: &'a RawValue) -> Result<Vec<Way<'a>>, ParseError> {
    let keys = ["role", "choices", "candidates", "output", "parts", "jsonrpc", "method"];
    let [role, choices, candidates, output, list, jsonrpc, method] =
        parts.fields(whole, keys, |_| parts.not_assistant(whole))?;
    let mut ways = Vec::new();
    let mut add = |key, formats, part: Option<&'a RawValue>, first: char| {
        let part = part.filter(|part| part.get().starts_with(first));
        ways.extend(part.map(|part| Way { key, formats, part }));
    };
    add("choices", CHAT, choices, '[');
    add("candidates", GEMINI, candidates, '[');
    add("output", RESPONSES, output, '[');
    add("output", BEDROCK, output, '{');
    let asks = method.and_then(string).as_deref() == Some(mcp::METHOD);
    add(if asks { "method" } else { "jsonrpc" }, MCP, if asks { method } else { jsonrpc }, '"');
    match some(role) {
        Some(role) => {
            let model = string(role).as_deref() == Some("model");
            ways.push(Way {
                key: "role",
                formats: if model { GEMINI } else { MESSAGE },
                part: role,
            });
        }
        None => add("parts", GEMINI, list, '['),
    }
    // Some gateways name a `provider` in responses of every kind.
    if ways.is_empty() || parts.asked == Some(Format::Stageflow) {
        ways.extend(without_role(parts, whole)?);
    }
    Ok(ways)
}

/// A message without a role or anything else is Stageflow's if it has what only Stageflow's has.
fn without_role<'a>(parts: &Parts<'a>, whole: &'a RawValue) -> Result<Option<Way<'a>>, ParseError> {
    let keys = ["tool_calls", "thought", "final_answer", "provider"];
    let [calls, own @ ..] = parts.fields(whole, keys, |_| parts.not_assistant(whole))?;
    let own = own.into_iter().flatten().next().is_some();
    let asked = parts.asked == Some(Format::Stageflow);
    let Some(calls) = some(calls) else {
        let way = Way { key: "final_answer", formats: STAGEFLOW, part: whole };
        return Ok(own.then_some(way));
    };
    let way = Way { key: "tool_calls", formats: STAGEFLOW, part: calls };
    Ok((own || asked || stageflow::is_turn(calls)).then_some(way))
}

fn neither(parts: &Parts<'_>, whole: &RawValue) -> ParseError {
    let keys = ["error", "choices", "candidates", "tool_calls"];
    let [error, choices, candidates, calls] =
        fields(whole, keys).map_or([None; 4], |found| found.values);
    if let Some(error) = some(error) {
        let what = format!("the provider answered with an error: {}", short(error.get()));
        return parts.error(error, &what, "ask it again");
    }
    for (part, name) in [(choices, "choices"), (candidates, "candidates")] {
        if let Some(part) = some(part) {
            return parts.error(part, &format!("{name} is not an array"), "pass a whole response");
        }
    }
    if let Some(calls) = some(calls) {
        let ways = [Format::OpenAiChat, Format::Stageflow].map(|format| format.to_string());
        return parts.ambiguous(calls, &ways);
    }
    parts.not_assistant(whole)
}
