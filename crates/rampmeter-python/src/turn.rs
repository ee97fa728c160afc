//! A turn: an awaitable, its own iterator, that polls the executor on the loop of whoever awaits it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use pyo3::PyTraverseError;
use pyo3::exceptions::asyncio::CancelledError;
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyMapping, PyString};
use rampmeter::format::Format;
use rampmeter::{Executor, ResolvedTurn, TurnReport, TurnRequest};

use crate::ambient::Surroundings;
use crate::awaiting::thrown;
use crate::crew::{Crew, Function};
use crate::done::never_awaited;
use crate::gate::Gate;
use crate::seconds::duration;
use crate::turn_report;
use crate::waiter::{Answer, Waiter};
use crate::{ask, errors};

/// The calls of one model's answer, run when it is awaited.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Turn {
    crew: Arc<Crew>,
    progress: Mutex<Progress>,
}

enum Progress {
    New(Box<Wanted>),
    Waiting(Arc<Waiter<Running>>),
    /// It was given up, and ends with this when its tasks have.
    Ending(PyErr, Arc<Waiter<()>>),
    /// Somebody looks at it right now.
    Busy,
    Over,
}

/// What is to be run, and for whom.
struct Wanted {
    executor: Executor,
    turn: ResolvedTurn,
    flow: Option<String>,
    priority: Option<String>,
    labels: Vec<(String, String)>,
    deadline: Option<Duration>,
    fail_fast: bool,
}

type Running = Pin<Box<dyn Future<Output = TurnReport> + Send>>;

/// What there is to go on with, and what is yielded or raised.
type Step<'py> = (Progress, PyResult<Bound<'py, PyAny>>);

impl Wanted {
    /// The turn, within what surrounds whoever awaits it.
    fn begin(self, py: Python<'_>, gate: &Gate) -> PyResult<Running> {
        let around = Surroundings::of(py, gate.number())?;
        let flows = || around.flows.iter().map(|flow| flow.get().words());
        let text = |own: Option<String>, of: Option<&Py<PyString>>| match (own, of) {
            (Some(own), _) => Ok(Some(own)),
            (None, Some(of)) => of.bind(py).extract().map(Some),
            (None, None) => Ok(None),
        };
        let mut request = TurnRequest::new(self.turn);
        if let Some(flow) = text(self.flow, flows().find_map(|it| it.flow.as_ref()))? {
            request = request.flow(flow);
        }
        if let Some(priority) = text(self.priority, flows().find_map(|it| it.priority.as_ref()))? {
            request = request.priority(priority);
        }
        // The innermost first, and those behind it as far as they say something else.
        let labels = || std::iter::once(&self.labels).chain(flows().map(|it| &it.labels));
        for (at, labels_here) in labels().enumerate() {
            for (name, value) in labels_here {
                if !labels().take(at).flatten().any(|(said, _)| said == name) {
                    request = request.label(name, value);
                }
            }
        }
        if let Some(within) = self.deadline {
            request = request.deadline(within);
        }
        if self.fail_fast {
            request = request.fail_fast();
        }
        if let Some(parent) = around.parent {
            request = request.parent(parent);
        }
        // The limits are those of now as well.
        let executor = self.executor.with_policy(gate.known().policy());
        Ok(Box::pin(async move { executor.run_turn(request).await }))
    }
}

impl Turn {
    fn gate(&self) -> &Gate {
        self.crew.gate().get()
    }

    /// Goes on, and keeps what there is to go on with.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.gate().birth().check(py)?;
        let progress = std::mem::replace(&mut *self.progress.lock(), Progress::Busy);
        let running = match progress {
            Progress::New(wanted) => wanted.begin(py, self.gate()),
            // Without one its loop was closed when it was woken.
            Progress::Waiting(waiter) => waiter.take().ok_or_else(|| spent(py)),
            Progress::Ending(error, waiter) => {
                waiter.take();
                return self.put(self.end(py, error));
            }
            Progress::Busy | Progress::Over => {
                *self.progress.lock() = progress;
                return Err(spent(py));
            }
        };
        self.put(match running {
            Ok(running) => self.look(py, running),
            Err(error) => (Progress::Over, Err(error)),
        })
    }

    fn put<'py>(&self, (progress, said): Step<'py>) -> PyResult<Bound<'py, PyAny>> {
        *self.progress.lock() = progress;
        said
    }

    /// Polls it.
    fn look<'py>(&self, py: Python<'py>, running: Running) -> Step<'py> {
        let poll = |running: &mut Running, context: &mut Context<'_>| {
            if let Poll::Ready(error) = self.crew.poll_fatal(context) {
                return Poll::Ready(Err(error));
            }
            running.as_mut().poll(context).map(Ok)
        };
        // What waits no more is dropped there, and its tasks are cancelled.
        match Waiter::wait(py, self.gate().keeper(), running, poll) {
            Ok(Answer::Later(waiter, wait)) => {
                (Progress::Waiting(waiter), Ok(wait.into_bound(py).into_any()))
            }
            Ok(Answer::Ready(Ok(report))) => (Progress::Over, Err(self.report(py, &report))),
            Ok(Answer::Ready(Err(error))) => self.end(py, error),
            Err(error) => (Progress::Over, Err(error)),
        }
    }

    /// It ends with this, as soon as its tasks have ended.
    fn end<'py>(&self, py: Python<'py>, error: PyErr) -> Step<'py> {
        let rest = |(): &mut (), context: &mut Context<'_>| self.crew.poll_rest(context);
        match Waiter::wait(py, self.gate().keeper(), (), rest) {
            Ok(Answer::Later(waiter, wait)) => {
                (Progress::Ending(error, waiter), Ok(wait.into_bound(py).into_any()))
            }
            Ok(Answer::Ready(())) | Err(_) => (Progress::Over, Err(error)),
        }
    }

    /// The end of the iteration, with what became of the turn.
    fn report(&self, py: Python<'_>, report: &TurnReport) -> PyErr {
        match turn_report::report(py, report, &self.crew) {
            Ok(report) => PyStopIteration::new_err((report.unbind(),)),
            Err(error) => error,
        }
    }

    /// What it has come to, unless somebody looks at it. Dropped, it cancels the calls that run.
    fn give_up(&self) -> Progress {
        let mut progress = self.progress.lock();
        match *progress {
            Progress::Busy => Progress::Busy,
            _ => std::mem::replace(&mut progress, Progress::Over),
        }
    }
}

impl Progress {
    /// Cancels the calls that run. Says whether there may be any.
    fn cancel(self) -> bool {
        match self {
            Progress::Waiting(waiter) => waiter.take().is_some(),
            Progress::Ending(_, waiter) => {
                waiter.take();
                false
            }
            Progress::New(_) | Progress::Busy | Progress::Over => false,
        }
    }
}

#[pymethods]
impl Turn {
    /// `calls` is the text of a model's answer, `functions` are tools by name and whether they are
    /// async.
    #[new]
    #[pyo3(signature = (gate, calls, functions, *, flow = None, priority = None, labels = None,
        deadline = None, fail_fast = false, format = None))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords where it is called")]
    fn new(
        gate: &Bound<'_, Gate>,
        calls: &str,
        functions: Vec<(String, Py<PyAny>, bool)>,
        flow: Option<Bound<'_, PyAny>>,
        priority: Option<Bound<'_, PyAny>>,
        labels: Option<Bound<'_, PyAny>>,
        deadline: Option<&Bound<'_, PyAny>>,
        fail_fast: bool,
        format: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Turn> {
        let py = gate.py();
        gate.get().birth().check(py)?;
        let format = text(format, "format")?.map(|name| name.parse::<Format>()).transpose();
        let format = format.map_err(|error| PyValueError::new_err(format!("format: {error}")))?;
        let (flow, priority) = (text(flow, "flow")?, text(priority, "priority")?);
        let labels: Option<Bound<'_, PyMapping>> = ask::optional(labels, "labels", "a dict")?;
        let labels = labels.map(|it| ask::labels(&it)).transpose()?.unwrap_or_default();
        let deadline = deadline.map(|it| duration(it, "deadline")).transpose()?;
        let functions = functions
            .into_iter()
            .map(|(name, call, is_async)| Function { name, call, is_async })
            .collect();
        let crew = Crew::new(gate.clone().unbind(), functions);
        let executor = gate.get().executor().with_registry(crew.registry(py)?);
        let turn =
            executor.resolve_as(calls, format).map_err(|error| errors::format(py, &error))?;
        let wanted = Wanted { executor, turn, flow, priority, labels, deadline, fail_fast };
        Ok(Turn { crew, progress: Mutex::new(Progress::New(Box::new(wanted))) })
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let is_new = matches!(*slf.get().progress.lock(), Progress::New(_));
        if is_new { Ok(slf.clone()) } else { Err(spent(slf.py())) }
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    fn send<'py>(&self, py: Python<'py>, _value: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py)
    }

    /// Whoever awaits it is cancelled, or has something else raised in it.
    #[pyo3(signature = (kind, value = None, traceback = None))]
    fn throw<'py>(
        &self,
        kind: &Bound<'py, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = kind.py();
        let error = thrown(kind, value, traceback)?;
        self.gate().birth().check(py)?;
        let ran = self.give_up().cancel();
        if !ran || !error.is_instance_of::<CancelledError>(py) {
            return Err(error);
        }
        self.put(self.end(py, error))
    }

    fn close(&self) {
        if self.gate().birth().is_here() {
            self.give_up().cancel();
        }
    }

    fn __repr__(&self) -> String {
        let progress = match *self.progress.lock() {
            Progress::New(_) => "not awaited yet",
            Progress::Waiting(_) | Progress::Busy => "running",
            Progress::Ending(..) => "ending",
            Progress::Over => "over",
        };
        format!("<rampmeter.Turn {progress}>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.crew.visit(&visit)
    }

    fn __clear__(&self) {
        self.close();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let progress = self.give_up();
        if self.gate().birth().is_here() {
            errors::apart(|| match progress {
                Progress::New(_) => never_awaited("gate.run_turn(...)"),
                progress => {
                    progress.cancel();
                }
            });
        } else {
            // The gate's lock may be held for ever in this process.
            std::mem::forget(progress);
        }
    }
}

fn text(value: Option<Bound<'_, PyAny>>, place: &str) -> PyResult<Option<String>> {
    let text: Option<Bound<'_, PyString>> = ask::optional(value, place, "a text")?;
    text.map(|text| Ok(text.to_str()?.to_owned())).transpose()
}

fn spent(py: Python<'_>) -> PyErr {
    errors::usage(py, "this turn has been awaited; call gate.run_turn for each")
}
