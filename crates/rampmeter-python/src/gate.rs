//! The gate, as Python has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};
use rampmeter::format::Arguments;
use rampmeter::{Asking, KeyAccess};

use crate::ambient::Surroundings;
use crate::ask::{self, More, Wish};
use crate::fork::Birth;
use crate::keeper::Keeper;
use crate::permit::Permit;
use crate::policy::{Policy, json_text};
use crate::runtime::PythonRuntime;
use crate::seconds::duration;
use crate::{blocking, errors};

/// One gate for one policy.
#[pyclass(frozen, subclass, module = "rampmeter")]
pub(crate) struct Gate {
    /// Present until the end.
    gate: Option<rampmeter::Gate>,
    keeper: Arc<Keeper>,
    /// Different for each gate of this process.
    number: u64,
    birth: Birth,
    policy: Mutex<Arc<rampmeter::Policy>>,
    /// Tools that the policy names, and whether their keys follow from arguments.
    known: Mutex<HashMap<Box<str>, bool, RandomState>>,
}

impl Gate {
    pub(crate) fn inner(&self) -> &rampmeter::Gate {
        match &self.gate {
            Some(gate) => gate,
            None => unreachable!("a gate has its inside until it is dropped"),
        }
    }

    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn birth(&self) -> Birth {
        self.birth
    }

    /// How long the policy lets calls of this tool run.
    pub(crate) fn timeout(&self, tool: &str) -> Option<Duration> {
        Some(self.policy.lock().tool(tool)?.timeout)
    }
}

/// What every way of asking takes besides the tool's name.
struct Said<'py> {
    flow: Option<Bound<'py, PyAny>>,
    priority: Option<Bound<'py, PyAny>>,
    labels: Option<Bound<'py, PyAny>>,
    cost: Option<Bound<'py, PyAny>>,
    deadline: Option<Bound<'py, PyAny>>,
    arguments: Option<Bound<'py, PyAny>>,
    reads: Option<Bound<'py, PyAny>>,
    writes: Option<Bound<'py, PyAny>>,
    parent: Option<Bound<'py, PyAny>>,
    id: Option<Bound<'py, PyAny>>,
}

#[pymethods]
impl Gate {
    #[new]
    fn new(py: Python<'_>, policy: &Bound<'_, PyAny>) -> PyResult<Gate> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let policy = Policy::meant(policy)?;
        let runtime = Arc::new(PythonRuntime::new(py)?);
        let keeper = runtime.keeper().clone();
        let gate = rampmeter::Gate::with_runtime(&policy, runtime)
            .map_err(|error| errors::policy(py, error.to_string()))?;
        Ok(Gate {
            gate: Some(gate),
            keeper,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            birth: Birth::now(),
            policy: Mutex::new(policy),
            known: Mutex::default(),
        })
    }

    #[classmethod]
    fn from_file<'py>(
        class: &Bound<'py, PyType>,
        path: std::path::PathBuf,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.call1((Policy::from_file(class.py(), path)?,))
    }

    #[classmethod]
    #[pyo3(signature = (text, *, name = "policy"))]
    fn from_toml<'py>(
        class: &Bound<'py, PyType>,
        text: &str,
        name: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.call1((Policy::from_toml(class.py(), text, name)?,))
    }

    #[classmethod]
    fn from_dict<'py>(
        class: &Bound<'py, PyType>,
        policy: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.call1((Policy::from_dict(policy)?,))
    }

    #[getter]
    fn policy(&self) -> Policy {
        Policy { read: self.policy.lock().clone() }
    }

    #[pyo3(signature = (tool, *, flow = None, priority = None, labels = None, cost = None, deadline = None,
        arguments = None, reads = None, writes = None, parent = None, id = None))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords where it is called")]
    fn admit(
        slf: &Bound<'_, Self>,
        tool: Bound<'_, PyAny>,
        flow: Option<Bound<'_, PyAny>>,
        priority: Option<Bound<'_, PyAny>>,
        labels: Option<Bound<'_, PyAny>>,
        cost: Option<Bound<'_, PyAny>>,
        deadline: Option<Bound<'_, PyAny>>,
        arguments: Option<Bound<'_, PyAny>>,
        reads: Option<Bound<'_, PyAny>>,
        writes: Option<Bound<'_, PyAny>>,
        parent: Option<Bound<'_, PyAny>>,
        id: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Permit> {
        let said =
            Said { flow, priority, labels, cost, deadline, arguments, reads, writes, parent, id };
        let wish = slf.get().wish(tool, said)?;
        Ok(Permit::new(slf.clone().unbind(), wish))
    }

    #[pyo3(signature = (tool, *, flow = None, priority = None, labels = None, cost = None, deadline = None,
        arguments = None, reads = None, writes = None, parent = None, id = None))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords where it is called")]
    fn admit_sync(
        slf: &Bound<'_, Self>,
        tool: Bound<'_, PyAny>,
        flow: Option<Bound<'_, PyAny>>,
        priority: Option<Bound<'_, PyAny>>,
        labels: Option<Bound<'_, PyAny>>,
        cost: Option<Bound<'_, PyAny>>,
        deadline: Option<Bound<'_, PyAny>>,
        arguments: Option<Bound<'_, PyAny>>,
        reads: Option<Bound<'_, PyAny>>,
        writes: Option<Bound<'_, PyAny>>,
        parent: Option<Bound<'_, PyAny>>,
        id: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Permit> {
        let said =
            Said { flow, priority, labels, cost, deadline, arguments, reads, writes, parent, id };
        let (py, gate) = (slf.py(), slf.get());
        let wish = gate.wish(tool, said)?;
        let around = Surroundings::of(py, gate.number)?;
        let held = match wish.with_call(py, &around, |call| gate.inner().ask(call))? {
            Asking::Granted(held) => held,
            Asking::Refused(refusal) => return Err(errors::refused(py, &refusal)),
            Asking::Waiting(waiting) => blocking::wait(py, &gate.keeper, waiting)?,
        };
        Ok(Permit::running(slf.clone().unbind(), wish, held))
    }

    #[pyo3(signature = (tool, *, flow = None, priority = None, labels = None, cost = None,
        arguments = None, reads = None, writes = None, parent = None, id = None))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords where it is called")]
    fn try_admit(
        slf: &Bound<'_, Self>,
        tool: Bound<'_, PyAny>,
        flow: Option<Bound<'_, PyAny>>,
        priority: Option<Bound<'_, PyAny>>,
        labels: Option<Bound<'_, PyAny>>,
        cost: Option<Bound<'_, PyAny>>,
        arguments: Option<Bound<'_, PyAny>>,
        reads: Option<Bound<'_, PyAny>>,
        writes: Option<Bound<'_, PyAny>>,
        parent: Option<Bound<'_, PyAny>>,
        id: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Permit> {
        let deadline = None;
        let said =
            Said { flow, priority, labels, cost, deadline, arguments, reads, writes, parent, id };
        let (py, gate) = (slf.py(), slf.get());
        let wish = gate.wish(tool, said)?;
        let around = Surroundings::of(py, gate.number)?;
        match wish.with_call(py, &around, |call| gate.inner().try_admit(call))? {
            Ok(held) => Ok(Permit::running(slf.clone().unbind(), wish, held)),
            Err(refusal) => Err(errors::refused(py, &refusal)),
        }
    }

    /// Raises `UnknownTool` if the policy says nothing of this tool.
    fn check_tool(&self, py: Python<'_>, tool: &str) -> PyResult<()> {
        self.has_open_keys(py, tool).map(drop)
    }

    /// What holds a gate may be copied, as settings are: a limit made anew for each copy is no limit.
    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    #[pyo3(signature = (_protocol = None))]
    fn __reduce_ex__(&self, _protocol: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let message = "a gate is of its process and cannot be pickled; make one in each process, of the same \
                       policy: each then has limits of its own";
        Err(PyTypeError::new_err(message))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Its waiters, which the roster shows, lead back to it: that lets go of them.
        visit.call(self.keeper.roster())
    }
}

impl Gate {
    #[inline]
    fn wish(&self, tool: Bound<'_, PyAny>, said: Said<'_>) -> PyResult<Wish> {
        let py = tool.py();
        self.birth.check(py)?;
        let Said { flow, priority, labels, cost, deadline, arguments, reads, writes, parent, id } =
            said;
        let tool: Bound<'_, PyString> = ask::meant(tool, "tool", "a text")?;
        let flow: Option<Bound<'_, PyString>> = ask::optional(flow, "flow", "a text")?;
        let priority: Option<Bound<'_, PyString>> = ask::optional(priority, "priority", "a text")?;
        let open = self.has_open_keys(py, ask::text(&tool, "tool")?)?;
        let little = labels.is_none() && cost.is_none() && deadline.is_none();
        let less = reads.is_none() && writes.is_none() && parent.is_none() && id.is_none();
        let more = if little && less && !open {
            None
        } else {
            let mut more = More {
                labels: match ask::optional(labels, "labels", "a dict")? {
                    Some(labels) => ask::labels(&labels)?,
                    None => Vec::new(),
                },
                costs: match ask::optional(cost, "cost", "a dict")? {
                    Some(costs) => ask::costs(&costs)?,
                    None => Vec::new(),
                },
                deadline: deadline.map(|it| duration(&it, "deadline")).transpose()?,
                keys: Vec::new(),
                parent: None,
                id: match ask::optional::<PyString>(id, "id", "a text")? {
                    Some(id) => Some(ask::text(&id, "id")?.to_owned()),
                    None => None,
                },
            };
            if open {
                more.keys =
                    self.keys(&tool, arguments.as_ref(), reads.is_some() || writes.is_some())?;
            }
            names(&mut more.keys, reads, "reads", KeyAccess::Shared)?;
            names(&mut more.keys, writes, "writes", KeyAccess::Exclusive)?;
            if let Some(parent) = ask::optional::<Permit>(parent, "parent", "a permit")? {
                let running = parent.get().lineage(self.number);
                more.parent = Some(running.ok_or_else(|| {
                    let message =
                        "parent has ended, or is of another gate; pass a permit that runs here";
                    errors::usage(py, message)
                })?);
            }
            Some(Box::new(more))
        };
        let (flow, priority) = (flow.map(Bound::unbind), priority.map(Bound::unbind));
        Ok(Wish { tool: tool.unbind(), flow, priority, more })
    }

    /// Whether keys of the tool's calls follow from their arguments.
    ///
    /// # Errors
    /// The policy says nothing of the tool.
    #[inline]
    fn has_open_keys(&self, py: Python<'_>, tool: &str) -> PyResult<bool> {
        let known = self.known.lock().get(tool).copied();
        known.map_or_else(|| self.look_up(py, tool), Ok)
    }

    #[cold]
    fn look_up(&self, py: Python<'_>, tool: &str) -> PyResult<bool> {
        const KEPT: usize = 4096;
        let policy = self.policy.lock().clone();
        let Some(declared) = policy.tool(tool) else {
            return Err(errors::unknown_tool(py, &policy, tool));
        };
        let open = declared.names_keys_by_arguments();
        let mut known = self.known.lock();
        // A pattern fits any number of names.
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(tool.into(), open);
        Ok(open)
    }

    /// The keys that the policy declares, filled from the call's arguments.
    fn keys(
        &self,
        tool: &Bound<'_, PyString>,
        arguments: Option<&Bound<'_, PyAny>>,
        named: bool,
    ) -> PyResult<Vec<(String, KeyAccess)>> {
        let py = tool.py();
        let name = tool.to_str()?;
        let Some(arguments) = arguments else {
            if named {
                return Ok(Vec::new());
            }
            let message = format!(
                "what {name} reads and writes follows from its arguments; pass arguments=…, or name the                  keys with reads=[…] and writes=[…]"
            );
            return Err(errors::usage(py, message));
        };
        let text = json_text(py, arguments)?;
        let arguments: Arguments = text
            .parse()
            .map_err(|error| errors::arguments(py, format!("arguments of {name}: {error}")))?;
        let policy = self.policy.lock().clone();
        let keys = policy.tool(name).map(|declared| declared.keys(&arguments)).transpose();
        Ok(keys
            .map_err(|error| errors::arguments(py, format!("{name}: {error}")))?
            .unwrap_or_default())
    }
}

/// Adds keys that the caller names.
fn names(
    keys: &mut Vec<(String, KeyAccess)>,
    named: Option<Bound<'_, PyAny>>,
    place: &str,
    access: KeyAccess,
) -> PyResult<()> {
    let Some(named) = named else { return Ok(()) };
    let wrong =
        || PyTypeError::new_err(format!("{place} is a list of texts, as in {place}=[\"file:/a\"]"));
    // A text is a sequence of texts, and never meant as one.
    if named.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    for key in named.try_iter().map_err(|_| wrong())? {
        keys.push((key?.extract::<String>().map_err(|_| wrong())?, access));
    }
    Ok(())
}

impl Drop for Gate {
    fn drop(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        if self.birth.is_here() {
            errors::apart(|| drop(gate));
        } else {
            // Its lock may be held for ever in this process.
            std::mem::forget(gate);
        }
    }
}
