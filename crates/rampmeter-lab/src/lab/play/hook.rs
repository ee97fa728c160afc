//! When each call had its answer: a turn tells of all of them together, at its end.

use std::sync::Arc;

use rampmeter::{CallContext, CallError, Interceptor};

use super::super::record::Status;
use super::super::tools::Tracker;
use super::process::Process;

/// Hears of each call's end as it comes.
pub(super) struct Hook {
    pub(super) tracker: Arc<Tracker>,
    /// When it dies, nobody has an answer.
    pub(super) process: Arc<Process>,
}

impl Hook {
    fn note(&self, call: &CallContext, status: impl FnOnce(usize) -> Status) {
        if let Some(call) = call.id().parse().ok().filter(|_| !self.process.is_dead()) {
            self.tracker.answered(call, status(call));
        }
    }
}

impl Interceptor for Hook {
    fn name(&self) -> &str {
        "lab"
    }

    async fn after(&self, call: &CallContext, answer: String) -> Result<String, CallError> {
        self.note(call, |call| {
            if self.tracker.is_stood_in(call) { Status::Degraded } else { Status::Succeeded }
        });
        Ok(answer)
    }

    async fn on_error(&self, call: &CallContext, error: CallError) -> Result<String, CallError> {
        self.note(call, |_| status(&error));
        Err(error)
    }

    fn cancelled(&self, call: &CallContext) {
        self.note(call, |_| Status::Cancelled);
    }
}

/// What an error is for whoever asked.
pub(super) fn status(error: &CallError) -> Status {
    match error {
        CallError::Refused(_) | CallError::Denied { .. } => Status::Refused,
        CallError::Throttled { .. } => Status::Throttled,
        CallError::NoAnswer(_) | CallError::TimedOut(_) => Status::TimedOut,
        CallError::TurnDeadline | CallError::Cancelled | CallError::FailedFast => Status::Cancelled,
        CallError::Fallback { error, .. } => status(error),
        _ => Status::Failed,
    }
}
