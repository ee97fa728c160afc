//! Finds the assistant message in a text, tells its format, and lists the calls in it, unread.

use serde_json::value::RawValue;

use super::error::short;
use super::fields::{Fields, elements, fields, kind, some, string};
use super::{Format, ParseError, anthropic};

/// The calls of one message, and where they stand.
pub(super) struct Found<'a> {
    pub(super) format: Format,
    pub(super) list: &'static str,
    pub(super) calls: Calls<'a>,
}

/// Each call with its position in the list that holds it.
type Calls<'a> = Vec<(usize, &'a RawValue)>;

/// Looks through `whole`, which must be a slice of `text` so that an error can tell its place.
pub(super) fn find<'a>(text: &'a str, whole: &'a RawValue) -> Result<Found<'a>, ParseError> {
    Finder { text, whole }.find()
}

struct Finder<'a> {
    text: &'a str,
    whole: &'a RawValue,
}

impl<'a> Finder<'a> {
    fn find(&self) -> Result<Found<'a>, ParseError> {
        let Some(Fields { values: [role, choices], twice }) =
            fields(self.whole, ["role", "choices"])
        else {
            let what = format!("the message is {}, not an object", kind(self.whole));
            return Err(self.error(self.whole, &what, "pass one assistant message"));
        };
        if let Some(key) = twice {
            return Err(self.twice(self.whole, key));
        }
        match (role, some(choices)) {
            (Some(_), _) => self.in_message(self.whole, "tool_calls"),
            (None, Some(choices)) => self.in_choices(choices),
            (None, None) => Err(self.neither()),
        }
    }

    fn in_choices(&self, choices: &'a RawValue) -> Result<Found<'a>, ParseError> {
        const REMEDY: &str = "pass a response that has choices[0].message";
        let answers = elements(choices).unwrap_or_default();
        let Some(first) = answers.first() else {
            return Err(self.error(choices, "choices holds no answer", REMEDY));
        };
        match fields(first, ["message", "delta"]) {
            Some(Fields { twice: Some(key), .. }) => Err(self.twice(first, key)),
            Some(Fields { values: [Some(message), _], .. }) => {
                self.in_message(message, "choices[0].message.tool_calls")
            }
            Some(Fields { values: [None, Some(delta)], .. }) => {
                let what = "choices[0] holds a piece of a stream";
                Err(self.error(delta, what, "collect the stream into one message first"))
            }
            _ => Err(self.error(first, "choices[0].message is missing", REMEDY)),
        }
    }

    fn in_message(
        &self,
        message: &'a RawValue,
        list: &'static str,
    ) -> Result<Found<'a>, ParseError> {
        let keys = ["role", "content", "tool_calls", "function_call"];
        let Some(Fields { values: [role, content, tool_calls, old], twice }) =
            fields(message, keys)
        else {
            return Err(self.not_assistant(message));
        };
        if let Some(key) = twice {
            return Err(self.twice(message, key));
        }
        if role.and_then(string).as_deref() != Some("assistant") {
            return Err(self.not_assistant(role.unwrap_or(message)));
        }
        let tool_calls = some(tool_calls);
        let calls = self.in_tool_calls(tool_calls)?;
        let blocks = self.in_content(content, !calls.is_empty())?;
        if let (Some((at, block)), false) = (blocks.first(), calls.is_empty()) {
            let what = format!("calls stand in {list} and in content[{at}]");
            return Err(self.error(block, &what, "write them in one of the two"));
        }
        if let (Some(old), true) = (some(old), calls.is_empty() && blocks.is_empty()) {
            let what = "function_call is out of use and not read";
            return Err(self.error(old, what, "write the call in tool_calls"));
        }
        let anthropic = tool_calls.is_none() && in_blocks(message, content);
        Ok(if anthropic || !blocks.is_empty() {
            Found { format: Format::Anthropic, list: "content", calls: blocks }
        } else {
            Found { format: Format::OpenAiChat, list, calls }
        })
    }

    fn in_tool_calls(&self, list: Option<&'a RawValue>) -> Result<Calls<'a>, ParseError> {
        let Some(raw) = list else { return Ok(Vec::new()) };
        let list = elements(raw).ok_or_else(|| {
            let what = format!("tool_calls is {}, not an array", kind(raw));
            self.error(raw, &what, "send an array with one object a call")
        })?;
        Ok(list.into_iter().enumerate().collect())
    }

    /// The blocks that are calls. Content of an unknown shape might hold some, so it is an error
    /// unless the calls were found elsewhere.
    fn in_content(
        &self,
        content: Option<&'a RawValue>,
        found_elsewhere: bool,
    ) -> Result<Calls<'a>, ParseError> {
        let Some(raw) = some(content) else { return Ok(Vec::new()) };
        match elements(raw) {
            Some(list) => {
                let blocks = list.into_iter().enumerate();
                Ok(blocks.filter(|(_, block)| anthropic::is_call(block)).collect())
            }
            None if found_elsewhere || raw.get().starts_with('"') => Ok(Vec::new()),
            None => {
                let what = format!("content is {}, neither text nor an array", kind(raw));
                Err(self.error(raw, &what, "send text or an array of blocks"))
            }
        }
    }

    fn neither(&self) -> ParseError {
        let error = fields(self.whole, ["error"]).and_then(|found| some(found.values[0]));
        let Some(error) = error else { return self.not_assistant(self.whole) };
        let what = format!("the provider answered with an error: {}", short(error.get()));
        self.error(error, &what, "ask it again")
    }

    fn not_assistant(&self, part: &RawValue) -> ParseError {
        let what = match part.get().starts_with('"') {
            true => format!("the role is {}, not \"assistant\"", short(part.get())),
            false => "there is no \"role\": \"assistant\"".to_owned(),
        };
        self.error(part, &what, "pass an assistant message of OpenAI Chat or Anthropic Messages")
    }

    /// With a key written twice it is open which of the two holds the calls.
    fn twice(&self, part: &RawValue, key: &str) -> ParseError {
        self.error(part, &format!("the key {key} stands twice in this object"), "write it once")
    }

    /// An error at a part of the text: parts are slices of it, so their addresses say where.
    fn error(&self, part: &RawValue, what: &str, remedy: &str) -> ParseError {
        let offset = part.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        ParseError::at(self.text, offset, format!("{what}; {remedy}"))
    }
}

/// Whether a message that need not hold any call is written as Anthropic's are.
fn in_blocks(message: &RawValue, content: Option<&RawValue>) -> bool {
    let r#type = fields(message, ["type"]).and_then(|found| found.values[0]);
    content.is_some_and(|raw| raw.get().starts_with('['))
        || r#type.and_then(string).as_deref() == Some("message")
}
