//! What is known of a call by where it is made: within which running call, and for whom.
//!
//! One context variable has the innermost of what surrounds; each knows what surrounds it in turn.
//! Tasks inherit it with their context. A running call that has ended surrounds nothing any more: what
//! was spawned in it and goes on makes calls of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyMapping, PyString};
use rampmeter::Lineage;
use smallvec::SmallVec;

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
    /// The innermost first.
    pub(crate) flows: SmallVec<[Bound<'py, Flow>; 1]>,
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
        let mut in_flow = false;
        while let Some(found) = next {
            if let Ok(permit) = found.cast::<Permit>() {
                in_flow = false;
                surroundings.parent = permit.get().lineage(gate);
                if surroundings.parent.is_some() {
                    // Flow and priority are its own.
                    break;
                }
                next = permit.get().outer(py);
            } else if let Ok(flow) = found.cast_into::<Flow>() {
                next = flow.get().outer(py);
                // It says what those do that are directly around it.
                if !std::mem::replace(&mut in_flow, true) {
                    surroundings.flows.push(flow);
                }
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
        next = outer(&found);
        if let Ok(permit) = found.cast_into::<Permit>()
            && permit.get().is_running()
        {
            return Ok(Some(permit));
        }
    }
    Ok(None)
}

/// What surrounds that, whether it has ended or not.
fn outer<'py>(found: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if let Ok(permit) = found.cast::<Permit>() {
        return permit.get().outer(found.py());
    }
    found.cast::<Flow>().ok()?.get().outer(found.py())
}

/// Has that surrounded by something else; returns what surrounded it.
fn replace_outer(found: &Bound<'_, PyAny>, by: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
    if let Ok(permit) = found.cast::<Permit>() {
        return permit.get().replace_outer(by);
    }
    found.cast::<Flow>().ok()?.get().replace_outer(by)
}

/// Lets go of what surrounded something, and of what surrounded that, one after the other: a chain of them
/// may be longer than the stack is deep.
pub(crate) fn let_go(outer: Option<Py<PyAny>>) {
    let Some(outer) = outer else { return };
    Python::try_attach(|py| {
        let mut next = Some(outer);
        while let Some(outer) = next {
            // Whoever else has it has what surrounds it too.
            next = if is_last(&outer) { replace_outer(outer.bind(py), None) } else { None };
        }
    });
}

#[allow(unsafe_code, reason = "PyO3 offers no other way to count references")]
fn is_last(object: &Py<PyAny>) -> bool {
    // SAFETY: the object is alive, and a count is only read.
    unsafe { pyo3::ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

/// What has ended is no longer held by what it surrounded.
pub(crate) fn shorten(permit: &Bound<'_, Permit>) {
    let py = permit.py();
    let mut next = permit.get().outer(py);
    while let Some(found) = next.as_ref().and_then(|next| next.cast::<Permit>().ok()) {
        if found.get().is_running() {
            break;
        }
        next = found.get().outer(py);
    }
    let_go(permit.get().replace_outer(next.map(Bound::unbind)));
}

/// Within `with`, calls that name no flow, priority or labels of their own have these. A flow within a
/// flow adds to it.
#[pyclass(frozen, module = "rampmeter", name = "Flow")]
pub(crate) struct Flow {
    own: Words,
    /// With those of the flows in which it was entered.
    all: OnceLock<Words>,
    entered: AtomicBool,
    outer: Mutex<Option<Py<PyAny>>>,
}

/// What is said of calls in a flow.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) flow: Option<Py<PyString>>,
    pub(crate) priority: Option<Py<PyString>>,
    pub(crate) labels: Vec<(String, String)>,
}

impl Words {
    /// These, and what others say besides.
    fn within(&self, py: Python<'_>, others: &Words) -> Words {
        let text = |own: &Option<Py<PyString>>, other: &Option<Py<PyString>>| {
            own.as_ref().or(other.as_ref()).map(|text| text.clone_ref(py))
        };
        let mut labels = self.labels.clone();
        let is_new = |(name, _): &&(String, String)| self.labels.iter().all(|(own, _)| own != name);
        labels.extend(others.labels.iter().filter(is_new).cloned());
        Words {
            flow: text(&self.flow, &others.flow),
            priority: text(&self.priority, &others.priority),
            labels,
        }
    }
}

impl Flow {
    /// What it says of calls.
    pub(crate) fn words(&self) -> &Words {
        self.all.get().unwrap_or(&self.own)
    }

    fn outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.outer.lock().as_ref().map(|outer| outer.bind(py).clone())
    }

    fn replace_outer(&self, by: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
        std::mem::replace(&mut *self.outer.lock(), by)
    }

    /// It has been left, and others are around what goes on in it only as far as they are calls: what flows
    /// say it has said itself.
    fn leave(slf: &Bound<'_, Self>, outer: Option<Bound<'_, PyAny>>) {
        let mut next = outer;
        while let Some(flow) = next.as_ref().and_then(|next| next.cast::<Flow>().ok()) {
            next = flow.get().outer(slf.py());
        }
        let_go(slf.get().replace_outer(next.map(Bound::unbind)));
    }
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
        let own = Words {
            flow: flow.map(Bound::unbind),
            priority: priority.map(Bound::unbind),
            labels: labels.as_ref().map(ask::labels).transpose()?.unwrap_or_default(),
        };
        let (all, entered, outer) = (OnceLock::new(), AtomicBool::new(false), Mutex::default());
        Ok(Flow { own, all, entered, outer })
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let (py, flow) = (slf.py(), slf.get());
        if flow.entered.swap(true, Ordering::Relaxed) {
            let message =
                "this flow has been entered; make one for each block, as in `with flow(...):`";
            return Err(errors::usage(py, message));
        }
        let outer = current(py)?;
        if let Some(around) = outer.as_ref().and_then(|outer| outer.cast::<Flow>().ok()) {
            flow.all.get_or_init(|| flow.own.within(py, around.get().words()));
        }
        drop(flow.replace_outer(outer.map(Bound::unbind)));
        set(slf.as_any())?;
        Ok(slf.clone())
    }

    /// Where it was not entered it surrounds nothing, and nothing changes. When others are still within it,
    /// as when generators that enter some take turns, it is taken out from around those.
    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let around = slf.get().outer(py);
        let mut next = current(py)?;
        if next.as_ref().is_some_and(|current| current.is(slf)) {
            let none = py.None();
            set(around.as_ref().unwrap_or(none.bind(py)))?;
        } else {
            while let Some(found) = next {
                next = outer(&found);
                if next.as_ref().is_some_and(|next| next.is(slf)) {
                    drop(replace_outer(&found, around.as_ref().map(|it| it.clone().unbind())));
                    break;
                }
            }
        }
        Flow::leave(slf, around);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(outer) = self.outer.try_lock() {
            visit.call(&*outer)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let_go(self.replace_outer(None));
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let_go(self.outer.get_mut().take());
    }
}
