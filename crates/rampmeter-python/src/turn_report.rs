//! What became of a turn (`rampmeter/_turn_report.py`).

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rampmeter::{Attempt, CallError, CallResult, Status, TurnReport};
use serde_json::Value;

use crate::crew::Crew;
use crate::dataclass::dataclass;
use crate::errors;

/// The report as Python has it.
pub(crate) fn report<'py>(
    py: Python<'py>,
    report: &TurnReport,
    crew: &Crew,
) -> PyResult<Bound<'py, PyAny>> {
    let results = report.results.iter().map(|it| result(py, it, crew));
    dataclass!(py, "rampmeter._turn_report", "TurnReport", {
        results: PyTuple::new(py, results.collect::<PyResult<Vec<_>>>()?)?,
        format: report.format.name(),
        _messages: Value::Array(report.messages()).to_string(),
    })
}

fn result<'py>(py: Python<'py>, result: &CallResult, crew: &Crew) -> PyResult<Bound<'py, PyAny>> {
    let error = result.output.as_ref().err();
    let refused = match error {
        Some(CallError::Refused(refusal)) => Some(errors::refused_object(py, refusal)?),
        _ => None,
    };
    let raised = crew.take_raised(&result.id);
    let is_why = error.is_some_and(is_of_its_tool);
    let attempts = result.attempts.iter().map(|it| attempt(py, it));
    dataclass!(py, "rampmeter._turn_report", "CallResult", {
        id: &*result.id,
        name: &*result.name,
        status: status(result.status()),
        output: result.output.as_deref().ok(),
        error: error.map(ToString::to_string),
        kind: error.map(CallError::kind),
        exception: raised.filter(|_| is_why),
        refused: refused,
        priority: result.priority.as_deref(),
        waited: seconds(result.waited),
        ran: seconds(result.ran),
        degraded: result.degraded.as_ref().map(ToString::to_string),
        shared: result.shared,
        attempts: PyTuple::new(py, attempts.collect::<PyResult<Vec<_>>>()?)?,
        no_retry: result.no_retry.map(|why| why.to_string()),
    })
}

/// Not of whoever kept the tool from being tried again.
fn is_of_its_tool(error: &CallError) -> bool {
    use CallError::{Cancelled, FailedFast, Refused, TurnDeadline};
    !matches!(error, Refused(_) | TurnDeadline | FailedFast | Cancelled)
}

fn attempt<'py>(py: Python<'py>, attempt: &Attempt) -> PyResult<Bound<'py, PyAny>> {
    dataclass!(py, "rampmeter._turn_report", "Attempt", {
        tool: &*attempt.tool,
        error: attempt.error.to_string(),
        kind: attempt.error.kind(),
        waited: seconds(attempt.waited),
        ran: seconds(attempt.ran),
        again_after: seconds(attempt.again_after),
    })
}

fn seconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
        Status::Refused => "refused",
        Status::Throttled => "throttled",
        Status::Cancelled => "cancelled",
    }
}
