//! One assistant message in, tool calls out; tool results in, messages of the same format out.
//!
//! [`parse`] reads OpenAI Chat and Anthropic Messages, bare or inside the provider's whole response,
//! and tells them apart itself. Arguments stay opaque [`Arguments`] until a tool wants them. A call
//! that cannot be read keeps its place among its siblings and carries a [`Malformed`] instead of
//! arguments, so that one bad call never takes another with it.
//!
//! ```
//! # use rampmeter::format::{ParseLimits, Reply, parse};
//! let text = r#"{"role":"assistant","tool_calls":[{"id":"a1","type":"function",
//!     "function":{"name":"search","arguments":"{\"q\":\"ramp\"}"}}]}"#;
//! let message = parse(text, &ParseLimits::default())?;
//! let call = &message.calls[0];
//! assert_eq!(call.name, "search");
//! let reply = Reply { id: &call.id, name: &call.name, content: "3 hits", is_error: false };
//! assert_eq!(message.format.render(&[reply])[0]["tool_call_id"], "a1");
//! # Ok::<(), rampmeter::format::ParseError>(())
//! ```

mod anthropic;
mod arguments;
mod call;
mod error;
mod fields;
mod find;
mod message;
mod openai;
mod path;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

pub use arguments::{Arguments, ArgumentsError};
pub use call::{Asked, Malformed};
pub use error::ParseError;

/// Reads one assistant message, or one whole response that holds it.
///
/// A whole chat completion is read at `choices[0]`; later choices are alternatives, not calls.
/// Text, reasoning, calls that the provider runs itself (`server_tool_use`) and unknown fields are
/// passed over; a message without calls is a turn of zero calls. Nothing is copied but ids, names
/// and arguments.
///
/// # Errors
///
/// [`ParseError`] when the text is not JSON, not an assistant message, or leaves open which calls
/// were asked for (`tool_calls` is not an array, a key stands twice). Whatever is wrong with a
/// single call is in that call's [`Asked::arguments`] instead.
pub fn parse(text: &str, limits: &ParseLimits) -> Result<Message, ParseError> {
    message::parse(text, limits)
}

/// The calls of one assistant message, in the order the model wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How the message was written, and so how its replies must be.
    pub format: Format,
    /// One for each call the model wrote, readable or not: `calls[i].index == i`.
    pub calls: Vec<Asked>,
}

/// Bounds on what [`parse`] accepts of one call and one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseLimits {
    /// The most bytes of arguments, decoded, that a call may carry (default 1 MiB).
    pub max_arguments: usize,
    /// The most calls that are read; each later one becomes [`Malformed`] (default 10,000).
    pub max_calls: usize,
    /// How deep arguments may nest (default 127: as deep as `serde_json` reads into a value).
    pub max_depth: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_arguments: 1 << 20, max_calls: 10_000, max_depth: 127 }
    }
}

/// How a model's message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenAI Chat Completions, and the compatibles that speak it.
    OpenAiChat,
    /// Anthropic Messages.
    Anthropic,
}

/// The result of one call, on its way back to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// [`Asked::id`] of the call.
    pub id: &'a str,
    /// [`Asked::name`] of the call; neither format of this version writes it.
    pub name: &'a str,
    /// What the model is to read. OpenAI Chat has no error mark, so an error must say so here.
    pub content: &'a str,
    /// Whether the call failed or was refused.
    pub is_error: bool,
}

impl Format {
    /// Writes the replies as messages to append after the assistant's, in the order given.
    ///
    /// OpenAI Chat gets one `tool` message a reply, Anthropic one `user` message with them all;
    /// no replies, no messages.
    #[must_use]
    pub fn render(self, replies: &[Reply<'_>]) -> Vec<Value> {
        match self {
            Self::OpenAiChat => openai::render(replies),
            Self::Anthropic => anthropic::render(replies),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OpenAiChat => "openai-chat",
            Self::Anthropic => "anthropic",
        })
    }
}
