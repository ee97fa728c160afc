//! What became of a turn, for Python.

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use rampmeter::{CallError, Status};

use crate::crew::Crew;
use crate::errors;

/// The results of a turn: one per call, in the model's order.
#[pyclass(frozen, module = "rampmeter", name = "TurnReport")]
pub(crate) struct Report {
    report: rampmeter::TurnReport,
    #[pyo3(get)]
    results: Py<PyTuple>,
}

/// What became of one call.
#[pyclass(frozen, get_all, module = "rampmeter")]
pub(crate) struct CallResult {
    id: String,
    name: String,
    status: &'static str,
    output: Option<String>,
    error: Option<String>,
    kind: Option<&'static str>,
    exception: Option<Py<PyAny>>,
    refused: Option<Py<PyAny>>,
    priority: Option<String>,
    waited: Option<f64>,
    ran: Option<f64>,
    degraded: Option<String>,
    shared: bool,
    attempts: Py<PyTuple>,
    no_retry: Option<String>,
}

/// An attempt that failed and was not the last.
#[pyclass(frozen, get_all, module = "rampmeter")]
pub(crate) struct Attempt {
    tool: String,
    error: String,
    kind: &'static str,
    waited: Option<f64>,
    ran: Option<f64>,
    again_after: Option<f64>,
}

impl Report {
    pub(crate) fn new(
        py: Python<'_>,
        report: rampmeter::TurnReport,
        crew: &Crew,
    ) -> PyResult<Report> {
        let results = report.results.iter().map(|it| CallResult::new(py, it, crew));
        let results = PyTuple::new(py, results.collect::<PyResult<Vec<_>>>()?)?.unbind();
        Ok(Report { report, results })
    }
}

impl CallResult {
    fn new(py: Python<'_>, result: &rampmeter::CallResult, crew: &Crew) -> PyResult<CallResult> {
        let error = result.output.as_ref().err();
        let refused = match error {
            Some(CallError::Refused(refusal)) => {
                Some(errors::refused_object(py, refusal)?.unbind())
            }
            _ => None,
        };
        let attempts = result.attempts.iter().map(Attempt::new);
        Ok(CallResult {
            id: result.id.clone(),
            name: result.name.clone(),
            status: word(result.status()),
            output: result.output.as_ref().ok().cloned(),
            error: error.map(ToString::to_string),
            kind: error.map(CallError::kind),
            exception: crew.take_raised(&result.id).filter(|_| error.is_some()),
            refused,
            priority: result.priority.as_deref().map(str::to_owned),
            waited: result.waited.map(|it| it.as_secs_f64()),
            ran: result.ran.map(|it| it.as_secs_f64()),
            degraded: result.degraded.as_ref().map(ToString::to_string),
            shared: result.shared,
            attempts: PyTuple::new(py, attempts.collect::<Vec<_>>())?.unbind(),
            no_retry: result.no_retry.map(|why| why.to_string()),
        })
    }
}

impl Attempt {
    fn new(attempt: &rampmeter::Attempt) -> Attempt {
        Attempt {
            tool: attempt.tool.to_string(),
            error: attempt.error.to_string(),
            kind: attempt.error.kind(),
            waited: attempt.waited.map(|it| it.as_secs_f64()),
            ran: attempt.ran.map(|it| it.as_secs_f64()),
            again_after: attempt.again_after.map(|it| it.as_secs_f64()),
        }
    }
}

#[pymethods]
impl Report {
    #[getter]
    fn format(&self) -> &'static str {
        self.report.format.name()
    }

    #[getter]
    fn ok(&self) -> bool {
        self.report.results.iter().all(|result| result.output.is_ok())
    }

    fn replies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = serde_json::Value::Array(self.report.messages()).to_string();
        py.import("json")?.getattr("loads")?.call1((text,))
    }

    fn __repr__(&self) -> String {
        let results = &self.report.results;
        let good = results.iter().filter(|result| result.output.is_ok()).count();
        let format = self.report.format;
        format!("<rampmeter.TurnReport {format}: {good} of {} calls succeeded>", results.len())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.results)
    }
}

#[pymethods]
impl CallResult {
    #[getter]
    fn ok(&self) -> bool {
        self.output.is_some()
    }

    fn __repr__(&self) -> String {
        let CallResult { id, name, status, error, .. } = self;
        let why = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        format!("<rampmeter.CallResult {name:?} {id:?} {status}{why}>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.exception)?;
        visit.call(&self.refused)
    }
}

#[pymethods]
impl Attempt {
    fn __repr__(&self) -> String {
        format!("<rampmeter.Attempt {:?}: {}>", self.tool, self.error)
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
        Status::Refused => "refused",
        Status::Throttled => "throttled",
        Status::Cancelled => "cancelled",
    }
}
