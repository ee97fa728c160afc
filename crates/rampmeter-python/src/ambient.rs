//! What is known of a call by where it is made: within which running call, and for whom.
//!
//! One context variable has the innermost of what surrounds; each knows what surrounds it in turn.
//! Tasks inherit it with their context. A running call that has ended surrounds nothing any more: what
//! was spawned in it and goes on makes calls of its own.

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyMapping, PyString};
use rampmeter::Lineage;

use crate::ask;
use crate::errors;
use crate::permit::Permit;

struct Variable {
    get: Py<PyAny>,
    set: Py<PyAny>,
}

fn variable(py: Python<'_>) -> PyResult<&Variable> {
    static VARIABLE: PyOnceLock<Variable> = PyOnceLock::new();
    VARIABLE.get_or_try_init(py, || {
        let class = py.import("contextvars")?.getattr("ContextVar")?;
        let options = pyo3::types::PyDict::new(py);
        options.set_item("default", py.None())?;
        let variable = class.call(("rampmeter",), Some(&options))?;
        Ok(Variable {
            get: variable.getattr("get")?.unbind(),
            set: variable.getattr("set")?.unbind(),
        })
    })
}

/// What surrounds the caller: a running call, or a flow.
#[inline]
pub(crate) fn current(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let found = variable(py)?.get.bind(py).call0()?;
    if found.is_none() {
        return Ok(None);
    }
    let mut found = Some(found);
    // A call that has ended surrounds nothing, and what it was in may have ended too.
    while let Some(Ok(permit)) = found.as_ref().map(Bound::cast::<Permit>) {
        let inner = Permit::innermost(permit);
        if inner.as_ref().is_some_and(|inner| inner.is(permit)) {
            break;
        }
        found = inner;
    }
    Ok(found)
}

/// From now on that surrounds the caller.
pub(crate) fn set(innermost: &Bound<'_, PyAny>) -> PyResult<()> {
    variable(innermost.py())?.set.bind(innermost.py()).call1((innermost,))?;
    Ok(())
}

/// What a call at a gate has from where it is made.
#[derive(Default)]
pub(crate) struct Surroundings<'py> {
    pub(crate) parent: Option<Lineage>,
    pub(crate) flow: Option<Bound<'py, Flow>>,
    /// Itself.
    pub(crate) innermost: Option<Bound<'py, PyAny>>,
}

impl<'py> Surroundings<'py> {
    #[inline]
    pub(crate) fn of(py: Python<'py>, gate: u64) -> PyResult<Surroundings<'py>> {
        let mut surroundings = Surroundings::default();
        let Some(innermost) = current(py)? else { return Ok(surroundings) };
        let mut next = Some(innermost.clone());
        surroundings.innermost = Some(innermost);
        while let Some(found) = next {
            if let Ok(permit) = found.cast::<Permit>() {
                surroundings.parent = permit.get().lineage(gate);
                if surroundings.parent.is_some() {
                    // Flow and priority are its own.
                    break;
                }
                next = permit.get().outer(py);
            } else if let Ok(flow) = found.cast::<Flow>() {
                next = flow.get().outer.lock().as_ref().map(|it| it.bind(py).clone());
                surroundings.flow.get_or_insert_with(|| flow.clone());
            } else {
                break;
            }
        }
        Ok(surroundings)
    }
}

/// The running call in whose `with` block the caller is, of whichever gate; tasks and
/// `asyncio.to_thread` inherit it.
#[pyfunction]
pub(crate) fn current_permit(py: Python<'_>) -> PyResult<Option<Bound<'_, Permit>>> {
    let mut next = current(py)?;
    while let Some(found) = next {
        match found.cast_into::<Permit>() {
            Ok(permit) if permit.get().is_running() => return Ok(Some(permit)),
            Ok(permit) => next = permit.get().outer(py),
            Err(other) => {
                let other = other.into_inner();
                let flow = other.cast::<Flow>()?;
                next = flow.get().outer.lock().as_ref().map(|it| it.bind(py).clone());
            }
        }
    }
    Ok(None)
}

/// Within `with`, calls that name no flow, priority or labels of their own have these.
#[pyclass(frozen, module = "rampmeter", name = "Flow")]
pub(crate) struct Flow {
    pub(crate) flow: Option<Py<PyString>>,
    pub(crate) priority: Option<Py<PyString>>,
    pub(crate) labels: Vec<(String, String)>,
    entered: Mutex<bool>,
    outer: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Flow {
    #[new]
    #[pyo3(signature = (flow = None, *, priority = None, labels = None))]
    fn new(
        flow: Option<Bound<'_, PyAny>>,
        priority: Option<Bound<'_, PyAny>>,
        labels: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Flow> {
        let flow: Option<Bound<'_, PyString>> = ask::optional(flow, "flow", "a text")?;
        let priority: Option<Bound<'_, PyString>> = ask::optional(priority, "priority", "a text")?;
        let labels: Option<Bound<'_, PyMapping>> = ask::optional(labels, "labels", "a dict")?;
        Ok(Flow {
            flow: flow.map(Bound::unbind),
            priority: priority.map(Bound::unbind),
            labels: labels.as_ref().map(ask::labels).transpose()?.unwrap_or_default(),
            entered: Mutex::new(false),
            outer: Mutex::new(None),
        })
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let flow = slf.get();
        if std::mem::replace(&mut *flow.entered.lock(), true) {
            let message =
                "this flow has been entered; make one for each block, as in `with flow(...):`";
            return Err(errors::usage(slf.py(), message));
        }
        let outer = current(slf.py())?.map(Bound::unbind);
        let before = std::mem::replace(&mut *flow.outer.lock(), outer);
        drop(before);
        set(slf.as_any())?;
        Ok(slf.clone())
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let outer = slf.get().outer.lock().as_ref().map(|it| it.bind(py).clone());
        match outer {
            Some(outer) => set(&outer),
            None => set(py.None().bind(py)),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(outer) = self.outer.try_lock() {
            visit.call(&*outer)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let outer = self.outer.lock().take();
        drop(outer);
    }
}
