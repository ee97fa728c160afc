//! One call from its admission to its result: the tool, its clocks, its end.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use rampmeter_core::{Instant, Outcome};

use super::report::CallError;
use crate::gate::{Gate, Still};
use crate::permit::Permit;
use crate::policy::{OverrunPolicy, ToolPolicy};
use crate::quiet::{Quiet, message};
use crate::runtime::BoxFuture;
use crate::tool::{Invocation, Tool, ToolError};
use crate::work::Work;

/// What is needed to run one call.
pub(super) struct Job<'a> {
    pub(super) gate: &'a Gate,
    pub(super) permit: Permit,
    pub(super) tool: &'a Tool,
    pub(super) invocation: Invocation,
    pub(super) terms: Terms,
    pub(super) turn_deadline: Instant,
}

/// How long a call may run, and what becomes of work that goes on then.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    timeout: Duration,
    overrun: OverrunPolicy,
}

/// What became of it.
pub(super) struct Done {
    pub(super) output: Result<String, CallError>,
    pub(super) waited: Option<Duration>,
    pub(super) ran: Option<Duration>,
    /// Ready when the call's slots and keys are free, if its work goes on.
    pub(super) still: Option<Still>,
}

impl Terms {
    /// Those of a tool, or of one that the policy does not know.
    pub(super) fn of(tool: Option<&ToolPolicy>) -> Terms {
        const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
        Terms {
            timeout: tool.map_or(DEFAULT_TIMEOUT, |tool| tool.timeout),
            overrun: tool.map(|tool| tool.overrun).unwrap_or_default(),
        }
    }
}

impl Done {
    /// No tool was run.
    pub(super) fn at_once(output: Result<String, CallError>) -> Done {
        Done { output, waited: None, ran: None, still: None }
    }
}

/// Runs the call; calls that its tool makes are nested under it, and none of them starts after its
/// end. Dropping the future ends the tool first and then gives the permit back, so a slot is free
/// only when the work has ended. What others do for the tool keeps the slot until it ends too.
pub(super) async fn run(job: Job<'_>) -> Done {
    let Job { gate, permit, tool, invocation, terms, turn_deadline } = job;
    let Terms { timeout, overrun } = terms;
    let waited = Some(permit.waited());
    let (lineage, work) = (permit.lineage(), invocation.work.clone());
    let started = gate.now();
    let until = started.saturating_add(timeout);
    permit.must_end_by(until.min(turn_deadline));
    // Dropped after the tool's future, which is made later.
    let mut running = Running { gate, permit: Some(permit), work, overrun };
    let attempt = attempt(gate, tool, invocation, until.min(turn_deadline));
    let answer = lineage.scope(attempt).await;
    let answered = answer.is_some();
    let output = match answer {
        Some(answer) => answer,
        None if until <= turn_deadline => Err(CallError::TimedOut(timeout)),
        None => Err(CallError::TurnDeadline),
    };
    let ran = Some(gate.now().saturating_since(started));
    let still = running.over(outcome(&output), answered);
    Done { output, waited, ran, still }
}

/// What the tool says, if it does by then. The tool's future is gone when this is.
async fn attempt(
    gate: &Gate,
    tool: &Tool,
    invocation: Invocation,
    until: Instant,
) -> Option<Result<String, CallError>> {
    let (tool, report) = (tool.clone(), invocation.report);
    // The function itself may panic as well as the future it returns.
    let running = async move { Quiet(Some(tool.invoke(invocation))).await };
    let mut running = std::pin::pin!(AssertUnwindSafe(running).catch_unwind());
    // A tool that answers at once needs no clock.
    let mut clock: Option<BoxFuture<()>> = None;
    let ended = poll_fn(|context| {
        if let Poll::Ready(ended) = running.as_mut().poll(context) {
            return Poll::Ready(Some(ended));
        }
        let clock = clock.get_or_insert_with(|| gate.runtime().sleep_until(until));
        clock.as_mut().poll(context).map(|()| None)
    });
    Some(match ended.await? {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => {
            // The others must not find out one by one.
            if let (ToolError::Overloaded { retry_after, .. }, Some(report)) = (&error, report) {
                report.throttled(*retry_after);
            }
            Err(error.into())
        }
        Err(panic) => Err(CallError::Panicked(message(panic.as_ref()))),
    })
}

/// A call that runs. Dropped, it is given up.
struct Running<'a> {
    gate: &'a Gate,
    permit: Option<Permit>,
    work: Work,
    overrun: OverrunPolicy,
}

impl Running<'_> {
    /// The call is over, and the tool's own future is gone.
    fn over(&mut self, outcome: Outcome, answered: bool) -> Option<Still> {
        let permit = self.permit.take()?;
        if !self.work.over(answered) {
            permit.finish(outcome);
            return None;
        }
        let overrun = self.gate.goes_on(permit, outcome, self.overrun);
        let still = overrun.still();
        self.work.give_back(overrun);
        Some(still)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.over(Outcome::Cancelled, false);
    }
}

fn outcome(output: &Result<String, CallError>) -> Outcome {
    match output {
        Ok(_) => Outcome::Succeeded,
        Err(CallError::Throttled { .. } | CallError::NoAnswer(_) | CallError::TimedOut(_)) => {
            Outcome::Overloaded
        }
        Err(CallError::TurnDeadline) => Outcome::Cancelled,
        Err(_) => Outcome::Failed,
    }
}
