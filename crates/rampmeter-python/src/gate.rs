//! The gate, as Python has it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use rampmeter::{Asking, Call, Durability, Executor, Registry};

use crate::ambient::Surroundings;
use crate::awaiting::Awaiting;
use crate::events::Events;
use crate::explanation::explanation;
use crate::fork::Birth;
use crate::keeper::Keeper;
use crate::known::Known;
use crate::permit::Permit;
use crate::policy::Policy;
use crate::ready::Ready;
use crate::runtime::PythonRuntime;
use crate::said::Said;
use crate::seconds::duration;
use crate::{blocking, errors, persist, snapshot};

/// One gate for one policy. Make it once and share it: between tasks, loops and threads.
///
/// A process that was forked has to make its own; the one it inherited raises `ForkedError`.
#[pyclass(frozen, subclass, module = "rampmeter")]
pub(crate) struct Gate {
    /// The gate, and what its turns share. Present until the end.
    executor: Option<Executor>,
    keeper: Arc<Keeper>,
    /// Different for each gate of this process.
    number: u64,
    birth: Birth,
    known: Known,
    /// What is admitted at once may have to be on the disk first.
    strict: AtomicBool,
}

impl Gate {
    pub(crate) fn inner(&self) -> &rampmeter::Gate {
        self.turns().gate()
    }

    fn turns(&self) -> &Executor {
        match &self.executor {
            Some(executor) => executor,
            None => unreachable!("a gate has its inside until it is dropped"),
        }
    }

    /// Of all turns, which bring their own tools, under the policy of now.
    pub(crate) fn executor(&self) -> Executor {
        self.turns().with_policy(self.known.policy())
    }

    /// # Errors
    /// It is another process's.
    fn here(&self, py: Python<'_>) -> PyResult<&rampmeter::Gate> {
        self.birth.check(py)?;
        Ok(self.inner())
    }

    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    pub(crate) fn birth(&self) -> Birth {
        self.birth
    }
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
            executor: Some(Executor::new(gate, Registry::new(), policy.clone())),
            keeper,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            birth: Birth::now(),
            known: Known::new(policy),
            strict: AtomicBool::new(false),
        })
    }

    /// A gate for the policy in this file. Raises `PolicyError`, which shows each line that is wrong.
    #[classmethod]
    fn from_file<'py>(class: &Bound<'py, PyType>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        class.call1((Policy::from_file(class.py(), path)?,))
    }

    /// A gate for the policy in this text; `name` is what errors call it.
    #[classmethod]
    #[pyo3(signature = (text, *, name = "policy"))]
    fn from_toml<'py>(
        class: &Bound<'py, PyType>,
        text: &str,
        name: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.call1((Policy::from_toml(class.py(), text, name)?,))
    }

    /// A gate for the policy in this dictionary, of the shape that a file has.
    #[classmethod]
    fn from_dict<'py>(
        class: &Bound<'py, PyType>,
        policy: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.call1((Policy::from_dict(policy)?,))
    }

    /// The policy that is enforced now.
    #[getter]
    fn policy(&self) -> Policy {
        Policy { read: self.known.policy() }
    }

    /// Asks for one call: `async with gate.admit("tool", …) as permit:`, or `permit = await gate.admit(…)`
    /// and later `permit.finish()`. It takes its place in the queue when it is first awaited.
    ///
    /// `flow` is whom it is for, `priority` a priority of the policy, `labels` values that limits are `per`,
    /// `cost` what it should take of each unit (`{"tokens": 900}`), `deadline` by when it must start, in
    /// seconds or as a `timedelta`, `arguments` those of the call, a dictionary or JSON, which fill the keys
    /// that the policy declares; `reads` and `writes` are keys by name; `parent` is the running call that
    /// makes it, if not that in whose block it is made; `id` is for events.
    ///
    /// Raises `Refused` where it is awaited; `UnknownTool`, `UsageError`, `TypeError`, `ValueError` at once.
    /// Cancelling whoever waits gives its place up, and nothing was consumed.
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

    /// `with gate.admit_sync("tool", …) as permit:` blocks this thread, with the GIL released, until the
    /// call may start. Signals reach it. Takes and raises what `admit` does.
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
            Asking::Waiting(mut waiting) => {
                let answer = blocking::wait(py, &gate.keeper, |context| waiting.poll(context))?;
                answer.map_err(|refusal| errors::refused(py, &refusal))?
            }
        };
        Ok(Permit::running(slf.clone().unbind(), wish, held))
    }

    /// Admits the call now or raises `Refused` (`reason == "would_wait"`).
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
        let ask = |call: Call<'_>| {
            if gate.strict.load(Ordering::Relaxed) {
                // Whoever writes down what the call is charged may need the interpreter to tell others.
                py.detach(|| gate.inner().try_admit(call))
            } else {
                gate.inner().try_admit(call)
            }
        };
        match wish.with_call(py, &around, ask)? {
            Ok(held) => Ok(Permit::running(slf.clone().unbind(), wish, held)),
            Err(refusal) => Err(errors::refused(py, &refusal)),
        }
    }

    /// What happens from now on, up to so many unread events at a time.
    #[pyo3(signature = (capacity = 10_000))]
    fn events(&self, py: Python<'_>, capacity: i64) -> PyResult<Events> {
        let capacity = usize::try_from(capacity).ok().filter(|capacity| *capacity > 0);
        let Some(capacity) = capacity else {
            return Err(PyValueError::new_err("capacity is less than 1; give 1 or more"));
        };
        let gate = self.here(py)?;
        let events = gate.subscribe(capacity);
        // What time alone changes is told too, whether or not a call waits.
        gate.keep_time();
        Ok(Events::new(events, self.keeper.clone()))
    }

    /// How many events of each kind there have been; exact, whatever was missed.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = PyDict::new(py);
        for (kind, count) in self.here(py)?.counters().iter() {
            counters.set_item(kind.as_str(), count)?;
        }
        Ok(counters)
    }

    /// What is held, used and waiting now.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let gate = self.here(py)?;
        snapshot::snapshot(py, &gate.snapshot(), gate.pressure_level())
    }

    /// How hard pressed the gate is, and by what.
    fn pressure<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        snapshot::pressure(py, &self.here(py)?.pressure())
    }

    /// Why calls wait: those so many that came first, in the order in which they came.
    #[pyo3(signature = (most = 100))]
    fn waiting<'py>(&self, py: Python<'py>, most: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.here(py)?.waiting(most).iter().map(|why| explanation(py, why)).collect()
    }

    /// Waits until the gate takes more work: no queue is filled, and calls are not stopped for want of
    /// memory. It promises nothing: the call itself may still have to wait. Cancelling it is safe.
    fn ready(slf: &Bound<'_, Self>) -> Awaiting {
        Awaiting::new(Ready::new(slf.clone().unbind()))
    }

    /// Enforces another policy from now on. Limits that keep their names keep what is held and used; no
    /// running call is touched. Raises `PolicyError`, and changes nothing, if that cannot be.
    fn apply(&self, policy: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = policy.py();
        let policy = Policy::meant(policy)?;
        let applied = self.here(py)?.apply(&policy);
        applied.map_err(|error| errors::policy(py, error.to_string()))?;
        self.known.look_again(self.inner());
        Ok(())
    }

    /// Starts nothing any more that draws on the limit, until `resume`. Raises `UnknownLimit`.
    fn pause(&self, py: Python<'_>, limit: &str) -> PyResult<()> {
        let paused = self.here(py)?.pause(limit);
        paused.map_err(|error| errors::unknown_limit(py, error.to_string()))
    }

    /// Lets a paused limit go on. Raises `UnknownLimit`.
    fn resume(&self, py: Python<'_>, limit: &str) -> PyResult<()> {
        let resumed = self.here(py)?.resume(limit);
        resumed.map_err(|error| errors::unknown_limit(py, error.to_string()))
    }

    /// Keeps what the rates have used in a file, so that a quota survives a restart. Call it before the
    /// first call is admitted.
    ///
    /// Written is at every `interval` (1 s), or, with `durability="strict"`, before the call is admitted that
    /// is charged; and when the gate is dropped or the interpreter ends. A thread does that. Raises
    /// `StateError` if the file is in use or cannot be read or written.
    #[pyo3(signature = (path, *, durability = "interval", interval = None))]
    fn persist<'py>(
        slf: &Bound<'py, Self>,
        path: PathBuf,
        durability: &str,
        interval: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().here(slf.py())?;
        let interval = interval.map(|it| duration(&it, "interval")).transpose()?;
        let durability = persist::durability(durability, interval)?;
        slf.get().strict.fetch_or(durability == Durability::Strict, Ordering::Relaxed);
        persist::persist(slf, path, durability)
    }

    /// Writes the state now; it is on the disk when this returns. Raises `StateError`.
    fn save(&self, py: Python<'_>) -> PyResult<()> {
        persist::save(py, self.here(py)?)
    }

    /// How the keeping of the state has gone; `None` without `persist`.
    fn persisted<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        persist::persisted(py, self.here(py)?)
    }

    /// Whether what its calls read and write follows from their arguments.
    fn _needs_arguments(&self, py: Python<'_>, tool: &str) -> PyResult<bool> {
        self.birth.check(py)?;
        self.known.has_open_keys(py, tool)
    }

    /// Whether calls of this tool in one turn run one after the other, since it may write and names no key that it does.
    fn _runs_in_order(&self, py: Python<'_>, tool: &str) -> PyResult<bool> {
        self.birth.check(py)?;
        Ok(self.known.runs_in_order(tool))
    }

    /// Raises `UnknownTool` if the policy says nothing of this tool.
    fn check_tool(&self, py: Python<'_>, tool: &str) -> PyResult<()> {
        self.birth.check(py)?;
        self.known.has_open_keys(py, tool).map(drop)
    }

    /// Raises what `admit` would of a call of which this is said, but for its arguments and keys; and
    /// `UsageError` if there is no such priority.
    #[pyo3(signature = (tool, *, flow = None, priority = None, labels = None, cost = None, deadline = None))]
    fn _check_call(
        &self,
        tool: Bound<'_, PyAny>,
        flow: Option<Bound<'_, PyAny>>,
        priority: Option<Bound<'_, PyAny>>,
        labels: Option<Bound<'_, PyAny>>,
        cost: Option<Bound<'_, PyAny>>,
        deadline: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.check_said(tool, Said { flow, priority, labels, cost, deadline, ..Said::default() })
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

impl Drop for Gate {
    fn drop(&mut self) {
        let Some(gate) = self.executor.take() else { return };
        if self.birth.is_here() {
            // One that keeps its state writes it now, and nobody else need stand still for that.
            errors::apart(|| {
                Python::try_attach(|py| py.detach(|| drop(gate)));
            });
        } else {
            // Its lock may be held for ever in this process.
            std::mem::forget(gate);
        }
    }
}
