//! What is said of a call, checked where it is said and kept until it is asked for.

use pyo3::PyTypeCheck;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyMapping, PyString};
use rampmeter::{Call, KeyAccess, Lineage, Outcome, Unit};
use std::time::Duration;

use crate::ambient::Surroundings;

/// One call, as far as its caller describes it.
pub(crate) struct Wish {
    pub(crate) tool: Py<PyString>,
    pub(crate) flow: Option<Py<PyString>>,
    pub(crate) priority: Option<Py<PyString>>,
    /// What few calls say.
    pub(crate) more: Option<Box<More>>,
}

#[derive(Default)]
pub(crate) struct More {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) costs: Vec<(Unit, u64)>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) keys: Vec<(String, KeyAccess)>,
    pub(crate) parent: Option<Lineage>,
    pub(crate) id: Option<String>,
}

impl Wish {
    /// A call of which no more is said than its tool.
    pub(crate) fn of(tool: Py<PyString>) -> Wish {
        Wish { tool, flow: None, priority: None, more: None }
    }

    /// Puts the call in the gate's words, with what surrounds it.
    ///
    /// # Errors
    /// A text that is no Unicode.
    #[inline]
    pub(crate) fn with_call<R>(
        &self,
        py: Python<'_>,
        around: &Surroundings<'_>,
        ask: impl FnOnce(Call<'_>) -> R,
    ) -> PyResult<R> {
        let flows = || around.flows.iter().map(|flow| flow.get().words());
        let mut call = Call::new(self.tool.bind(py).to_str()?);
        let ambient = || flows().find_map(|words| words.flow.as_ref());
        if let Some(flow) = self.flow.as_ref().or_else(ambient) {
            call = call.flow(text(flow.bind(py), "flow")?);
        }
        let ambient = || flows().find_map(|words| words.priority.as_ref());
        if let Some(priority) = self.priority.as_ref().or_else(ambient) {
            call = call.priority(text(priority.bind(py), "priority")?);
        }
        let own = self.more.as_deref();
        // The innermost first, and those behind it as far as they say something else.
        let labels = || own.iter().map(|more| &more.labels).chain(flows().map(|it| &it.labels));
        for (at, labels_here) in labels().enumerate() {
            for (name, value) in labels_here {
                if !labels().take(at).flatten().any(|(said, _)| said == name) {
                    call = call.label(name, value);
                }
            }
        }
        let mut parent = around.parent;
        if let Some(more) = own {
            for (key, access) in &more.keys {
                call = match access {
                    KeyAccess::Shared => call.reads(&**key),
                    KeyAccess::Exclusive => call.writes(&**key),
                };
            }
            for (unit, amount) in &more.costs {
                call = call.cost(*unit, *amount);
            }
            if let Some(within) = more.deadline {
                call = call.deadline(within);
            }
            if let Some(id) = &more.id {
                call = call.id(id);
            }
            parent = more.parent.or(parent);
        }
        if let Some(parent) = parent {
            call = call.parent(parent);
        }
        Ok(ask(call))
    }
}

/// A text of an argument.
///
/// # Errors
/// It is no Unicode: it has surrogates, as `json.loads` makes them.
#[inline]
pub(crate) fn text<'a>(value: &'a Bound<'_, PyString>, place: &str) -> PyResult<&'a str> {
    value.to_str().map_err(|_| {
        PyValueError::new_err(format!(
            "{place} holds surrogates, which are no text; leave them out"
        ))
    })
}

/// An argument as what it must be.
///
/// # Errors
/// It is something else.
#[inline]
pub(crate) fn meant<'py, T: PyTypeCheck>(
    value: Bound<'py, PyAny>,
    place: &str,
    kind: &str,
) -> PyResult<Bound<'py, T>> {
    value.cast_into().map_err(|error| {
        let is = error.into_inner().get_type();
        let is = is.name().map(|name| name.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("{place} is {is}; give {kind}"))
    })
}

/// [`meant`], if it is given.
#[inline]
pub(crate) fn optional<'py, T: PyTypeCheck>(
    value: Option<Bound<'py, PyAny>>,
    place: &str,
    kind: &str,
) -> PyResult<Option<Bound<'py, T>>> {
    value.map(|value| meant(value, place, kind)).transpose()
}

/// Labels by name.
///
/// # Errors
/// One that is no text.
pub(crate) fn labels(labels: &Bound<'_, PyMapping>) -> PyResult<Vec<(String, String)>> {
    let mut all = Vec::new();
    for item in labels.items()?.iter() {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let (Ok(name), Ok(value)) = (name.cast::<PyString>(), value.cast::<PyString>()) else {
            let kind = value.get_type().name()?;
            let message = format!("labels[{}] is {kind}; names and values are texts", name.repr()?);
            return Err(PyTypeError::new_err(message));
        };
        let owned = |part: &Bound<'_, PyString>| match part.to_str() {
            Ok(part) => Ok(part.to_owned()),
            Err(_) => text(part, &format!("labels[{}]", name.repr()?)).map(str::to_owned),
        };
        all.push((owned(name)?, owned(value)?));
    }
    Ok(all)
}

/// Costs by unit.
///
/// # Errors
/// A unit that is not counted, an amount that is no number or negative.
pub(crate) fn costs(costs: &Bound<'_, PyMapping>) -> PyResult<Vec<(Unit, u64)>> {
    let mut all = Vec::new();
    for item in costs.items()?.iter() {
        let (name, amount): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let unit = name.cast::<PyString>().ok().and_then(|name| {
            let name = name.to_str().ok()?;
            Unit::COSTS.into_iter().find(|unit| unit.key() == name)
        });
        let Some(unit) = unit else {
            let units: Vec<&str> = Unit::COSTS.iter().map(|unit| unit.key()).collect();
            let message =
                format!("a cost of {}; what is counted is {}", name.repr()?, units.join(", "));
            return Err(PyValueError::new_err(message));
        };
        all.push((unit, self::amount(&amount, unit)?));
    }
    Ok(all)
}

fn amount(amount: &Bound<'_, PyAny>, unit: Unit) -> PyResult<u64> {
    let unit = unit.key();
    if !amount.is_instance_of::<PyBool>() {
        match amount.extract() {
            Ok(number) => return Ok(number),
            Err(error) if error.is_instance_of::<PyOverflowError>(amount.py()) => {
                // Python writes no number out that is too long.
                let many = amount.extract::<i128>().map_or("so many".into(), |it| it.to_string());
                let message =
                    format!("a cost of {many} {unit}; give 0 or more, and less than 2**64");
                return Err(PyValueError::new_err(message));
            }
            Err(_) => {}
        }
    }
    let kind = amount.get_type().name()?;
    Err(PyTypeError::new_err(format!("the cost of {unit} is {kind}; give a whole number")))
}

/// How a call ended, in a word.
///
/// # Errors
/// Another word.
pub(crate) fn outcome(word: &str) -> PyResult<Outcome> {
    Ok(match word {
        "succeeded" => Outcome::Succeeded,
        "failed" => Outcome::Failed,
        "overloaded" => Outcome::Overloaded,
        "cancelled" => Outcome::Cancelled,
        other => {
            let message = format!(
                "outcome is {other:?}; a call has succeeded, failed, been overloaded or cancelled"
            );
            return Err(PyValueError::new_err(message));
        }
    })
}
