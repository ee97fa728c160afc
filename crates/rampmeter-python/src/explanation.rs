//! Why a call waits (`rampmeter/_explanation.py`).

use pyo3::prelude::*;
use rampmeter::{Waiting, WaitsFor};

use crate::dataclass::dataclass;
use crate::waiter::Waiter;

/// Why the call waits, if it does.
pub(crate) fn of<'py>(
    py: Python<'py>,
    waiter: &Waiter<Waiting>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // It is asked without what it waits with, which others may need meanwhile.
    let explainer = waiter.with(Waiting::explainer);
    let why = explainer.and_then(|why| why());
    why.map(|why| explanation(py, &why)).transpose()
}

/// The explanation as Python has it.
pub(crate) fn explanation<'py>(
    py: Python<'py>,
    why: &rampmeter::Explanation,
) -> PyResult<Bound<'py, PyAny>> {
    let (waits_for, room_in, kept_for) = match &why.waits_for {
        WaitsFor::Turn => ("turn", None, None),
        WaitsFor::Release => ("release", None, None),
        WaitsFor::Time(left) => ("time", Some(left.as_secs_f64()), None),
        WaitsFor::Claimant(call) => ("claimant", None, Some(&*call.tool)),
        WaitsFor::Resume => ("resume", None, None),
    };
    dataclass!(py, "rampmeter._explanation", "Explanation", {
        tool: &*why.call.tool,
        flow: &*why.call.flow,
        priority: &*why.call.priority,
        id: Some(&*why.call.id).filter(|id| !id.is_empty()),
        limit: &*why.limit,
        waits_for: waits_for,
        room_in: room_in,
        kept_for: kept_for,
        waited: why.waited.as_secs_f64(),
        ahead: why.ahead,
        waiting: why.waiting,
        claims: why.claims,
        rescued: why.rescued,
        starts_in: why.starts_in.map(|left| left.as_secs_f64()),
        sentence: why.to_string(),
    })
}
