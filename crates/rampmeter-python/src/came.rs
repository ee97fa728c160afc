//! What came of a task that ran a tool.

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rampmeter::format::ArgumentsError;
use rampmeter::{Report, ToolError};

use crate::headers::header_pairs;
use crate::tool_call::Answer;

pub(crate) enum Came {
    /// What the tool says, and the exception by which it said so.
    Answer(Answer, Option<Py<PyAny>>),
    /// That is no word of the tool's: it ends whatever runs here.
    Fatal(PyErr),
}

impl Came {
    /// # Errors
    /// The task is none of asyncio's kind.
    pub(crate) fn of(task: &Bound<'_, PyAny>, report: Option<Report>) -> PyResult<Came> {
        let py = task.py();
        if task.call_method0(intern!(py, "cancelled"))?.is_truthy()? {
            let message = "CancelledError: the tool was cancelled, and not by its turn";
            return Ok(Came::Answer(Err(ToolError::failed(message)), None));
        }
        let error = task.call_method0(intern!(py, "exception"))?;
        if error.is_none() {
            let answer = task.call_method0(intern!(py, "result"))?.extract::<String>();
            // A text may hold what is no Unicode.
            let answer = answer.map_err(|error| ToolError::failed(format!("its answer: {error}")));
            return Ok(Came::Answer(answer, None));
        }
        if !error.is_instance_of::<PyException>() {
            return Ok(Came::Fatal(PyErr::from_value(error)));
        }
        let failure = failure(&error, report);
        // Whoever cannot even be asked has failed.
        let failure = failure.unwrap_or_else(|_| ToolError::failed(error.get_type()));
        Ok(Came::Answer(Err(failure), Some(error.unbind())))
    }
}

/// What an exception says, in the executor's words.
fn failure(error: &Bound<'_, PyAny>, report: Option<Report>) -> PyResult<ToolError> {
    static FAILURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let failure = FAILURE.import(error.py(), "rampmeter._turn", "failure")?;
    let (kind, message, headers): (String, String, Option<Bound<'_, PyAny>>) =
        failure.call1((error,))?.extract()?;
    Ok(match &*kind {
        "failed" => ToolError::Failed(message),
        "no_answer" => ToolError::NoAnswer(message),
        "arguments" => ToolError::Arguments(ArgumentsError {
            path: String::new(),
            line: 1,
            column: 1,
            reason: message,
        }),
        "turned_away" | "broken_off" => {
            let headers = headers.as_ref().map(header_pairs).transpose()?;
            let heard = headers.zip(report).map(|(headers, report)| report.headers(headers));
            let retry_after = heard.and_then(|heard| heard.delay());
            let may_have_run = kind == "broken_off";
            ToolError::Overloaded { message, retry_after, may_have_run }
        }
        other => return Err(PyTypeError::new_err(format!("no tool fails by {other}"))),
    })
}
