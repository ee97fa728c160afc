//! Which field of a JSON text an offset lies in, so that an error can name it.

use std::fmt::Write;

/// The path of the value that `end` bytes of valid JSON last came to, such as `filter.tags[2]`.
///
/// serde_json says where it stopped but not in which field, and it stops just behind a value that
/// does not fit and just behind an object that lacks a field. So one walk over the text up to there
/// finds the field, and only when there is an error to report.
pub(super) fn path_at(json: &str, end: usize) -> String {
    let bytes = json.as_bytes();
    let end = end.min(bytes.len());
    let mut open: Vec<Step<'_>> = Vec::new();
    let mut at = 0;
    while at < end {
        match bytes[at] {
            b'{' => open.push(Step::Object { key: None, in_key: true }),
            b'[' => open.push(Step::Array(0)),
            b'}' | b']' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Step::Object { key, in_key }) => (*key, *in_key) = (None, true),
                Some(Step::Array(index)) => *index += 1,
                None => {}
            },
            b'"' => {
                let close = end_of_string(bytes, at);
                if let Some(Step::Object { key, in_key: in_key @ true }) = open.last_mut() {
                    *key = json.get(at..close);
                    *in_key = false;
                }
                at = close;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    spell(&open)
}

enum Step<'a> {
    /// The key as written, with its quotes.
    Object {
        key: Option<&'a str>,
        in_key: bool,
    },
    Array(usize),
}

/// The offset behind the string that begins at `start`.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn spell(open: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in open {
        match step {
            Step::Object { key: Some(key), .. } => {
                let bare = key.trim_matches('"');
                let plain = bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
                let dot = if path.is_empty() { "" } else { "." };
                let _ = write!(path, "{dot}{}", if plain && !bare.is_empty() { bare } else { key });
            }
            Step::Object { key: None, .. } => {}
            Step::Array(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    path
}
