//! `reads` and `writes`: the keys of a tool's calls, filled from their arguments.

use std::collections::BTreeMap;
use std::fmt;

use rampmeter_core::{KeyAccess, MAX_KEY_BYTES};
use serde_json::value::RawValue;

use super::paths::{FILTERS, filtered};
use super::section::Section;
use super::source::{Complaint, Sink, shown};
use super::spelling;
use super::template::{Piece, split_key};
use super::types::{Access, ToolPolicy};
use crate::format::Arguments;

const MAX_KEYS: usize = 16;

const HELP: &str = "write a list of texts, as in writes = [\"file:{path}\"]";

/// A key that a call names and how it uses it.
pub type Key = (String, KeyAccess);

/// A key that cannot be filled from a call's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// The place in the policy, such as `tools.edit.writes[0]`.
    pub place: String,
    /// What is wrong there, and the remedy.
    pub reason: String,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.place, self.reason)
    }
}

impl std::error::Error for KeyError {}

impl ToolPolicy {
    /// The keys of a call with these arguments, those that it reads first. A text stands for
    /// itself, anything else for its JSON; nothing is made of it but by a filter: `a/../b` is not `b`.
    ///
    /// # Errors
    /// An argument that a template names is missing or null or no path that its filter takes, or a
    /// key is too long.
    pub fn keys(&self, arguments: &Arguments) -> Result<Vec<Key>, KeyError> {
        let mut keys = Vec::new();
        // Read once, however many keys they make.
        let named = if self.names_keys_by_arguments() { arguments.as_str() } else { "{}" };
        let arguments = object(named);
        for (name, templates, access) in self.templates() {
            for (index, template) in templates.iter().enumerate() {
                let filled = fill(template, &arguments).map_err(|reason| {
                    let place = format!("tools.{}.{name}[{index}]", spelling::key(&self.pattern));
                    KeyError { place, reason }
                })?;
                keys.extend(filled.into_iter().map(|key| (key, access)));
            }
        }
        Ok(keys)
    }

    /// What it says of itself: its `access` or, if it has none and names keys, that of its keys. One
    /// that names only what it reads writes nothing.
    pub fn declared_access(&self) -> Option<Access> {
        let by_keys = match (self.reads.as_slice(), self.writes.as_slice()) {
            ([], []) => None,
            (_, []) => Some(Access::Read),
            _ => Some(Access::Write),
        };
        self.access.or(by_keys)
    }

    /// The keys that are the same for every call.
    pub(crate) fn fixed_keys(&self) -> Vec<Key> {
        let all = self.templates().into_iter().flat_map(|(_, templates, access)| {
            let fixed = templates.iter().filter(|template| !has_arguments(template));
            let fixed =
                fixed.flat_map(|template| fill(template, &Object::new()).unwrap_or_default());
            fixed.map(move |key| (key, access))
        });
        all.collect()
    }

    /// Whether a key differs with a call's arguments.
    pub fn names_keys_by_arguments(&self) -> bool {
        self.reads.iter().chain(&self.writes).any(|template| has_arguments(template))
    }

    fn templates(&self) -> [(&'static str, &[String], KeyAccess); 2] {
        [("reads", &self.reads, KeyAccess::Shared), ("writes", &self.writes, KeyAccess::Exclusive)]
    }
}

/// One of a tool's lists, `reads` or `writes`.
pub(super) fn templates(tool: &Section<'_>, name: &str, sink: &mut Sink<'_>) -> Vec<String> {
    let Some(field) = tool.get(name) else { return Vec::new() };
    let Some(elements) = field.list(sink, HELP) else { return Vec::new() };
    if elements.len() > MAX_KEYS {
        let message = format!("`{}` has {} keys", field.path, elements.len());
        sink.error(&field.span, message, format!("name at most {MAX_KEYS}"));
        return Vec::new();
    }
    let mut templates = Vec::new();
    for element in &elements {
        let Some(text) = element.text(sink, HELP) else { continue };
        match split_key(text).and_then(|pieces| check_filters(text, &pieces)) {
            Err(complaint) => sink.complain(&element.span, &element.path, complaint),
            Ok(()) if text.is_empty() || text.len() > MAX_KEY_BYTES => {
                let message = format!("`{}`: a key of {} bytes", element.path, text.len());
                let help = format!("write 1 to {MAX_KEY_BYTES} bytes, as in \"file:{{path}}\"");
                sink.error(&element.span, message, help);
            }
            Ok(()) => templates.push(text.to_owned()),
        }
    }
    templates
}

fn check_filters(text: &str, pieces: &[Piece<'_>]) -> Result<(), Complaint> {
    let arguments = pieces.iter().filter_map(|piece| match piece {
        Piece::Argument(name) => name.split_once('|'),
        _ => None,
    });
    let filters: Vec<&str> = arguments.map(|(_, filter)| filter).collect();
    if let Some(unknown) = filters.iter().find(|filter| !FILTERS.contains(filter)) {
        let message = format!("there is no filter `{}` in `{}`", shown(unknown), shown(text));
        return Err(Complaint::new(message, "write {path|clean} or {path|folders}"));
    }
    if filters.iter().filter(|filter| **filter == "folders").count() > 1 {
        let message = format!("`{}` stands for folders of folders", shown(text));
        return Err(Complaint::new(message, "write each {path|folders} in a key of its own"));
    }
    Ok(())
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    split_key(template).unwrap_or_default()
}

fn has_arguments(template: &str) -> bool {
    pieces(template).iter().any(|it| matches!(it, Piece::Argument(_)))
}

/// The keys that a template stands for: one, unless a filter makes several.
fn fill(template: &str, arguments: &Object<'_>) -> Result<Vec<String>, String> {
    let mut keys = vec![String::new()];
    for piece in pieces(template) {
        let texts = match piece {
            Piece::Text(text) => vec![text.to_owned()],
            Piece::Argument(name) => texts(arguments, name)?,
            // None is found here; `${NAME}` is for requests alone.
            Piece::Environment(_) => continue,
        };
        let before = std::mem::take(&mut keys);
        for text in &texts {
            keys.extend(before.iter().map(|key| format!("{key}{text}")));
        }
    }
    if let Some(long) = keys.iter().find(|key| key.len() > MAX_KEY_BYTES) {
        let bytes = long.len();
        return Err(format!("is a key of {bytes} bytes here: send at most {MAX_KEY_BYTES}"));
    }
    Ok(keys)
}

/// What an argument puts in, behind which a filter may stand.
fn texts(arguments: &Object<'_>, name: &str) -> Result<Vec<String>, String> {
    let Some((name, filter)) = name.split_once('|') else {
        return Ok(vec![argument(arguments, name)?]);
    };
    let text = argument(arguments, name)?;
    filtered(filter, &text).map_err(|of| format!("needs a path in `{name}` {of}: send another"))
}

/// The values of an object, unread.
type Object<'a> = BTreeMap<String, &'a RawValue>;

fn object(json: &str) -> Object<'_> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The text of the argument at a dotted path.
fn argument(arguments: &Object<'_>, path: &str) -> Result<String, String> {
    let missing = || format!("needs the argument `{path}`, which the call lacks: add it");
    let mut names = path.split('.');
    let first = names.next().and_then(|name| arguments.get(name).copied());
    let value = names.fold(first, |value, name| object(value?.get()).get(name).copied());
    let value = value.ok_or_else(missing)?.get();
    match value.as_bytes().first() {
        Some(b'n') => Err(format!("needs the argument `{path}`, which is null: give it a value")),
        Some(b'"') => serde_json::from_str(value)
            .map_err(|error| format!("needs the argument `{path}`, which is no text ({error})")),
        // White space apart, it is the same value.
        _ => Ok(compact(value)),
    }
}

fn compact(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let keep = |c: &char| {
        let keep = in_text || !c.is_ascii_whitespace();
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_text,
            '"' => in_text = !in_text,
            _ => {}
        }
        keep
    };
    json.chars().filter(keep).collect()
}
