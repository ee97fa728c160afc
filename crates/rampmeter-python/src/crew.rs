//! What the calls of one turn have in common: the functions that run them, the tasks that are at it,
//! and what they leave for the turn.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyException;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use rampmeter::{Registry, Tool, ToolError};
use serde_json::Value;

use crate::errors;
use crate::gate::Gate;
use crate::tool_call::ToolCall;

pub(crate) struct Crew {
    gate: Py<Gate>,
    functions: Vec<Function>,
    left: Mutex<Left>,
}

/// A function that runs the calls of a tool.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) call: Py<PyAny>,
    pub(crate) is_async: bool,
}

/// What the tasks leave.
#[derive(Default)]
struct Left {
    /// Tasks that have not ended.
    at_work: usize,
    /// What a task raised that ends the turn.
    fatal: Option<PyErr>,
    /// What tools raised last, by the id of the call.
    raised: HashMap<Arc<str>, Py<PyAny>>,
    /// Who waits for the end of the last task, or of the turn.
    waker: Option<Waker>,
}

impl Crew {
    pub(crate) fn new(gate: Py<Gate>, functions: Vec<Function>) -> Arc<Crew> {
        Arc::new(Crew { gate, functions, left: Mutex::default() })
    }

    /// The functions as tools.
    ///
    /// # Errors
    /// Two have one name.
    pub(crate) fn registry(self: &Arc<Self>, py: Python<'_>) -> PyResult<Registry> {
        let mut registry = Registry::new();
        for (at, function) in self.functions.iter().enumerate() {
            let crew = self.clone();
            let tool = Tool::raw(&function.name, "", Value::Null, move |call| {
                ToolCall::new(crew.clone(), at, call)
            });
            registry.add(tool).map_err(|error| errors::usage(py, error.to_string()))?;
        }
        Ok(registry)
    }

    pub(crate) fn gate(&self) -> &Py<Gate> {
        &self.gate
    }

    pub(crate) fn function(&self, at: usize) -> &Function {
        &self.functions[at]
    }

    pub(crate) fn begins(&self) {
        self.left.lock().at_work += 1;
    }

    /// A task has ended, and has left what it had to leave.
    pub(crate) fn ends(&self) {
        let mut left = self.left.lock();
        left.at_work -= 1;
        let waker = if left.at_work == 0 { left.waker.take() } else { None };
        drop(left);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ready when no task is at work.
    pub(crate) fn poll_rest(&self, context: &Context<'_>) -> Poll<()> {
        let mut left = self.left.lock();
        if left.at_work == 0 {
            return Poll::Ready(());
        }
        let before = left.waker.replace(context.waker().clone());
        drop(left);
        drop(before);
        Poll::Pending
    }

    /// The whole turn ends with this.
    pub(crate) fn end_with(&self, error: PyErr) {
        let mut left = self.left.lock();
        let (before, waker) = (left.fatal.replace(error), left.waker.take());
        drop(left);
        drop(before);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ready when the whole turn is to end.
    pub(crate) fn poll_fatal(&self, context: &Context<'_>) -> Poll<PyErr> {
        let mut left = self.left.lock();
        if let Some(error) = left.fatal.take() {
            return Poll::Ready(error);
        }
        let before = left.waker.replace(context.waker().clone());
        drop(left);
        drop(before);
        Poll::Pending
    }

    /// What becomes of a call whose task could not be made; nothing, if that ends the turn.
    pub(crate) fn failed_to_begin(&self, py: Python<'_>, error: PyErr) -> Option<ToolError> {
        if error.is_instance_of::<PyException>(py) {
            return Some(ToolError::failed(format!("it could not be begun: {error}")));
        }
        self.end_with(error);
        None
    }

    pub(crate) fn has_raised(&self, id: &Arc<str>, error: Option<Py<PyAny>>) {
        let mut left = self.left.lock();
        let before = match error {
            Some(error) => left.raised.insert(id.clone(), error),
            None => left.raised.remove(id),
        };
        drop(left);
        drop(before);
    }

    /// What the tool of this call raised last.
    pub(crate) fn take_raised(&self, id: &str) -> Option<Py<PyAny>> {
        self.left.lock().raised.remove(id)
    }

    /// The gate and the functions are the turn's to show: it alone has the crew, with its future.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.gate)?;
        self.functions.iter().try_for_each(|function| visit.call(&function.call))?;
        match self.left.try_lock() {
            Some(left) => left.raised.values().try_for_each(|error| visit.call(error)),
            None => Ok(()),
        }
    }
}
