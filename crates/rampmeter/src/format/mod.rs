//! One assistant message in, tool calls out; tool results in, messages of the same format out.
//!
//! [`parse`] reads every [`Format`], bare or inside the provider's whole response, and tells them
//! apart itself. Arguments stay opaque [`Arguments`] until a tool wants them. A call that cannot be
//! read keeps its place among its siblings and carries a [`Malformed`] instead of arguments, so
//! that one bad call never takes another with it.
//!
//! ```
//! # use rampmeter::format::{ParseLimits, Reply, parse};
//! let text = r#"{"role":"assistant","tool_calls":[{"id":"a1","type":"function",
//!     "function":{"name":"search","arguments":"{\"q\":\"ramp\"}"}}]}"#;
//! let message = parse(text, &ParseLimits::default())?;
//! let reply = Reply { content: "3 hits", ..Reply::to(&message.calls[0]) };
//! assert_eq!(message.format.render(&[reply])[0]["tool_call_id"], "a1");
//! # Ok::<(), rampmeter::format::ParseError>(())
//! ```

mod anthropic;
mod arguments;
mod bedrock;
mod call;
mod error;
mod fields;
mod find;
mod formats;
mod gemini;
mod mcp;
mod message;
mod openai;
mod output;
mod path;
mod reply;
mod responses;
mod stageflow;
#[cfg(test)]
mod tests;

pub use arguments::{Arguments, ArgumentsError};
pub use call::{Asked, Malformed};
pub use error::ParseError;
pub use formats::{Format, UnknownFormat};
pub use reply::{Reply, ReplyForm};

/// Reads one assistant message, or one whole response that holds it.
///
/// Of a whole response the first answer is read; later ones are alternatives, not calls. Text,
/// reasoning, calls that the provider runs itself and unknown fields are passed over; a message
/// without calls is a turn of zero calls. Nothing is copied but ids, names and arguments.
///
/// # Errors
///
/// [`ParseError`] when the text is not JSON, not an assistant message, may be read in more than one
/// format, or leaves open which calls were asked for (`tool_calls` is not an array, a key stands
/// twice). Whatever is wrong with a single call is in that call's [`Asked::arguments`] instead.
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
    /// The one format to accept (default: any, told from the message). It decides what would be
    /// ambiguous; a message that is plainly written in another is an error.
    pub format: Option<Format>,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_arguments: 1 << 20, max_calls: 10_000, max_depth: 127, format: None }
    }
}
