//! From what a model wrote to calls of tools.

use crate::format::{self, Asked, Format, ParseError, ParseLimits};
use crate::registry::{Registry, UnknownTool};
use crate::tool::Tool;

/// A model's answer whose calls have found their tools.
#[derive(Clone, Debug)]
pub struct ResolvedTurn {
    /// How the answer was written, and its results will be.
    pub format: Format,
    /// The calls in the model's order.
    pub calls: Vec<ResolvedCall>,
}

/// One call, and the tool that it means.
#[derive(Clone, Debug)]
pub struct ResolvedCall {
    /// What the model wrote. It may be malformed.
    pub asked: Asked,
    /// The tool, if there is one of that name.
    pub tool: Result<Tool, UnknownTool>,
}

/// Reads one assistant message (or a whole response with one) and finds the tools of its calls.
/// A call that is malformed or names no tool keeps its place and becomes its own error; its
/// siblings go on.
///
/// # Errors
/// The text as a whole is not an assistant message.
pub fn parse_and_resolve(
    text: &str,
    registry: &Registry,
    limits: &ParseLimits,
) -> Result<ResolvedTurn, ParseError> {
    let message = format::parse(text, limits)?;
    let calls = message.calls.into_iter().map(|asked| {
        let tool = registry.find(&asked.name).cloned();
        ResolvedCall { asked, tool }
    });
    Ok(ResolvedTurn { format: message.format, calls: calls.collect() })
}
