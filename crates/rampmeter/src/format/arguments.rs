//! The arguments of a call: the text of one JSON object, opaque until a tool reads it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::error::{short, without_place};
use super::fields::kind;
use super::path::path_at;
use super::{Malformed, ParseLimits};

/// The arguments of one call: the text of a JSON object, kept as the model wrote it.
///
/// Numbers keep all their digits and repeated keys stay. A clone shares the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Arguments(Arc<str>);

impl Arguments {
    /// The object's text, from `{` to `}`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an object is at least `{}`")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Reads the arguments into what a tool takes.
    ///
    /// # Errors
    ///
    /// [`ArgumentsError`] names the field that does not fit `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ArgumentsError> {
        serde_json::from_str(&self.0).map_err(|error| ArgumentsError::new(&self.0, &error))
    }

    /// Reads a value that is itself the object.
    pub(super) fn from_value(value: &RawValue, limits: &ParseLimits) -> Result<Self, String> {
        accept(value, limits)
    }

    /// Reads a string that holds the object's text; a blank one stands for `{}`.
    ///
    /// The string is decoded into the parser's own buffer and copied out of it once, after every
    /// check has passed.
    fn from_string(value: &RawValue, limits: &ParseLimits) -> Result<Self, String> {
        let decoded = serde_json::Deserializer::from_str(value.get()).deserialize_str(Text(limits));
        decoded.unwrap_or_else(|error| {
            let what = without_place(&error);
            Err(format!("is not valid Unicode ({what}); send one JSON object as text"))
        })
    }

    /// Reads either of the two; absent ones stand for `{}`.
    pub(super) fn from_either(
        value: Option<&RawValue>,
        limits: &ParseLimits,
    ) -> Result<Self, String> {
        match value {
            None => Ok(Self::default()),
            Some(raw) if raw.get().starts_with('"') => Self::from_string(raw, limits),
            Some(raw) => Self::from_value(raw, limits),
        }
    }

    /// Reads a value that is itself the object and must be there.
    pub(super) fn from_required(
        value: Option<&RawValue>,
        limits: &ParseLimits,
    ) -> Result<Self, String> {
        let missing = || "is missing; send one JSON object, {} for none".to_owned();
        value.ok_or_else(missing).and_then(|value| Self::from_value(value, limits))
    }

    fn from_text(text: &str, limits: &ParseLimits) -> Result<Self, String> {
        check_len(text, limits)?;
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let value: &RawValue = serde_json::from_str(text).map_err(|error| {
            let (what, place) = (without_place(&error), Place::of(&error));
            format!("is not JSON ({what} at {place}); send one JSON object, {{}} for none")
        })?;
        accept(value, limits)
    }
}

/// No arguments: `{}`.
impl Default for Arguments {
    fn default() -> Self {
        Self("{}".into())
    }
}

/// Reads the text of one JSON object under the default [`ParseLimits`]; blank text is `{}`.
impl FromStr for Arguments {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::from_text(text, &ParseLimits::default())
            .map_err(|what| Malformed { reason: format!("arguments {what}") })
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arguments({})", &self.0)
    }
}

/// Arguments that do not fit what the tool takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentsError {
    /// The field, such as `filter.tags[2]`; empty for the object as a whole. Keys that are not
    /// plain words are quoted.
    pub path: String,
    /// Line of the arguments' text, from 1.
    pub line: usize,
    /// Byte within that line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

impl ArgumentsError {
    fn new(text: &str, error: &serde_json::Error) -> Self {
        let Place { line, column } = Place::of(error);
        let before_line: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let path = short(&path_at(text, before_line + column));
        Self { path, line, column, reason: without_place(error) }
    }
}

impl fmt::Display for ArgumentsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        write!(f, "arguments{dot}{} (line {}, byte {})", self.path, self.line, self.column)?;
        write!(f, ": {}; correct it and call again", self.reason)
    }
}

impl std::error::Error for ArgumentsError {}

struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of(error: &serde_json::Error) -> Self {
        Self { line: error.line().max(1), column: error.column().max(1) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "byte {}", self.column),
            line => write!(f, "line {line}, byte {}", self.column),
        }
    }
}

struct Text<'l>(&'l ParseLimits);

impl Visitor<'_> for Text<'_> {
    type Value = Result<Arguments, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Arguments::from_text(text, self.0))
    }
}

fn accept(value: &RawValue, limits: &ParseLimits) -> Result<Arguments, String> {
    let text = value.get();
    check_len(text, limits)?;
    if !text.starts_with('{') {
        return Err(format!("is {}; send one JSON object, {{}} for none", kind(value)));
    }
    let depth = depth(text);
    if depth > limits.max_depth {
        let max = limits.max_depth;
        return Err(format!("nests {depth} deep, over the limit of {max}; send it flatter"));
    }
    Ok(Arguments(text.into()))
}

fn check_len(text: &str, limits: &ParseLimits) -> Result<(), String> {
    let (len, max) = (text.len(), limits.max_arguments);
    if len > max {
        return Err(format!(
            "is {len} bytes, over the limit of {max} bytes; send less or raise max_arguments"
        ));
    }
    Ok(())
}

/// How deep valid JSON nests: 1 for an object of plain values.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}
