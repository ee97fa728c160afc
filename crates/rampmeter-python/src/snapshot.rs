//! What is so at one moment (`rampmeter/_snapshot.py`).

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use rampmeter::{
    BreakerState, BudgetSnapshot, InstanceSnapshot, Instant, LimitSnapshot, Pressure,
    PressureCause, PressureLevel, Snapshot, Unit,
};

use crate::dataclass::dataclass;

/// The whole gate.
pub(crate) fn snapshot<'py>(
    py: Python<'py>,
    gate: &Snapshot,
    pressure: PressureLevel,
) -> PyResult<Bound<'py, PyAny>> {
    let limits = PyDict::new(py);
    for state in &gate.limits {
        limits.set_item(&state.name, limit(py, state, gate.now)?)?;
    }
    let keys = PyDict::new(py);
    for key in &gate.keys {
        let state = dataclass!(py, "rampmeter._snapshot", "KeyState", {
            written: key.written,
            readers: key.readers,
            waiting: key.waiting,
        })?;
        keys.set_item(&key.name, state)?;
    }
    dataclass!(py, "rampmeter._snapshot", "Snapshot", {
        at: Duration::from_nanos(gate.now.as_nanos()).as_secs_f64(),
        running: gate.running,
        waiting: gate.waiting,
        pressure: pressure.as_str(),
        limits: limits,
        keys: keys,
    })
}

/// How hard pressed the gate is.
pub(crate) fn pressure<'py>(py: Python<'py>, pressure: &Pressure) -> PyResult<Bound<'py, PyAny>> {
    let (mut queues, mut memory_stop) = (Vec::new(), None);
    for cause in &pressure.causes {
        match cause {
            PressureCause::Memory { stop, .. } => memory_stop = Some(*stop),
            PressureCause::Queue { limit, waiting, size } => {
                queues.push(dataclass!(py, "rampmeter._snapshot", "FullQueue", {
                    limit: &**limit,
                    waiting: waiting,
                    size: size,
                })?);
            }
        }
    }
    dataclass!(py, "rampmeter._snapshot", "Pressure", {
        level: pressure.level.as_str(),
        lasts: pressure.lasts.as_secs_f64(),
        queues: PyTuple::new(py, queues)?,
        oldest: pressure.oldest.map(|oldest| oldest.as_secs_f64()),
        memory: pressure.memory,
        memory_stop: memory_stop,
        sentence: pressure.to_string(),
    })
}

fn limit<'py>(py: Python<'py>, limit: &LimitSnapshot, now: Instant) -> PyResult<Bound<'py, PyAny>> {
    let instances = limit.instances.iter().map(|it| instance(py, it, now));
    let instances = instances.collect::<PyResult<Vec<_>>>()?;
    dataclass!(py, "rampmeter._snapshot", "LimitState", {
        paused: limit.paused,
        peak: limit.peaks.iter().max().unwrap_or(&0),
        instances: PyTuple::new(py, instances)?,
    })
}

fn instance<'py>(
    py: Python<'py>,
    instance: &InstanceSnapshot,
    now: Instant,
) -> PyResult<Bound<'py, PyAny>> {
    let left = |until: Instant| until.saturating_since(now).as_secs_f64();
    let (mut slots, mut rates) = (None, Vec::new());
    for budget in &instance.budgets {
        match budget {
            BudgetSnapshot::Concurrency { size, held, peak, abandoned } => {
                slots = Some(dataclass!(py, "rampmeter._snapshot", "Slots", {
                    size: size,
                    held: held,
                    peak: peak,
                    abandoned: abandoned,
                })?);
            }
            BudgetSnapshot::Rate { counts, amount, period, capacity, used } => {
                rates.push(dataclass!(py, "rampmeter._snapshot", "Rate", {
                    unit: Unit::of(*counts).key(),
                    amount: amount,
                    period: period.as_secs_f64(),
                    capacity: capacity,
                    used: used,
                })?);
            }
        }
    }
    let (breaker, probes_in) = match instance.breaker {
        None => (None, None),
        Some(BreakerState::Closed) => (Some("closed"), None),
        Some(BreakerState::Open(until)) => (Some("open"), Some(left(until))),
        Some(BreakerState::HalfOpen) => (Some("half_open"), None),
    };
    dataclass!(py, "rampmeter._snapshot", "Instance", {
        label: instance.label.as_deref(),
        waiting: instance.waiting,
        slots: slots,
        rates: PyTuple::new(py, rates)?,
        cooling: instance.cooling.map(left),
        breaker: breaker,
        probes_in: probes_in,
    })
}
