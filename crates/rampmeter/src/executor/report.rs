//! What became of a turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::format::{ArgumentsError, Format, Malformed, Reply};
use crate::refusal::Refusal;
use crate::registry::UnknownTool;
use crate::state_bag::BagError;
use crate::tool::ToolError;

use super::resolve::ResolvedCall;

/// The results of a turn: one per call, in the model's order.
#[derive(Clone, PartialEq, Debug)]
pub struct TurnReport {
    /// How the turn was written.
    pub format: Format,
    /// One for each call, in the model's order.
    pub results: Vec<CallResult>,
}

/// What became of one call.
#[derive(Clone, PartialEq, Debug)]
pub struct CallResult {
    /// The id that the model gave it.
    pub id: String,
    /// The name that the model called.
    pub name: String,
    /// What the tool said, or why it did not.
    pub output: Result<String, CallError>,
    /// The priority it had, if it was asked for.
    pub priority: Option<Arc<str>>,
    /// How long it waited to be admitted; `None` if it never was.
    pub waited: Option<Duration>,
    /// How long it ran; `None` if it never did.
    pub ran: Option<Duration>,
    /// What was tried before and failed, in order; empty for most.
    pub attempts: Vec<Attempt>,
    /// What stood in for the tool, if its own answer could not be had.
    pub degraded: Option<Degraded>,
}

/// An attempt that failed and was not the last.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// The tool that was asked for; another than the call's if it was to stand in for it.
    pub tool: Arc<str>,
    /// How it failed.
    pub error: CallError,
    /// How long it waited to be admitted; `None` if it never was.
    pub waited: Option<Duration>,
    /// How long it ran; `None` if it never did.
    pub ran: Option<Duration>,
    /// How long after it the next attempt was asked for, if there was one to be.
    pub again_after: Option<Duration>,
}

/// What stood in for the answer of a tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Degraded {
    /// The last good answer to an identical call, of this age.
    Cached(Duration),
    /// Another tool's answer.
    Tool(Arc<str>),
    /// The fixed answer of the policy.
    Value,
}

/// Why a call has no answer of its tool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError {
    /// The model wrote it in a way that cannot be understood.
    Malformed(Malformed),
    /// No tool has its name.
    Unknown(UnknownTool),
    /// The limits said no.
    Refused(Refusal),
    /// The tool's own error.
    Failed(String),
    /// Its arguments are not what the tool takes.
    Arguments(ArgumentsError),
    /// What the calls share could not be read or written: a conflict with another call, say.
    State(BagError),
    /// What the tool called had no room: 429, 503.
    Throttled(String),
    /// It ran for as long as it may.
    TimedOut(Duration),
    /// The tool panicked.
    Panicked(String),
    /// The whole turn's deadline came first.
    TurnDeadline,
    /// Another call of the turn failed first, and the turn was to fail fast.
    FailedFast,
    /// The turn was stopped.
    Cancelled,
}

/// The five ends that are counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// The tool answered.
    Succeeded,
    /// An error of the call, its tool, or a time-out.
    Failed,
    /// The limits said no; the tool was not run.
    Refused,
    /// What the tool called had no room.
    Throttled,
    /// It was given up.
    Cancelled,
}

impl TurnReport {
    /// The messages that answer the model, in the turn's own format.
    pub fn messages(&self) -> Vec<Value> {
        let contents: Vec<_> = self.results.iter().map(CallResult::content).collect();
        let replies = self.results.iter().zip(&contents).map(|(result, content)| Reply {
            id: &result.id,
            name: &result.name,
            content,
            is_error: result.output.is_err(),
        });
        let replies: Vec<_> = replies.collect();
        self.format.render(&replies)
    }
}

impl CallResult {
    /// How it ended.
    pub fn status(&self) -> Status {
        match &self.output {
            Ok(_) => Status::Succeeded,
            Err(CallError::Refused(_)) => Status::Refused,
            Err(CallError::Throttled(_)) => Status::Throttled,
            Err(CallError::Cancelled | CallError::FailedFast) => Status::Cancelled,
            Err(_) => Status::Failed,
        }
    }

    /// What the model is told.
    pub fn content(&self) -> String {
        match &self.output {
            Ok(text) => text.clone(),
            Err(error) => format!("error: {error}"),
        }
    }
}

impl From<ToolError> for CallError {
    fn from(error: ToolError) -> CallError {
        match error {
            ToolError::Failed(message) => CallError::Failed(message),
            ToolError::Arguments(error) => CallError::Arguments(error),
            ToolError::State(error) => CallError::State(error),
            ToolError::Overloaded { .. } => CallError::Throttled(error.to_string()),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Malformed(malformed) => write!(f, "{malformed}"),
            CallError::Unknown(unknown) => write!(f, "{unknown}"),
            CallError::Refused(refusal) => write!(f, "{refusal}"),
            CallError::Failed(message) | CallError::Throttled(message) => f.write_str(message),
            CallError::Arguments(error) => write!(f, "{error}"),
            CallError::State(error) => write!(f, "{error}"),
            CallError::TimedOut(after) => {
                write!(f, "it ran for {after:?}, as long as its `timeout` allows, and was ended")
            }
            CallError::Panicked(message) => write!(f, "the tool panicked: {message}"),
            CallError::TurnDeadline => f.write_str("the turn's deadline came first"),
            CallError::FailedFast => f.write_str(
                "another call of the turn failed first, and this one was ended (the turn fails fast)",
            ),
            CallError::Cancelled => f.write_str("the turn was stopped"),
        }
    }
}

impl std::error::Error for CallError {}

/// What stands in a call's place until it has its result: what a stop leaves there.
pub(super) fn pending(call: &ResolvedCall) -> CallResult {
    CallResult {
        id: call.asked.id.clone(),
        name: call.asked.name.clone(),
        output: Err(CallError::Cancelled),
        priority: None,
        waited: None,
        ran: None,
        attempts: Vec::new(),
        degraded: None,
    }
}
