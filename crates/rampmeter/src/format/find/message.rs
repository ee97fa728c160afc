//! An object with a role: OpenAI Chat, Anthropic and Bedrock, told apart by where the calls stand.

use serde_json::value::RawValue;

use super::{Found, Parts};
use crate::format::fields::{elements, fields, kind, some, string};
use crate::format::{Format, ParseError, anthropic, bedrock};

impl<'a> Parts<'a> {
    /// Finds the calls of one message. `calls` and `content` name its lists in errors.
    pub(in crate::format) fn in_message(
        &self,
        message: &'a RawValue,
        calls: &'static str,
        content: &'static str,
    ) -> Result<Found<'a>, ParseError> {
        let keys = ["role", "content", "tool_calls", "function_call"];
        let [role, written, tool_calls, old] =
            self.fields(message, keys, |_| self.not_assistant(message))?;
        if role.and_then(string).as_deref() != Some("assistant") {
            return Err(self.not_assistant(role.unwrap_or(message)));
        }
        let tool_calls = some(tool_calls);
        let listed = tool_calls.map(|raw| self.list(raw, "tool_calls", "object"));
        let calls = Found::all(Format::OpenAiChat, calls, listed.transpose()?.unwrap_or_default());
        let blocks = self.blocks(written, !calls.calls.is_empty())?;
        let found = in_blocks(content, &blocks);
        match (calls.calls.first(), found.calls.first()) {
            (Some(_), None) => Ok(calls),
            (None, Some(_)) => Ok(found),
            (Some((place, _)), Some((at, block))) => {
                let what = format!("calls stand in {place} and in {at}");
                Err(self.error(block, &what, "write them in one of the two"))
            }
            (None, None) => match some(old) {
                Some(old) => {
                    let what = "function_call is out of use and not read";
                    Err(self.error(old, what, "write the call in tool_calls"))
                }
                None => {
                    let listed = tool_calls.is_some();
                    let format = self.without_calls(message, listed, written, &blocks);
                    Ok(Found { format, calls: Vec::new() })
                }
            },
        }
    }

    /// The blocks of a content. One of an unknown shape might hold calls, so it is an error unless
    /// they were found elsewhere.
    fn blocks(
        &self,
        content: Option<&'a RawValue>,
        found_elsewhere: bool,
    ) -> Result<Vec<&'a RawValue>, ParseError> {
        let Some(raw) = some(content) else { return Ok(Vec::new()) };
        match elements(raw) {
            Some(list) => Ok(list),
            None if found_elsewhere || raw.get().starts_with('"') => Ok(Vec::new()),
            None => {
                let what = format!("content is {}, neither text nor an array", kind(raw));
                Err(self.error(raw, &what, "send text or an array of blocks"))
            }
        }
    }

    /// The format of a message that holds no call: as asked for, else as it seems to be written.
    fn without_calls(
        &self,
        message: &RawValue,
        listed: bool,
        content: Option<&RawValue>,
        blocks: &[&RawValue],
    ) -> Format {
        let of_these = [Format::OpenAiChat, Format::Anthropic, Format::Bedrock];
        if let Some(asked) = self.asked.filter(|asked| of_these.contains(asked)) {
            return asked;
        }
        let r#type = |part| fields(part, ["type"]).and_then(|found| found.values[0]);
        let in_blocks = content.is_some_and(|raw| raw.get().starts_with('['));
        let untyped = blocks.first().is_some_and(|block| r#type(block).is_none());
        let typed = r#type(message).and_then(string).as_deref() == Some("message");
        match (listed, in_blocks || typed) {
            (false, _) if untyped => Format::Bedrock,
            (false, true) => Format::Anthropic,
            _ => Format::OpenAiChat,
        }
    }
}

/// The calls among a message's blocks. The first one says whose they are: one that is written as
/// another's is malformed, and takes no sibling with it.
fn in_blocks<'a>(list: &'static str, blocks: &[&'a RawValue]) -> Found<'a> {
    let is_call = |block: &RawValue| anthropic::is_call(block) || bedrock::is_call(block);
    let found = Found::some(Format::Anthropic, list, blocks.to_vec(), is_call);
    match found.calls.first() {
        Some((_, first)) if bedrock::is_call(first) => Found { format: Format::Bedrock, ..found },
        _ => found,
    }
}
