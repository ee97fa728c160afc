//! Policies, from files, text and dictionaries.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PySequence, PyString};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

use rampmeter::policy::Diagnostic;

use crate::errors;

/// A policy that was read and is legal. Errors are `PolicyError` and show the line and the remedy.
#[pyclass(frozen, module = "rampmeter")]
pub(crate) struct Policy {
    pub(crate) read: Arc<rampmeter::Policy>,
}

/// Deeper than any policy; a dictionary that holds itself is deeper.
const MAX_DEPTH: usize = 16;

#[pymethods]
impl Policy {
    /// Reads a policy file.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value, reason = "Python hands over a path of its own")]
    pub(crate) fn from_file(py: Python<'_>, path: PathBuf) -> PyResult<Policy> {
        Policy::of(py, rampmeter::Policy::load(&path))
    }

    /// Reads a policy as text; `name` is what errors call it.
    #[staticmethod]
    #[pyo3(signature = (text, *, name = "policy"))]
    pub(crate) fn from_toml(py: Python<'_>, text: &str, name: &str) -> PyResult<Policy> {
        Policy::of(py, rampmeter::Policy::parse(name, text))
    }

    /// Reads a policy as a dictionary of the shape that a file has.
    #[staticmethod]
    pub(crate) fn from_dict(policy: &Bound<'_, PyAny>) -> PyResult<Policy> {
        let dict = policy.cast::<PyMapping>().map_err(|_| {
            let kind = policy.get_type();
            PyTypeError::new_err(format!(
                "the policy is {}; give a dict, Policy.from_file(path) or Policy.from_toml(text)",
                kind.name().map_or_else(|_| kind.to_string(), |name| name.to_string()),
            ))
        })?;
        let document = DocumentMut::from(table(dict, "", 0)?);
        // Errors show the line of the policy as it would stand in a file.
        Policy::of(policy.py(), rampmeter::Policy::parse("policy (a dict)", &document.to_string()))
    }

    /// What is odd in it, in words.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        // What cannot be run by the command line is run by Python.
        let of_commands = |it: &&Diagnostic| it.message.contains("the command line cannot run it");
        let warnings = self.read.warnings().iter();
        warnings.filter(|it| !of_commands(it)).map(ToString::to_string).collect()
    }

    /// The names and patterns of its tools.
    fn tools(&self) -> Vec<String> {
        self.read.tools.iter().map(|tool| tool.pattern.clone()).collect()
    }

    /// The whole policy with its defaults, as `rampmeter check` prints it.
    fn effective(&self) -> String {
        self.read.effective()
    }

    fn __repr__(&self) -> String {
        format!("<rampmeter.Policy {:?}>", self.read.file_name())
    }
}

impl Policy {
    fn of(
        py: Python<'_>,
        read: Result<rampmeter::Policy, rampmeter::PolicyErrors>,
    ) -> PyResult<Policy> {
        match read {
            Ok(read) => Ok(Policy { read: Arc::new(read) }),
            Err(errors) => Err(errors::policy(py, errors.to_string())),
        }
    }

    /// The policy that is meant by one, or by a dictionary.
    pub(crate) fn meant(policy: &Bound<'_, PyAny>) -> PyResult<Arc<rampmeter::Policy>> {
        match policy.cast::<Policy>() {
            Ok(policy) => Ok(policy.get().read.clone()),
            Err(_) => Ok(Policy::from_dict(policy)?.read),
        }
    }
}

/// A mapping as a table of TOML; `place` is how errors name it.
fn table(mapping: &Bound<'_, PyMapping>, place: &str, depth: usize) -> PyResult<Table> {
    let mut table = Table::new();
    // One that only holds others needs no line of its own; one that holds nothing has no other.
    let entries = entries(mapping, place, depth)?;
    table.set_implicit(!entries.is_empty());
    for (key, item) in entries {
        let item_place = format!("{place}{key}");
        let item = match item.cast::<PyMapping>() {
            // Limits and tools stand in sections of their own, what is below them in a line.
            Ok(below) if depth < 2 => {
                Item::Table(self::table(below, &format!("{item_place}."), depth + 1)?)
            }
            _ => Item::Value(value(&item, &item_place, depth)?),
        };
        table.insert(&key, item);
    }
    Ok(table)
}

type Entries<'py> = Vec<(String, Bound<'py, PyAny>)>;

fn entries<'py>(
    mapping: &Bound<'py, PyMapping>,
    place: &str,
    depth: usize,
) -> PyResult<Entries<'py>> {
    if depth > MAX_DEPTH {
        let message =
            format!("{place} is nested deeper than a policy can be; does it hold itself?");
        return Err(PyValueError::new_err(message));
    }
    let mut entries = Vec::new();
    for entry in mapping.items()?.iter() {
        let (key, item): (Bound<'_, PyAny>, Bound<'_, PyAny>) = entry.extract()?;
        let Ok(key) = key.cast::<PyString>() else {
            let whole = if place.is_empty() { "the policy" } else { place.trim_end_matches('.') };
            let message = format!("{whole} has the key {}; keys are texts", key.repr()?);
            return Err(PyTypeError::new_err(message));
        };
        // What is not said has its default.
        if !item.is_none() {
            entries.push((key.to_str()?.to_owned(), item));
        }
    }
    Ok(entries)
}

fn value(item: &Bound<'_, PyAny>, place: &str, depth: usize) -> PyResult<Value> {
    // A bool is an int for Python.
    if let Ok(is) = item.cast::<PyBool>() {
        return Ok(is.is_true().into());
    }
    if item.is_instance_of::<PyInt>() {
        let number: i64 = item
            .extract()
            .map_err(|_| PyValueError::new_err(format!("{place} is more than a policy can say")))?;
        return Ok(number.into());
    }
    if let Ok(number) = item.cast::<PyFloat>() {
        return Ok(number.value().into());
    }
    if let Ok(text) = item.cast::<PyString>() {
        return Ok(text.to_str()?.into());
    }
    if let Ok(mapping) = item.cast::<PyMapping>() {
        let mut inline = InlineTable::new();
        for (key, item) in entries(mapping, &format!("{place}."), depth + 1)? {
            inline.insert(&key, value(&item, &format!("{place}.{key}"), depth + 1)?);
        }
        return Ok(inline.into());
    }
    if let Ok(elements) = item.cast::<PySequence>() {
        let mut array = Array::new();
        for (index, element) in elements.try_iter()?.enumerate() {
            if depth > MAX_DEPTH {
                let message = format!("{place} is nested deeper than a policy can be");
                return Err(PyValueError::new_err(message));
            }
            array.push(value(&element?, &format!("{place}[{index}]"), depth + 1)?);
        }
        return Ok(array.into());
    }
    let kind = item.get_type().name()?;
    let message =
        format!("{place} is {kind}; a policy holds texts, numbers, booleans, lists and dicts");
    Err(PyTypeError::new_err(message))
}

/// What `json.dumps` makes of it.
pub(crate) fn json_text(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str()?.to_owned());
    }
    let options = PyDict::new(py);
    options.set_item("ensure_ascii", false)?;
    // What JSON does not have, as a date, stands for its text: keys only need to tell it apart.
    options.set_item("default", py.get_type::<PyString>())?;
    let text = py.import("json")?.getattr("dumps")?.call((value,), Some(&options))?;
    text.extract()
        .map_err(|_| errors::arguments(py, "the arguments hold a text that is no Unicode".into()))
}
