//! What is raised. The classes are Python's (`rampmeter/_errors.py`), so that they are typed, picklable
//! and documented there.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use rampmeter::format::ParseError;
use rampmeter::{Reason, Refusal, Retry};

macro_rules! classes {
    ($($function:ident: $name:literal),* $(,)?) => {
        $(fn $function(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
            static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            CLASS.import(py, "rampmeter._errors", $name)
        })*
    };
}

classes! {
    arguments_class: "ArgumentsError",
    forked_class: "ForkedError",
    policy_class: "PolicyError",
    format_class: "FormatError",
    refused_class: "Refused",
    state_class: "StateError",
    unknown_limit_class: "UnknownLimit",
    unknown_class: "UnknownTool",
    usage_class: "UsageError",
}

fn raise(class: PyResult<&Bound<'_, PyType>>, message: String) -> PyErr {
    match class {
        Ok(class) => PyErr::from_type(class.clone(), (message,)),
        Err(error) => error,
    }
}

/// The gate is another process's.
pub(crate) fn forked(py: Python<'_>) -> PyErr {
    let message = "this gate was made before the process was forked, and its limits are the parent's; make a \
                   gate in the child (in the worker's initializer or post-fork hook): each process then has \
                   limits of its own";
    raise(forked_class(py), message.to_owned())
}

/// The policy cannot be.
pub(crate) fn policy(py: Python<'_>, message: String) -> PyErr {
    raise(policy_class(py), message)
}

/// Something is used where it cannot work.
pub(crate) fn usage(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(usage_class(py), message.into())
}

/// A call is asked for once more.
pub(crate) fn spent(py: Python<'_>) -> PyErr {
    usage(py, "this call has been asked for already; ask again with gate.admit for each call")
}

/// Something is told of a call that does not run yet.
pub(crate) fn not_admitted(py: Python<'_>) -> PyErr {
    let message = "this call is not admitted yet; use `async with gate.admit(…)`, await it, or gate.admit_sync";
    usage(py, message)
}

/// A call's arguments do not fill its keys.
pub(crate) fn arguments(py: Python<'_>, message: String) -> PyErr {
    raise(arguments_class(py), message)
}

/// The policy has no limit of this name.
pub(crate) fn unknown_limit(py: Python<'_>, message: String) -> PyErr {
    raise(unknown_limit_class(py), message)
}

/// A state file cannot be used.
pub(crate) fn state(py: Python<'_>, message: String) -> PyErr {
    raise(state_class(py), message)
}

/// What a model wrote cannot be read as a turn.
pub(crate) fn format(py: Python<'_>, error: &ParseError) -> PyErr {
    raise(format_class(py), format!("tool_calls, {error}"))
}

/// The policy says nothing of a tool.
pub(crate) fn unknown_tool(py: Python<'_>, policy: &rampmeter::Policy, tool: &str) -> PyErr {
    let nearest = policy.nearest_tool(tool);
    let meant = nearest.map(|it| format!("; did you mean {it:?}?")).unwrap_or_default();
    let message = format!(
        "the policy has no tool {tool:?}{meant} Name it there, as in [tools.{tool:?}] limits = [], or all \
         that it does not name by [tools.\"*\"]"
    );
    raise(unknown_class(py), message.replace("\" Name", "\"; name"))
}

/// The limits said no; or nobody can even ask them, and that is the caller's fault.
pub(crate) fn refused(py: Python<'_>, refusal: &Refusal) -> PyErr {
    if refusal.reason == Reason::Unsupported {
        return usage(py, refusal.to_string());
    }
    refused_object(py, refusal).map_or_else(|error| error, PyErr::from_value)
}

/// The exception of a refusal, which is not raised yet.
pub(crate) fn refused_object<'py>(
    py: Python<'py>,
    refusal: &Refusal,
) -> PyResult<Bound<'py, PyAny>> {
    let (retry, after) = match refusal.retry {
        Retry::After(wait) => ("after", Some(wait.as_secs_f64())),
        Retry::OnRelease => ("on_release", None),
        Retry::OnResume => ("on_resume", None),
        Retry::Never => ("never", None),
    };
    let fields = PyDict::new(py);
    fields.set_item("tool", &*refusal.tool)?;
    fields.set_item("reason", refusal.reason.as_str())?;
    fields.set_item("limit", refusal.limit.as_deref())?;
    fields.set_item("retry", retry)?;
    fields.set_item("retry_after", after)?;
    fields.set_item("waited", refusal.waited.as_secs_f64())?;
    refused_class(py)?.call((refusal.to_string(),), Some(&fields))
}

/// Does what may call Python while an exception is on its way, as in the end of an object.
pub(crate) fn apart(work: impl FnOnce()) {
    let mut work = Some(work);
    let done = Python::try_attach(|py| {
        let raised = PyErr::take(py);
        if let Some(work) = work.take() {
            work();
        }
        if let Some(raised) = raised {
            raised.restore(py);
        }
    });
    // Without an interpreter there is nothing of Python's to call.
    if done.is_none()
        && let Some(work) = work.take()
    {
        work();
    }
}

/// Has the main thread raise it as soon as that runs Python again: a signal's handler raised it within a call
/// that cannot let it out.
pub(crate) fn raise_soon(py: Python<'_>, error: PyErr) {
    if !is_main_thread(py).unwrap_or(false) {
        return error.write_unraisable(py, None);
    }
    let error = Box::into_raw(Box::new(error));
    if !add_pending(error) {
        // SAFETY: it was made of a box just now, and nobody else has taken it.
        #[allow(unsafe_code, reason = "an exception crosses C as a pointer")]
        let error = unsafe { Box::from_raw(error) };
        error.write_unraisable(py, None);
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static IDENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let here = IDENT.import(py, "threading", "get_ident")?.call0()?;
    let main = py.import("threading")?.call_method0("main_thread")?;
    main.getattr("ident")?.eq(here)
}

/// Has the main thread take the exception. Says whether it will.
#[allow(unsafe_code, reason = "PyO3 has no pending calls")]
fn add_pending(error: *mut PyErr) -> bool {
    extern "C" fn raise(error: *mut std::ffi::c_void) -> std::ffi::c_int {
        // SAFETY: it is the box of `raise_soon`, which comes here once.
        let error = unsafe { Box::from_raw(error.cast::<PyErr>()) };
        Python::attach(|py| error.restore(py));
        -1
    }
    // SAFETY: the function and what it is handed outlive the call.
    unsafe { pyo3::ffi::Py_AddPendingCall(Some(raise), error.cast()) == 0 }
}
