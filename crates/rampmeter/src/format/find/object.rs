//! An object: its own keys say which format it is in.

use serde_json::value::RawValue;

use super::{Found, Parts};
use crate::format::fields::{fields, kind, some, string};
use crate::format::{Format, ParseError, bedrock, gemini, mcp, openai, responses, stageflow};

/// A part of an object that says how the object is written.
struct Way<'a> {
    written: Written,
    key: &'static str,
    part: &'a RawValue,
}

#[derive(Clone, Copy)]
enum Written {
    Completion,
    Response,
    Message,
    Candidates,
    Content,
    Converse,
    Request,
    Turn,
}

impl Written {
    fn formats(self) -> &'static [Format] {
        match self {
            Self::Completion => &[Format::OpenAiChat],
            Self::Response => &[Format::OpenAiResponses],
            Self::Message => &[Format::OpenAiChat, Format::Anthropic, Format::Bedrock],
            Self::Candidates | Self::Content => &[Format::Gemini],
            Self::Converse => &[Format::Bedrock],
            Self::Request => &[Format::Mcp],
            Self::Turn => &[Format::Stageflow],
        }
    }
}

pub(super) fn find<'a>(parts: &Parts<'a>, whole: &'a RawValue) -> Result<Found<'a>, ParseError> {
    let mut ways = ways(parts, whole)?;
    if let Some(asked) = parts.asked {
        let fits = |way: &Way<'_>| way.written.formats().iter().any(|it| asked.accepts(*it));
        if ways.iter().any(fits) {
            ways.retain(fits);
        }
    }
    let Way { written, part, .. } = match ways.as_slice() {
        [way] => way,
        [] => return Err(neither(parts, whole)),
        several => {
            let told = several.iter().map(|way| match way.written.formats() {
                [format] => format!("{format} ({})", way.key),
                _ => format!("an assistant message ({})", way.key),
            });
            return Err(parts.ambiguous(whole, &told.collect::<Vec<_>>()));
        }
    };
    match written {
        Written::Completion => openai::in_choices(parts, part),
        Written::Response => responses::in_response(parts, whole, part),
        Written::Message => parts.in_message(whole, "tool_calls", "content"),
        Written::Candidates => gemini::in_candidates(parts, part),
        Written::Content => gemini::in_content(parts, whole, "parts"),
        Written::Converse => bedrock::in_output(parts, part),
        Written::Request => mcp::in_request(parts, whole),
        Written::Turn => stageflow::in_turn(parts, whole),
    }
}

/// Everything in an object that says how it is written. Other fields of the same names, such as a
/// text in `output`, are the caller's own.
fn ways<'a>(parts: &Parts<'a>, whole: &'a RawValue) -> Result<Vec<Way<'a>>, ParseError> {
    let keys = ["role", "choices", "candidates", "output", "parts", "jsonrpc", "method"];
    let [role, choices, candidates, output, list, jsonrpc, method] =
        parts.fields(whole, keys, |_| parts.not_assistant(whole))?;
    let begins =
        |part: Option<&'a RawValue>, with: char| part.filter(|part| part.get().starts_with(with));
    let role = some(role);
    let model = role.filter(|role| string(role).as_deref() == Some("model"));
    let asks = method.filter(|method| string(method).as_deref() == Some(mcp::METHOD));
    let all = [
        (Written::Message, "role", role.filter(|_| model.is_none())),
        (Written::Completion, "choices", begins(choices, '[')),
        (Written::Candidates, "candidates", begins(candidates, '[')),
        (Written::Content, "parts", begins(list, '[').or(model)),
        (Written::Response, "output", begins(output, '[')),
        (Written::Converse, "output", begins(output, '{')),
        (Written::Request, "jsonrpc", begins(jsonrpc, '"').or(asks)),
    ];
    let told = all
        .into_iter()
        .filter_map(|(written, key, part)| part.map(|part| Way { written, key, part }));
    let mut ways: Vec<Way<'a>> = told.collect();
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
    let turn = |part, key| Way { written: Written::Turn, key, part };
    let Some(calls) = some(calls) else { return Ok(own.then(|| turn(whole, "final_answer"))) };
    let is_turn = parts.asked == Some(Format::Stageflow) || own || stageflow::is_turn(calls);
    Ok(is_turn.then(|| turn(calls, "tool_calls")))
}

fn neither(parts: &Parts<'_>, whole: &RawValue) -> ParseError {
    let keys = ["error", "choices", "candidates", "tool_calls"];
    let [error, choices, candidates, calls] =
        fields(whole, keys).map_or([None; 4], |found| found.values);
    if let Some(error) = some(error) {
        return parts.provider_error(error);
    }
    for (part, name) in [(choices, "choices"), (candidates, "candidates")] {
        if let Some(part) = some(part) {
            let what = format!("{name} is {}, not an array", kind(part));
            return parts.error(part, &what, "pass a whole response");
        }
    }
    if let Some(calls) = some(calls) {
        let ways = [Format::OpenAiChat, Format::Stageflow].map(|format| format.to_string());
        return parts.ambiguous(calls, &ways);
    }
    parts.not_assistant(whole)
}
