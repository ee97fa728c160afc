//! A call of a turn, run by a Python function in a task of the loop.
//!
//! The future here is polled by the executor. At its first poll it makes the task; dropped, because the
//! call's time is over or its turn is, it cancels the task. The task tells it what came of it, through
//! a callback of the loop: so no code of the tool's own runs while the executor is polled, unless the
//! loop starts its tasks eagerly, and that may.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rampmeter::{Invocation, Report, ToolError};

use crate::came::Came;
use crate::crew::Crew;
use crate::hold::{Kept, ThreadWork};
use crate::permit::Permit;
use crate::py_loop::PyLoop;

/// Where what runs in the task is defined.
const MODULE: &str = "rampmeter._turn";

pub(crate) type Answer = Result<String, ToolError>;

/// What a task tells: the answer, and the exception by which the tool said so.
type Told = (Answer, Option<Py<PyAny>>);

/// One attempt of a call.
pub(crate) struct ToolCall {
    crew: Arc<Crew>,
    function: usize,
    /// Present until it is begun.
    invocation: Option<Invocation>,
    begun: Option<Begun>,
}

struct Begun {
    id: Arc<str>,
    task: Py<PyAny>,
    /// Where its loop runs.
    thread: ThreadId,
    permit: Py<Permit>,
    answer: Arc<Slot>,
}

/// Where the task leaves what it tells.
struct Slot(Mutex<Inside>);

enum Inside {
    /// Nothing yet; whom to wake.
    Open(Option<Waker>),
    /// Present until it is fetched.
    Told(Option<Told>),
}

impl ToolCall {
    pub(crate) fn new(crew: Arc<Crew>, function: usize, invocation: Invocation) -> ToolCall {
        ToolCall { crew, function, invocation: Some(invocation), begun: None }
    }

    /// What is to run in the task.
    fn coroutine<'py>(
        &self,
        py: Python<'py>,
        permit: &Py<Permit>,
        call: &Invocation,
    ) -> PyResult<Bound<'py, PyAny>> {
        static IN_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static IN_THREAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let function = self.crew.function(self.function);
        let (run, arguments) = (function.call.bind(py), call.arguments.as_str());
        if function.is_async {
            return IN_TASK.import(py, MODULE, "in_task")?.call1((permit, run, arguments));
        }
        let work = ThreadWork::new(&call.work);
        IN_THREAD.import(py, MODULE, "in_thread")?.call1((permit, run, arguments, work))
    }

    /// Makes the task.
    ///
    /// # Errors
    /// The loop, or its task factory, makes none.
    fn begin(&self, py: Python<'_>, call: Invocation) -> PyResult<Begun> {
        let crew = &self.crew;
        let permit = Py::new(py, Permit::of_turn(py, crew.gate().clone_ref(py), &call))?;
        let coroutine = self.coroutine(py, &permit, &call)?;
        let kept = Kept::new(&call.work);
        let task = match PyLoop::running(py)?.create_task(&coroutine) {
            Ok(task) => task,
            Err(error) => {
                coroutine.call_method0(intern!(py, "close"))?;
                return Err(error);
            }
        };
        let answer = Arc::new(Slot(Mutex::new(Inside::Open(None))));
        let ended = Ended {
            crew: crew.clone(),
            report: call.report,
            answer: answer.clone(),
            kept: Mutex::new(Some(kept)),
        };
        task.call_method1(intern!(py, "add_done_callback"), (Bound::new(py, ended)?,))?;
        crew.begins();
        let thread = thread::current().id();
        Ok(Begun { id: call.id, task: task.unbind(), thread, permit, answer })
    }
}

impl Future for ToolCall {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        if let Some(invocation) = self.invocation.take() {
            // What an earlier attempt raised is not why this one ends.
            self.crew.has_raised(&invocation.id, None);
            match Python::attach(|py| self.begin(py, invocation)) {
                Ok(begun) => self.begun = Some(begun),
                Err(error) => {
                    let answer = Python::attach(|py| self.crew.failed_to_begin(py, error));
                    return answer.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            }
        }
        let Some(begun) = &self.begun else { return Poll::Pending };
        begun.answer.poll(context).map(|(answer, raised)| {
            self.crew.has_raised(&begun.id, raised);
            answer
        })
    }
}

impl Drop for ToolCall {
    fn drop(&mut self) {
        let Some(Begun { task, thread, permit, answer, .. }) = self.begun.take() else { return };
        // What is made from now on is made by nobody.
        permit.get().is_over();
        if !answer.is_told() {
            // On a loop that is closed no task goes on.
            Python::try_attach(|py| cancel(task.bind(py), thread).ok());
        }
    }
}

impl Slot {
    fn poll(&self, context: &Context<'_>) -> Poll<Told> {
        let mut inside = self.0.lock();
        match &mut *inside {
            Inside::Told(told) => told.take().map_or(Poll::Pending, Poll::Ready),
            Inside::Open(waker) => {
                let before = waker.replace(context.waker().clone());
                drop(inside);
                drop(before);
                Poll::Pending
            }
        }
    }

    fn tell(&self, told: Told) {
        let before = std::mem::replace(&mut *self.0.lock(), Inside::Told(Some(told)));
        if let Inside::Open(Some(waker)) = before {
            waker.wake();
        }
    }

    fn is_told(&self) -> bool {
        matches!(*self.0.lock(), Inside::Told(_))
    }
}

/// Cancels a task of a loop that runs in this thread, or in that one.
fn cancel(task: &Bound<'_, PyAny>, thread: ThreadId) -> PyResult<()> {
    let py = task.py();
    if thread == thread::current().id() {
        task.call_method0(intern!(py, "cancel"))?;
        return Ok(());
    }
    let on = task.call_method0(intern!(py, "get_loop"))?;
    let cancel = task.getattr(intern!(py, "cancel"))?;
    on.call_method1(intern!(py, "call_soon_threadsafe"), (cancel,))?;
    Ok(())
}

/// What the loop calls when the task has ended.
#[pyclass(frozen)]
struct Ended {
    crew: Arc<Crew>,
    report: Option<Report>,
    answer: Arc<Slot>,
    kept: Mutex<Option<Kept>>,
}

#[pymethods]
impl Ended {
    fn __call__(&self, task: &Bound<'_, PyAny>) {
        let came = Came::of(task, self.report);
        // The slot is free before anybody hears that the call has ended.
        let kept = self.kept.lock().take();
        kept.into_iter().for_each(Kept::finish);
        match came {
            Ok(Came::Answer(answer, raised)) => self.answer.tell((answer, raised)),
            Ok(Came::Fatal(error)) | Err(error) => self.crew.end_with(error),
        }
        self.crew.ends();
    }
}
