//! Whether a call that has no answer may be tried again.
//!
//! Only what cannot have been done is tried again, or what may be done twice: a call that was
//! refused before it ran, or a tool that is idempotent. `docs/retries.md` has the table.

use std::fmt;
use std::time::Duration;

use rampmeter_core::Reason;

use crate::executor::CallError;
use crate::policy::{Access, ToolPolicy};
use crate::refusal::{Refusal, Retry};
use crate::tool::Tool;

/// Whether a call may be tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may.
    Again {
        /// Not before this long, as a server or a limit said.
        after: Option<Duration>,
    },
    /// It may not.
    No(NoRetry),
}

/// Why a call is not tried again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoRetry {
    /// The call itself must change.
    Wrong,
    /// It may have been done, and doing it twice may do harm.
    NotIdempotent,
    /// It has waited for as long as it may, or the limits, its server or its back-off let it start
    /// too late.
    OutOfTime,
    /// Its tool has an error that trying again does not mend.
    Panicked,
    /// Its turn is over.
    TurnOver,
    /// It has been asked for as often as its tool's `retry` allows.
    Exhausted,
    /// The gate's retry budget is spent.
    Budget,
}

/// Whether the calls of a tool may be done twice: by the policy's word, else the tool's own; else
/// they may if they only read.
pub fn is_idempotent(tool: &Tool, policy: Option<&ToolPolicy>, access: Access) -> bool {
    let said = policy.and_then(|policy| policy.idempotent).or(tool.declared_idempotent());
    said.unwrap_or(access == Access::Read)
}

/// Whether a call that ended with this error may be tried again.
pub fn may_retry(error: &CallError, idempotent: bool) -> Verdict {
    let if_idempotent = |after| match idempotent {
        true => Verdict::Again { after },
        false => Verdict::No(NoRetry::NotIdempotent),
    };
    match error {
        CallError::Malformed(_) | CallError::Unknown(_) | CallError::Arguments(_) => {
            Verdict::No(NoRetry::Wrong)
        }
        CallError::Refused(refusal) => after_refusal(refusal),
        CallError::Throttled { retry_after, may_have_run: false, .. } => {
            Verdict::Again { after: *retry_after }
        }
        CallError::Throttled { retry_after, may_have_run: true, .. } => if_idempotent(*retry_after),
        CallError::Failed(_)
        | CallError::NoAnswer(_)
        | CallError::TimedOut(_)
        | CallError::State(_) => if_idempotent(None),
        CallError::Denied { .. } | CallError::Interceptor { .. } => Verdict::No(NoRetry::Wrong),
        // What stood in has failed as well.
        CallError::Fallback { .. } => Verdict::No(NoRetry::TurnOver),
        CallError::Panicked(_) => Verdict::No(NoRetry::Panicked),
        CallError::TurnDeadline | CallError::FailedFast | CallError::Cancelled => {
            Verdict::No(NoRetry::TurnOver)
        }
    }
}

/// A call that the limits refused has not run. How long it may wait is its own clock, which no
/// retry winds up again.
fn after_refusal(refusal: &Refusal) -> Verdict {
    match (refusal.reason, refusal.retry) {
        (_, Retry::Never) => Verdict::No(NoRetry::Wrong),
        (Reason::QueueTimeout | Reason::Deadline, _) => Verdict::No(NoRetry::OutOfTime),
        (_, Retry::After(after)) => Verdict::Again { after: Some(after) },
        (_, Retry::OnRelease | Retry::OnResume) => Verdict::Again { after: None },
    }
}

impl fmt::Display for NoRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoRetry::Wrong => "the call itself must change",
            NoRetry::NotIdempotent => "it may have been done, and its tool is not idempotent",
            NoRetry::OutOfTime => "it has no time left to wait",
            NoRetry::Panicked => "a panic is not mended by another try",
            NoRetry::TurnOver => "its turn is over",
            NoRetry::Exhausted => "it was tried as often as it may be",
            NoRetry::Budget => "the retry budget of the gate is spent",
        })
    }
}
