//! The compiled part of the Python package: the gate, driven by Python's own event loops.
//!
//! Waiting costs no thread: an answer resolves a future of the loop that waits, and time is kept by
//! that loop's own timers ([`keeper`]). Two locks are about, the interpreter's and the gate's; nothing
//! of Python's is touched while the gate's is held, so they cannot wait for each other.

mod ambient;
mod ask;
mod batch;
mod blocking;
mod done;
mod errors;
mod fork;
mod gate;
mod headers;
mod keeper;
mod outcome;
mod permit;
mod policy;
mod py_loop;
mod roster;
mod runtime;
mod seconds;
mod task;
mod waiter;

use pyo3::prelude::*;

/// `rampmeter._native`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fork::watch(module.py())?;
    module.add_class::<ambient::Flow>()?;
    module.add_class::<gate::Gate>()?;
    module.add_class::<permit::Permit>()?;
    module.add_class::<policy::Policy>()?;
    module.add_function(wrap_pyfunction!(ambient::current_permit, module)?)?;
    Ok(())
}
