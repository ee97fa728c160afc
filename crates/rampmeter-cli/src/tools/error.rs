//! How a tool can fail.

use std::fmt;
use std::time::Duration;

use super::provider::Throttled;

/// Why a command gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolError {
    /// The arguments do not fit the tool. Nothing ran.
    BadArguments(String),
    /// The tool could not be started. Nothing ran.
    NotStarted(String),
    /// The tool ran and failed.
    Failed(String),
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadArguments(message) | Self::NotStarted(message) | Self::Failed(message) => {
                f.write_str(message)
            }
        }
    }
}

impl std::error::Error for ToolError {}

/// A provider's refusal as the error of a call. When to come back is said by whoever shows it.
pub(crate) fn throttled(provider: &str, refusal: &Throttled) -> rampmeter::ToolError {
    let (advice, retry_after) = match refusal.retry_after_ns {
        0 => ("; try again when another request has ended", None),
        u64::MAX => ("; it can never fit: ask for less", None),
        ns => ("", Some(Duration::from_nanos(ns))),
    };
    let message = format!("429 from the provider `{provider}` ({}){advice}", refusal.quota);
    rampmeter::ToolError::Overloaded { message, retry_after, may_have_run: false }
}
