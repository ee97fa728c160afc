//! The compiled part of the Python package: the gate, driven by Python's own event loops.
//!
//! Waiting costs no thread: an answer resolves a future of the loop that waits, and time is kept by
//! that loop's own timers ([`keeper`]). Two locks are about, the interpreter's and the gate's; nothing
//! of Python's is touched while the gate's is held, so they cannot wait for each other.

mod ambient;
mod ask;
mod awaiting;
mod batch;
mod blocking;
mod came;
mod crew;
mod dataclass;
mod done;
mod errors;
mod event;
mod events;
mod explanation;
mod fork;
mod gate;
mod headers;
mod hold;
mod interpreter;
mod keeper;
mod known;
mod permit;
mod persist;
mod policy;
mod py_loop;
mod ready;
mod roster;
mod runtime;
mod said;
mod seconds;
mod snapshot;
mod task;
mod tool_call;
mod turn;
mod turn_report;
mod waiter;

use pyo3::prelude::*;

/// `rampmeter._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fork::watch(module.py())?;
    interpreter::watch(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<ambient::Flow>()?;
    module.add_class::<event::Event>()?;
    module.add_class::<events::Events>()?;
    module.add_class::<gate::Gate>()?;
    module.add_class::<permit::Permit>()?;
    module.add_class::<policy::Policy>()?;
    module.add_class::<hold::ThreadWork>()?;
    module.add_class::<turn::Turn>()?;
    module.add_function(wrap_pyfunction!(ambient::current_permit, module)?)?;
    Ok(())
}
