//! A "no" in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core::Reason;

/// A call was refused: why, by which limit, and when to come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The tool that was not run.
    pub tool: Arc<str>,
    /// Why.
    pub reason: Reason,
    /// The limit that said no, if it was one; a key as `key NAME`.
    pub limit: Option<Arc<str>>,
    /// When asking again could be answered otherwise.
    pub retry: Retry,
    /// How long it had waited.
    pub waited: Duration,
    /// What exactly was wrong, where the reason alone would not tell.
    pub detail: Option<String>,
}

/// When asking again could be answered otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// After this long.
    After(Duration),
    /// When other calls have ended.
    OnRelease,
    /// When the limit is resumed.
    OnResume,
    /// Never: the call itself must change.
    Never,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused", self.tool)?;
        if let Some(limit) = &self.limit {
            write!(f, " by {}", in_words(limit))?;
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}")?,
            None => write!(f, ": {}", Why(self.reason, self.waited))?,
        }
        if !self.waited.is_zero() {
            write!(f, " (it waited {:.1?})", self.waited)?;
        }
        match self.retry {
            Retry::After(wait) => write!(f, "; try again in {wait:.1?}"),
            Retry::OnRelease => f.write_str("; try again when other calls have ended"),
            Retry::OnResume => f.write_str("; try again when the limit is resumed"),
            Retry::Never => f.write_str("; trying again will not help"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The reason of a refusal after that wait. What is refused before any has not come too late yet.
pub(crate) struct Why(pub(crate) Reason, pub(crate) Duration);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why(Reason::QueueTimeout, Duration::ZERO) => {
                f.write_str("it would not start within the time it may wait")
            }
            Why(Reason::Deadline, Duration::ZERO) => {
                f.write_str("it would not start before its deadline")
            }
            Why(reason, _) => reason.fmt(f),
        }
    }
}

/// A key as it is named in the place of a limit.
pub(crate) fn named_as_key(name: &str) -> Arc<str> {
    format!("key {name}").into()
}

/// The key that is named in the place of a limit.
pub(crate) fn key_name(limit: &str) -> Option<&str> {
    limit.strip_prefix("key ")
}

/// "limit NAME" or "key NAME".
pub(crate) fn in_words(limit: &str) -> String {
    if key_name(limit).is_some() { limit.to_owned() } else { format!("limit {limit}") }
}
