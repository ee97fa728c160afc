//! `reads` and `writes`: the keys of a tool's calls, filled from their arguments.

use std::collections::BTreeMap;
use std::fmt;

use rampmeter_core::{KeyAccess, MAX_KEY_BYTES};
use serde_json::value::RawValue;

use super::section::Section;
use super::source::Sink;
use super::spelling;
use super::template::{Piece, pieces, split};
use super::types::ToolPolicy;
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
    /// itself, anything else for its JSON; nothing is made of it: `a/../b` is not `b`.
    ///
    /// # Errors
    /// An argument that a template names is missing or null, or a key is too long.
    pub fn keys(&self, arguments: &Arguments) -> Result<Vec<Key>, KeyError> {
        let mut keys = Vec::new();
        for (name, templates, access) in self.templates() {
            for (index, template) in templates.iter().enumerate() {
                let key = fill(template, arguments.as_str()).map_err(|reason| {
                    let place = format!("tools.{}.{name}[{index}]", spelling::key(&self.pattern));
                    KeyError { place, reason }
                })?;
                keys.push((key, access));
            }
        }
        Ok(keys)
    }

    /// The keys that are the same for every call.
    pub(crate) fn fixed_keys(&self) -> Vec<Key> {
        let all = self.templates().into_iter().flat_map(|(_, templates, access)| {
            let fixed = templates.iter().filter(|template| !has_arguments(template));
            fixed.filter_map(move |template| Some((fill(template, "{}").ok()?, access)))
        });
        all.collect()
    }

    /// Whether a key differs with a call's arguments.
    pub(crate) fn names_keys_by_arguments(&self) -> bool {
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
        match split(text) {
            Err(complaint) => sink.complain(&element.span, &element.path, complaint),
            Ok(_) if text.is_empty() || text.len() > MAX_KEY_BYTES => {
                let message = format!("`{}`: a key of {} bytes", element.path, text.len());
                let help = format!("write 1 to {MAX_KEY_BYTES} bytes, as in \"file:{{path}}\"");
                sink.error(&element.span, message, help);
            }
            Ok(_) => templates.push(text.to_owned()),
        }
    }
    templates
}

fn has_arguments(template: &str) -> bool {
    pieces(template).is_some_and(|it| it.iter().any(|it| matches!(it, Piece::Argument(_))))
}

fn fill(template: &str, arguments: &str) -> Result<String, String> {
    let mut key = String::new();
    for piece in pieces(template).unwrap_or_default() {
        match piece {
            Piece::Text(text) => key.push_str(text),
            Piece::Argument(path) => key.push_str(&argument(arguments, path)?),
            // `pieces` finds none; `${NAME}` is for requests alone.
            Piece::Environment(_) => {}
        }
    }
    if key.len() > MAX_KEY_BYTES {
        let bytes = key.len();
        return Err(format!("is a key of {bytes} bytes here: send at most {MAX_KEY_BYTES}"));
    }
    Ok(key)
}

/// The text of the argument at a dotted path.
fn argument(arguments: &str, path: &str) -> Result<String, String> {
    let missing = || format!("needs the argument `{path}`, which the call lacks: add it");
    let mut value = arguments;
    for name in path.split('.') {
        let object = serde_json::from_str::<BTreeMap<String, &RawValue>>(value);
        value = object.ok().and_then(|it| it.get(name).copied()).ok_or_else(missing)?.get();
    }
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
