//! The arguments of a call, read only as far as placeholders ask.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// A JSON object whose values are still text, so that numbers keep every digit the model wrote.
#[derive(Debug)]
pub(super) struct Arguments<'a>(Object<'a>);

impl<'a> Arguments<'a> {
    /// Reads the outermost object. Of a repeated key, the last one counts.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let object = serde_json::from_str(text).map_err(|e| {
            format!("the arguments are not a JSON object ({e}): write them as {{\"field\": value}}")
        })?;
        Ok(Self(object))
    }

    /// The text of the value at a dotted path: strings verbatim, all else as compact JSON.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        let raw = self.find(path)?.get();
        let text = match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(raw)
                .map_err(|e| format!("the argument `{path}` is not valid text ({e})"))?,
            Some(b'n') => {
                return Err(format!(
                    "the argument `{path}` is null, and the command needs a value"
                ));
            }
            _ => compact(raw),
        };
        if text.contains('\0') {
            return Err(format!(
                "the argument `{path}` holds a NUL byte, which no command can be given: remove it"
            ));
        }
        Ok(text)
    }

    fn find(&self, path: &str) -> Result<&'a RawValue, String> {
        let missing = || format!("the arguments lack `{path}`, which the command needs: add it");
        let (first, rest) = split(path);
        let mut value = *self.0.get(first).ok_or_else(missing)?;
        let mut rest = rest;
        while let Some(path_left) = rest {
            let (key, after) = split(path_left);
            let object: Object<'a> = serde_json::from_str(value.get()).map_err(|_| missing())?;
            value = *object.get(key).ok_or_else(missing)?;
            rest = after;
        }
        Ok(value)
    }
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
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
