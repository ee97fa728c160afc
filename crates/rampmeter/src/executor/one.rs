//! One call from its admission to its result: the tool, its clocks, its end.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use rampmeter_core::{Instant, Outcome};

use super::report::CallError;
use crate::gate::Gate;
use crate::permit::Permit;
use crate::tool::{Invocation, Tool, ToolError};

/// What is needed to run one call.
pub(super) struct Job<'a> {
    pub(super) gate: &'a Gate,
    pub(super) permit: Permit,
    pub(super) tool: &'a Tool,
    pub(super) invocation: Invocation,
    pub(super) timeout: Duration,
    pub(super) turn_deadline: Instant,
}

/// What became of it.
pub(super) struct Done {
    pub(super) output: Result<String, CallError>,
    pub(super) waited: Option<Duration>,
    pub(super) ran: Option<Duration>,
}

impl Done {
    /// No tool was run.
    pub(super) fn without(error: CallError) -> Done {
        Done { output: Err(error), waited: None, ran: None }
    }
}

/// Runs the call; calls that its tool makes are nested under it. Dropping the future ends the tool first and then gives the permit back, so a
/// slot is free only when the work has ended.
pub(super) async fn run(job: Job<'_>) -> Done {
    let Job { gate, permit, tool, invocation, timeout, turn_deadline } = job;
    let waited = Some(permit.waited());
    let started = gate.now();
    let running = permit.scope(attempt(gate, tool, invocation, started, timeout, turn_deadline));
    let output = running.await;
    let ran = Some(gate.now().saturating_since(started));
    permit.finish(outcome(&output));
    Done { output, waited, ran }
}

async fn attempt(
    gate: &Gate,
    tool: &Tool,
    invocation: Invocation,
    started: Instant,
    timeout: Duration,
    turn_deadline: Instant,
) -> Result<String, CallError> {
    let (tool, report) = (tool.clone(), invocation.report);
    // The function itself may panic as well as the future it returns.
    let running = async move { tool.invoke(invocation).await };
    let running = std::pin::pin!(AssertUnwindSafe(running).catch_unwind());
    let until = started.saturating_add(timeout);
    let clock = gate.runtime().sleep_until(until.min(turn_deadline));
    match select(running, clock).await {
        Either::Left((Ok(Ok(text)), _)) => Ok(text),
        Either::Left((Ok(Err(error @ ToolError::Overloaded { retry_after, .. })), _)) => {
            // The others must not find out one by one.
            if let Some(report) = report {
                report.throttled(retry_after);
            }
            Err(error.into())
        }
        Either::Left((Ok(Err(error)), _)) => Err(error.into()),
        Either::Left((Err(panic), _)) => Err(CallError::Panicked(message(panic.as_ref()))),
        Either::Right(_) if until <= turn_deadline => Err(CallError::TimedOut(timeout)),
        Either::Right(_) => Err(CallError::TurnDeadline),
    }
}

fn outcome(output: &Result<String, CallError>) -> Outcome {
    match output {
        Ok(_) => Outcome::Succeeded,
        Err(CallError::Throttled { .. } | CallError::TimedOut(_)) => Outcome::Overloaded,
        Err(CallError::TurnDeadline) => Outcome::Cancelled,
        Err(_) => Outcome::Failed,
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").to_owned()
}
