//! From the text to the calls: find them, read each by itself, compare them.

use serde_json::value::RawValue;

use super::call::settle;
use super::find::find;
use super::{Format, Message, ParseError, ParseLimits};
use super::{anthropic, bedrock, gemini, mcp, openai, responses, stageflow};

pub(super) fn parse(text: &str, limits: &ParseLimits) -> Result<Message, ParseError> {
    let whole: &RawValue =
        serde_json::from_str(text).map_err(|error| ParseError::syntax(text, &error))?;
    let found = find(text, whole, limits.format)?;
    let read = match found.format {
        Format::OpenAiChat => openai::read,
        Format::OpenAiResponses => responses::read,
        Format::Anthropic => anthropic::read,
        Format::Gemini => gemini::read,
        Format::Bedrock => bedrock::read,
        Format::Mcp | Format::McpBatch => mcp::read,
        Format::Stageflow => stageflow::read,
    };
    let drafts = found.calls.into_iter().enumerate().map(|(index, (place, raw))| {
        let mut draft = read(raw, place, limits);
        if index >= limits.max_calls {
            // Its id and name are kept: it gets a reply like any other.
            draft.arguments = None;
            draft.defects.clear();
            let max = limits.max_calls;
            draft.defect(format_args!(
                "is past the limit of {max} calls a message; ask for fewer at once"
            ));
        }
        draft
    });
    Ok(Message { format: found.format, calls: settle(drafts.collect()) })
}
