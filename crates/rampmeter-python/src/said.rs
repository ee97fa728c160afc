//! What every way of asking takes, made into a wish.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rampmeter::KeyAccess;
use rampmeter::format::Arguments;

use crate::ask::{self, More, Wish};
use crate::errors;
use crate::gate::Gate;
use crate::permit::Permit;
use crate::policy::json_text;
use crate::seconds::duration;

/// What every way of asking takes besides the tool's name.
#[derive(Default)]
pub(crate) struct Said<'py> {
    pub(crate) flow: Option<Bound<'py, PyAny>>,
    pub(crate) priority: Option<Bound<'py, PyAny>>,
    pub(crate) labels: Option<Bound<'py, PyAny>>,
    pub(crate) cost: Option<Bound<'py, PyAny>>,
    pub(crate) deadline: Option<Bound<'py, PyAny>>,
    pub(crate) arguments: Option<Bound<'py, PyAny>>,
    pub(crate) reads: Option<Bound<'py, PyAny>>,
    pub(crate) writes: Option<Bound<'py, PyAny>>,
    pub(crate) parent: Option<Bound<'py, PyAny>>,
    pub(crate) id: Option<Bound<'py, PyAny>>,
}

impl Gate {
    /// Checks what is said of a call.
    ///
    /// # Errors
    /// What is wrong with it, by the argument's name.
    #[inline]
    pub(crate) fn wish(&self, tool: Bound<'_, PyAny>, said: Said<'_>) -> PyResult<Wish> {
        let py = tool.py();
        self.birth().check(py)?;
        let Said { flow, priority, labels, cost, deadline, arguments, reads, writes, parent, id } =
            said;
        let tool: Bound<'_, PyString> = ask::meant(tool, "tool", "a text")?;
        let flow: Option<Bound<'_, PyString>> = ask::optional(flow, "flow", "a text")?;
        let priority: Option<Bound<'_, PyString>> = ask::optional(priority, "priority", "a text")?;
        let open = self.known().has_open_keys(py, ask::text(&tool, "tool")?)?;
        let little = labels.is_none() && cost.is_none() && deadline.is_none();
        let less = reads.is_none() && writes.is_none() && parent.is_none() && id.is_none();
        let more = if little && less && !open {
            None
        } else {
            let mut more = More {
                labels: match ask::optional(labels, "labels", "a dict")? {
                    Some(labels) => ask::labels(&labels)?,
                    None => Vec::new(),
                },
                costs: match ask::optional(cost, "cost", "a dict")? {
                    Some(costs) => ask::costs(&costs)?,
                    None => Vec::new(),
                },
                deadline: deadline.map(|it| duration(&it, "deadline")).transpose()?,
                keys: Vec::new(),
                parent: None,
                id: match ask::optional::<PyString>(id, "id", "a text")? {
                    Some(id) => Some(ask::text(&id, "id")?.to_owned()),
                    None => None,
                },
            };
            if open {
                more.keys =
                    self.keys(&tool, arguments.as_ref(), reads.is_some() || writes.is_some())?;
            }
            names(&mut more.keys, reads, "reads", KeyAccess::Shared)?;
            names(&mut more.keys, writes, "writes", KeyAccess::Exclusive)?;
            if let Some(parent) = ask::optional::<Permit>(parent, "parent", "a permit")? {
                let running = parent.get().lineage(self.number());
                more.parent = Some(running.ok_or_else(|| {
                    let message =
                        "parent has ended, or is of another gate; pass a permit that runs here";
                    errors::usage(py, message)
                })?);
            }
            Some(Box::new(more))
        };
        let (flow, priority) = (flow.map(Bound::unbind), priority.map(Bound::unbind));
        Ok(Wish { tool: tool.unbind(), flow, priority, more })
    }

    /// Checks what is said of all calls of a tool, whatever their arguments.
    ///
    /// # Errors
    /// Those of [`Gate::wish`], and a priority that there is not.
    pub(crate) fn check_said(&self, tool: Bound<'_, PyAny>, said: Said<'_>) -> PyResult<()> {
        let py = tool.py();
        // Keys that are named need no arguments.
        let reads = Some(PyTuple::empty(py).into_any());
        let wish = self.wish(tool, Said { reads, ..said })?;
        let Some(priority) = wish.priority.as_ref().map(|it| it.to_str(py)).transpose()? else {
            return Ok(());
        };
        let policy = self.known().policy();
        let known: Vec<&str> = policy.priorities.iter().map(|it| it.name.as_str()).collect();
        if known.contains(&priority) {
            return Ok(());
        }
        let known = known.join(", ");
        let message = format!("there is no priority {priority:?}; the policy has {known}");
        Err(errors::usage(py, message))
    }

    /// The keys that the policy declares, filled from the call's arguments.
    fn keys(
        &self,
        tool: &Bound<'_, PyString>,
        arguments: Option<&Bound<'_, PyAny>>,
        named: bool,
    ) -> PyResult<Vec<(String, KeyAccess)>> {
        let py = tool.py();
        let name = tool.to_str()?;
        let Some(arguments) = arguments else {
            if named {
                return Ok(Vec::new());
            }
            let message = format!(
                "what {name} reads and writes follows from its arguments; pass arguments=…, or name the \
                 keys with reads=[…] and writes=[…]"
            );
            return Err(errors::usage(py, message));
        };
        let text = json_text(py, arguments)?;
        let arguments: Arguments = text
            .parse()
            .map_err(|error| errors::arguments(py, format!("arguments of {name}: {error}")))?;
        let policy = self.known().policy();
        let keys = policy.tool(name).map(|declared| declared.keys(&arguments)).transpose();
        Ok(keys
            .map_err(|error| errors::arguments(py, format!("{name}: {error}")))?
            .unwrap_or_default())
    }
}

/// Adds keys that the caller names.
fn names(
    keys: &mut Vec<(String, KeyAccess)>,
    named: Option<Bound<'_, PyAny>>,
    place: &str,
    access: KeyAccess,
) -> PyResult<()> {
    let Some(named) = named else { return Ok(()) };
    let wrong =
        || PyTypeError::new_err(format!("{place} is a list of texts, as in {place}=[\"file:/a\"]"));
    // A text is a sequence of texts, and never meant as one.
    if named.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    for key in named.try_iter().map_err(|_| wrong())? {
        keys.push((key?.extract::<String>().map_err(|_| wrong())?, access));
    }
    Ok(())
}
