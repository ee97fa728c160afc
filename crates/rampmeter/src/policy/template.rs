//! The words of a command: text with `{name}` where an argument of the call belongs.

use super::source::{Complaint, shown};

/// A part of a command's word.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece<'a> {
    /// Text that stands as it is.
    Text(&'a str),
    /// The argument whose value belongs here: a name, or a dotted path to a part of an argument.
    /// Names are letters, digits, `_` and `-`.
    Argument(&'a str),
}

/// Splits one word of [`RunPolicy::Command`](super::RunPolicy::Command) into its pieces, in order.
/// `{{` and `}}` stand for single braces. `None` if a placeholder is malformed, as none in a
/// `Policy` is.
pub fn pieces(word: &str) -> Option<Vec<Piece<'_>>> {
    split(word).ok()
}

pub(super) fn split(word: &str) -> Result<Vec<Piece<'_>>, Complaint> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, from_brace) = rest.split_at(at);
        // A doubled brace keeps its first half as text and drops the second.
        if from_brace.starts_with("{{") || from_brace.starts_with("}}") {
            pieces.push(Piece::Text(&rest[..=at]));
            rest = &from_brace[2..];
            continue;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let Some(inside) = from_brace.strip_prefix('{') else {
            return Err(wrong(word, "a `}` closes nothing"));
        };
        let Some((name, after)) = inside.split_once('}') else {
            return Err(wrong(word, "a `{` is never closed"));
        };
        if !name.split('.').all(is_name) {
            return Err(wrong(word, "the braces hold no argument's name"));
        }
        pieces.push(Piece::Argument(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// So strict that a forgotten `{{` in an awk program is found before the first call is.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn wrong(word: &str, why: &str) -> Complaint {
    Complaint::new(
        format!("malformed placeholder in `{}`: {why}", shown(word)),
        "write {name} or {name.part} for an argument of the call, and {{ or }} for a brace itself",
    )
}
