//! What a tool answered, as the formats that take data, not text, are given it.

use serde_json::{Number, Value};

use super::path::end_of_string;

/// The answer as a JSON object, if it is the text of one and would be written with the same
/// figures: a number of too many digits would be changed on the way, and stays text.
pub(super) fn object(content: &str) -> Option<Value> {
    if !content.trim_ascii_start().starts_with('{') || !numbers_survive(content) {
        return None;
    }
    serde_json::from_str(content).ok()
}

/// Content that is not blank: several APIs refuse a whole request for the sake of a blank one.
pub(super) fn spoken(content: &str, is_error: bool) -> &str {
    match (content.trim().is_empty(), is_error) {
        (false, _) => content,
        (true, true) => "the tool failed without saying why",
        (true, false) => "the tool succeeded and said nothing",
    }
}

fn numbers_survive(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let len = bytes[at..].iter().take_while(|byte| in_number(**byte)).count();
                let written = &json[at..at + len];
                let read = serde_json::from_str::<Number>(written);
                if read.is_ok_and(|number| number.to_string() != written) {
                    return false;
                }
                at += len;
            }
            _ => at += 1,
        }
    }
    true
}

fn in_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}
