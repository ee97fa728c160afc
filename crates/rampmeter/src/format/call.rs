//! One call as the model wrote it, and what its siblings change about it.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde_json::value::RawValue;

use super::arguments::Arguments;
use super::fields::{kind, string};
use super::reply::ReplyForm;

/// One call of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Position among the message's calls, from 0 without a gap.
    pub index: usize,
    /// The id that the reply must name. Where none could be read it is made up as `call_<index>`
    /// (with `_` appended while another call has that id), so that replies stay distinct.
    pub id: String,
    /// The tool's name; empty where none could be read.
    pub name: String,
    /// What the reply must follow in how the call was written.
    pub form: ReplyForm,
    /// What the tool is given, or why this call cannot run.
    pub arguments: Result<Arguments, Malformed>,
}

/// Why one call cannot run; its siblings can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Each defect with its place in the message and the remedy, fit for the model to read.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Malformed {}

/// A call as far as it can be read by itself, before it is compared with its siblings.
#[derive(Default)]
pub(super) struct Draft {
    /// Where it stands, such as `tool_calls[2]`.
    pub(super) place: Place,
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) form: ReplyForm,
    /// Present unless a defect says why not.
    pub(super) arguments: Option<Arguments>,
    pub(super) defects: Vec<String>,
}

/// Where a call stands, such as an element of a list; spelled out only when something is wrong
/// with it.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    list: &'static str,
    at: Option<usize>,
}

impl Place {
    pub(super) fn alone(name: &'static str) -> Self {
        Self { list: name, at: None }
    }

    pub(super) fn in_list(list: &'static str, at: usize) -> Self {
        Self { list, at: Some(at) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            None => f.write_str(self.list),
            Some(at) => write!(f, "{}[{at}]", self.list),
        }
    }
}

impl Draft {
    pub(super) fn new(place: Place) -> Self {
        Self { place, ..Self::default() }
    }

    /// Notes a defect of the call itself: `what` continues a sentence that begins with its place.
    pub(super) fn defect(&mut self, what: impl fmt::Display) {
        self.defects.push(format!("{} {what}", self.place));
    }

    /// Notes a defect of one of its fields.
    pub(super) fn defect_in(&mut self, field: &str, what: impl fmt::Display) {
        self.defects.push(format!("{}.{field} {what}", self.place));
    }

    pub(super) fn read_id(&mut self, field: &str, raw: Option<&RawValue>) {
        match text(raw) {
            Ok(id) => self.id = Some(id),
            Err(what) => self.defect_in(field, format_args!("{what}; give each call its own id")),
        }
    }

    pub(super) fn read_name(&mut self, field: &str, raw: Option<&RawValue>) {
        match text(raw) {
            Ok(name) => self.name = name,
            Err(what) => self.defect_in(field, format_args!("{what}; name the tool to call")),
        }
    }

    pub(super) fn read_arguments(&mut self, field: &str, read: Result<Arguments, String>) {
        match read {
            Ok(arguments) => self.arguments = Some(arguments),
            Err(what) => self.defect_in(field, what),
        }
    }

    /// A key that stands twice leaves open which value was meant, so neither may run.
    pub(super) fn read_twice(&mut self, prefix: &str, twice: Option<&str>) {
        if let Some(key) = twice {
            self.defect(format_args!("has the key {prefix}{key} twice; write it once"));
        }
    }
}

/// A string that says something, or what is wrong with it.
fn text(raw: Option<&RawValue>) -> Result<String, String> {
    let raw = raw.ok_or("is missing")?;
    match string(raw) {
        Some(text) if text.is_empty() => Err("is empty".to_owned()),
        Some(text) => Ok(text),
        None if raw.get().starts_with('"') => Err("is not valid Unicode".to_owned()),
        None => Err(format!("is {}, not a string", kind(raw))),
    }
}

/// Compares the ids of a message's calls and numbers the calls.
///
/// The first call with an id keeps it; a later one could not be told from it in the replies and
/// becomes malformed, with its id kept as written.
pub(super) fn settle(mut drafts: Vec<Draft>) -> Vec<Asked> {
    note_repeated_ids(&mut drafts);
    let made_up = make_up_ids(&drafts);
    let with_id = drafts.into_iter().zip(made_up).enumerate();
    with_id.map(|(index, (draft, made_up))| finish(index, draft, made_up)).collect()
}

fn note_repeated_ids(drafts: &mut [Draft]) {
    let mut first_with = HashMap::with_capacity(drafts.len());
    let mut repeats = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let Some(id) = &draft.id else { continue };
        // To MCP the number 7 and the text "7" are two ids.
        let first = *first_with.entry((id.as_str(), draft.form)).or_insert(index);
        if first != index {
            repeats.push((index, first));
        }
    }
    for (index, first) in repeats {
        let first = drafts[first].place;
        let what = format_args!("repeats the id of {first}; give each call its own id").to_string();
        drafts[index].defect(what);
    }
}

/// An id for each call that has none. They differ in their numbers, so only written ids can clash.
fn make_up_ids(drafts: &[Draft]) -> Vec<Option<String>> {
    let written = drafts.iter().filter_map(|draft| draft.id.as_deref());
    let taken: HashSet<&str> = written.filter(|id| id.starts_with("call_")).collect();
    let made_up = drafts.iter().enumerate().map(|(index, draft)| {
        if draft.id.is_some() {
            return None;
        }
        let mut id = format!("call_{index}");
        while taken.contains(id.as_str()) {
            id.push('_');
        }
        Some(id)
    });
    made_up.collect()
}

fn finish(index: usize, draft: Draft, made_up: Option<String>) -> Asked {
    let Draft { id, name, form, arguments, defects, .. } = draft;
    let arguments = match arguments {
        Some(arguments) if defects.is_empty() => Ok(arguments),
        _ => Err(Malformed { reason: defects.join("; ") }),
    };
    Asked { index, id: id.or(made_up).unwrap_or_default(), name, form, arguments }
}
