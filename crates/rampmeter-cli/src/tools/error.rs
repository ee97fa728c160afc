//! How a tool can fail.

use std::fmt;
use std::time::Duration;

use super::provider::Throttled;

/// Why a tool gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolError {
    /// The arguments do not fit the tool. Nothing ran.
    BadArguments(String),
    /// The tool could not be started. Nothing ran.
    NotStarted(String),
    /// The tool ran and failed.
    Failed(String),
    /// The tool's provider said "not now", as with the status 429.
    Throttled {
        /// Who refused, and by which quota.
        message: String,
        /// When the provider says to come back, if it says so.
        retry_after: Option<Duration>,
    },
}

impl ToolError {
    /// The provider's refusal as the error of a call.
    pub(crate) fn throttled(provider: &str, refusal: &Throttled) -> Self {
        let quota = &refusal.quota;
        let (advice, retry_after) = match refusal.retry_after_ns {
            0 => ("retry when another request has ended".to_owned(), None),
            u64::MAX => ("this request can never fit: ask for less".to_owned(), None),
            ns => {
                let wait = Duration::from_nanos(ns);
                (format!("retry after {wait:?}"), Some(wait))
            }
        };
        let message = format!("429 from the provider `{provider}` ({quota}): {advice}");
        Self::Throttled { message, retry_after }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadArguments(message)
            | Self::NotStarted(message)
            | Self::Failed(message)
            | Self::Throttled { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for ToolError {}
