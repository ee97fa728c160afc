//! The arguments of a call, read only as far as placeholders ask.

use serde_json::value::RawValue;

use crate::object::Object;

/// The arguments of one call.
#[derive(Debug)]
pub(super) struct Arguments<'a>(Object<'a>);

impl<'a> Arguments<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        Object::parse(text).map(Self).map_err(|e| {
            format!("the arguments are not a JSON object ({e}): write them as {{\"field\": value}}")
        })
    }

    /// The text of the value at a dotted path: strings verbatim, all else as compact JSON.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        let raw = self.raw(path)?;
        match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(raw)
                .map_err(|e| format!("the argument `{path}` is not valid text ({e})")),
            Some(b'n') => Err(format!("the argument `{path}` is null, and the tool needs a value")),
            _ => Ok(compact(raw)),
        }
    }

    /// The value at a dotted path as JSON, every digit as it was written.
    pub(super) fn json(&self, path: &str) -> Result<String, String> {
        self.raw(path).map(compact)
    }

    fn raw(&self, path: &str) -> Result<&'a str, String> {
        let missing = || format!("the arguments lack `{path}`, which the tool needs: add it");
        self.0.at(path).map(RawValue::get).ok_or_else(missing)
    }
}

/// Drops the white space between tokens. Parsing and printing instead would round long numbers.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            let keep = in_string || !c.is_ascii_whitespace();
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = in_string,
                '"' => in_string = !in_string,
                _ => {}
            }
            keep
        })
        .collect()
}
