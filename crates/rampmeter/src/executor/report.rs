//! What became of a turn.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core::Reason;
use serde_json::Value;

use crate::format::{ArgumentsError, Format, Malformed, Reply, ReplyForm};
use crate::refusal::Refusal;
use crate::registry::UnknownTool;
use crate::retry::NoRetry;
use crate::state_bag::BagError;
use crate::tool::{ToolError, write_overloaded};

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
    /// What its reply follows in how the call was written.
    pub form: ReplyForm,
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
    /// Whether the answer is that of an identical call that was under way.
    pub shared: bool,
    /// Why it was not tried again, of a call that failed and whose tool has a `retry`.
    pub no_retry: Option<NoRetry>,
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
    /// An interceptor said no.
    Denied {
        /// The interceptor's name.
        by: String,
        /// What it said.
        message: String,
    },
    /// An interceptor panicked.
    Interceptor {
        /// Its name.
        name: String,
        /// What it said.
        message: String,
    },
    /// The tool's own error.
    Failed(String),
    /// Its arguments are not what the tool takes.
    Arguments(ArgumentsError),
    /// What the calls share could not be read or written: a conflict with another call, say.
    State(BagError),
    /// What the tool called had no room: 429, 503.
    Throttled {
        /// For the model.
        message: String,
        /// When the server said to come back.
        retry_after: Option<Duration>,
        /// Whether it may have done something all the same.
        may_have_run: bool,
    },
    /// What the tool called did not answer in time.
    NoAnswer(String),
    /// It ran for as long as it may.
    TimedOut(Duration),
    /// The tool panicked.
    Panicked(String),
    /// The whole turn's deadline came first.
    TurnDeadline,
    /// It failed, and what was to stand in for it failed as well.
    Fallback {
        /// How it failed itself.
        error: Box<CallError>,
        /// The tool that was to stand in, of several the last.
        tool: String,
        /// How that failed.
        fallback: Box<CallError>,
    },
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
    /// The limits or an interceptor said no; the tool was not run.
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
            form: result.form,
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
            Err(error) => error.status(),
        }
    }

    /// How often it was asked for again.
    pub fn retries(&self) -> u64 {
        self.attempts.iter().filter(|attempt| attempt.again_after.is_some()).count() as u64
    }

    /// What the model is told.
    pub fn content(&self) -> String {
        match &self.output {
            Ok(text) => text.clone(),
            Err(error) => format!("error: {error}"),
        }
    }
}

/// As events name it: `cache`, `tool NAME`, `value`.
impl fmt::Display for Degraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Degraded::Cached(_) => f.write_str("cache"),
            Degraded::Tool(name) => write!(f, "tool {name}"),
            Degraded::Value => f.write_str("value"),
        }
    }
}

impl CallError {
    /// Whether another caller of the same would not have it so.
    pub(super) fn is_of_its_caller(&self) -> bool {
        match self {
            CallError::TurnDeadline | CallError::FailedFast | CallError::Cancelled => true,
            CallError::Refused(refusal) => {
                matches!(refusal.reason, Reason::Deadline | Reason::QueueTimeout)
            }
            // Another one writes to another bag, or as another call.
            CallError::State(_) => true,
            CallError::Fallback { error, fallback, .. } => {
                error.is_of_its_caller() || fallback.is_of_its_caller()
            }
            _ => false,
        }
    }

    fn status(&self) -> Status {
        match self {
            CallError::Refused(_) | CallError::Denied { .. } => Status::Refused,
            CallError::Throttled { .. } => Status::Throttled,
            CallError::Cancelled | CallError::FailedFast => Status::Cancelled,
            CallError::Fallback { error, .. } => error.status(),
            _ => Status::Failed,
        }
    }

    /// One word for it, for files, tables and spans; that of a refusal is its reason's.
    pub fn kind(&self) -> &'static str {
        match self {
            CallError::Malformed(_) => "malformed",
            CallError::Unknown(_) => "unknown_tool",
            CallError::Refused(refusal) => refusal.reason.as_str(),
            CallError::Denied { .. } => "denied",
            CallError::Interceptor { .. } => "interceptor",
            CallError::Failed(_) => "failed",
            CallError::Arguments(_) => "arguments",
            CallError::State(BagError::Conflict(_)) => "conflict",
            CallError::State(_) => "state",
            CallError::Throttled { .. } => "throttled",
            CallError::NoAnswer(_) | CallError::TimedOut(_) => "timed_out",
            CallError::Panicked(_) => "panicked",
            CallError::TurnDeadline => "turn_deadline",
            // It is the same whether something was to stand in or not.
            CallError::Fallback { error, .. } => error.kind(),
            CallError::Cancelled | CallError::FailedFast => "cancelled",
        }
    }
}

impl From<ToolError> for CallError {
    fn from(error: ToolError) -> CallError {
        match error {
            ToolError::Failed(message) => CallError::Failed(message),
            ToolError::NoAnswer(message) => CallError::NoAnswer(message),
            ToolError::Arguments(error) => CallError::Arguments(error),
            ToolError::State(error) => CallError::State(error),
            ToolError::Overloaded { message, retry_after, may_have_run } => {
                CallError::Throttled { message, retry_after, may_have_run }
            }
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Malformed(malformed) => write!(f, "{malformed}"),
            CallError::Unknown(unknown) => write!(f, "{unknown}"),
            CallError::Refused(refusal) => write!(f, "{refusal}"),
            CallError::Denied { by, message } => write!(f, "refused by {by}: {message}"),
            CallError::Interceptor { name, message } => {
                write!(f, "the interceptor {name} panicked: {message}")
            }
            CallError::Failed(message) | CallError::NoAnswer(message) => f.write_str(message),
            CallError::Throttled { message, retry_after, .. } => {
                write_overloaded(f, message, *retry_after)
            }
            CallError::Arguments(error) => write!(f, "{error}"),
            CallError::State(error) => write!(f, "{error}"),
            CallError::TimedOut(after) => {
                write!(f, "it ran for {after:?}, as long as its `timeout` allows, and was ended")
            }
            CallError::Panicked(message) => write!(f, "the tool panicked: {message}"),
            CallError::TurnDeadline => f.write_str("the turn's deadline came first"),
            CallError::Fallback { error, tool, fallback } => {
                write!(f, "{error}; {tool}, which was to stand in, failed as well: {fallback}")
            }
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
        form: call.asked.form,
        output: Err(CallError::Cancelled),
        priority: None,
        waited: None,
        ran: None,
        attempts: Vec::new(),
        degraded: None,
        shared: false,
        no_retry: None,
    }
}
