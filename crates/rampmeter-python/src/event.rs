//! One event, as Python has it: what Rust's says, put into Python's words when somebody asks.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rampmeter::{CallInfo, EventValue};

/// What happened at the gate. What is not known, or means nothing for its kind, is `None`.
///
/// Durations are seconds.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Event(pub(crate) rampmeter::Event);

impl Event {
    fn call(&self) -> Option<&CallInfo> {
        self.0.call.as_deref()
    }
}

#[pymethods]
impl Event {
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.as_str()
    }

    /// When, in seconds since the gate was made.
    #[getter]
    fn at(&self) -> f64 {
        Duration::from_nanos(self.0.at.as_nanos()).as_secs_f64()
    }

    /// Its place among the gate's events, without gaps, from 0.
    #[getter]
    fn seq(&self) -> u64 {
        self.0.seq
    }

    #[getter]
    fn tool(&self) -> Option<&str> {
        Some(&self.call()?.tool)
    }

    #[getter]
    fn flow(&self) -> Option<&str> {
        Some(&self.call()?.flow)
    }

    #[getter]
    fn priority(&self) -> Option<&str> {
        Some(&self.call()?.priority)
    }

    /// The id that the model gave the call.
    #[getter]
    fn id(&self) -> Option<&str> {
        Some(&*self.call()?.id).filter(|id| !id.is_empty())
    }

    /// The turn that the call belongs to, as its caller numbered it.
    #[getter]
    fn turn(&self) -> Option<u64> {
        self.call()?.turn
    }

    /// Which attempt at the call this is, from 1.
    #[getter]
    fn attempt(&self) -> Option<u32> {
        Some(self.call()?.attempt)
    }

    /// Which of the gate's calls it is: no two have one place at one time.
    #[getter]
    fn place(&self) -> Option<u32> {
        self.0.place
    }

    /// The limit that it is about, that refused, or where the call waits; a key as `key NAME`.
    #[getter]
    fn limit(&self) -> Option<&str> {
        self.0.limit.as_deref()
    }

    /// Why, of a refusal: `queue_full`, `deadline`.
    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.0.reason.map(rampmeter::Reason::as_str)
    }

    /// The lane in which the call waits: calls of a lane are alike and move as one.
    #[getter]
    fn lane(&self) -> Option<u64> {
        self.0.lane
    }

    /// What is in the way there.
    #[getter]
    fn obstacle(&self) -> Option<&'static str> {
        self.0.obstacle.map(rampmeter::Obstacle::as_str)
    }

    /// What the answer is of, if not of the call's own tool: `cache`, `value`, `flight`, `tool NAME`.
    #[getter]
    fn by(&self) -> Option<&str> {
        self.0.by.as_deref()
    }

    #[getter]
    fn outcome(&self) -> Option<&'static str> {
        self.0.outcome.map(rampmeter::Outcome::as_str)
    }

    /// How long it waited (`tool.started`, `tool.refused`), ran (ends), or went on after its end.
    #[getter]
    fn took(&self) -> Option<f64> {
        self.0.took.map(|took| took.as_secs_f64())
    }

    /// How long it will last (`limit.cooling`, `limit.spent`, `limit.opened`).
    #[getter]
    fn lasts(&self) -> Option<f64> {
        self.0.lasts.map(|lasts| lasts.as_secs_f64())
    }

    /// What is known, as a line of the files that `rampmeter run --events` writes and `rampmeter explain`
    /// reads: `event`, `at_us`, `call`, `took_us`.
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.0.fields() {
            match value {
                EventValue::Number(number) => dict.set_item(name, number)?,
                EventValue::Text(text) => dict.set_item(name, text)?,
            }
        }
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let mut text = "<rampmeter.Event".to_owned();
        for (name, value) in self.0.fields() {
            text += &match value {
                EventValue::Number(number) => format!(" {name}={number}"),
                EventValue::Text(word) => format!(" {name}={word:?}"),
            };
        }
        text + ">"
    }
}
