//! Text with `{name}` where an argument of the call belongs; in a request also with `${NAME}` where
//! a variable of the environment does.

use super::source::{Complaint, shown};

/// A part of a command's word, or of a text of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece<'a> {
    /// Text that stands as it is.
    Text(&'a str),
    /// The argument whose value belongs here: a name, or a dotted path to a part of an argument.
    /// Names are letters, digits, `_` and `-`.
    Argument(&'a str),
    /// The variable of the environment whose value belongs here, a secret. In requests only.
    Environment(&'a str),
}

/// Splits one word of [`RunPolicy::Command`](super::RunPolicy::Command) into its pieces, in order.
/// `{{` and `}}` stand for single braces. `None` if a placeholder is malformed, as none in a
/// `Policy` is.
pub fn pieces(word: &str) -> Option<Vec<Piece<'_>>> {
    split(word).ok()
}

/// Splits a text of an [`HttpPolicy`](super::HttpPolicy) into its pieces, in order: as [`pieces`] does,
/// and with `${NAME}` for a variable of the environment. `${{` is what is written as it stands.
pub fn request_pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    split_request(text).ok()
}

pub(super) fn split(word: &str) -> Result<Vec<Piece<'_>>, Complaint> {
    split_text(word, Kind::Word)
}

pub(super) fn split_request(text: &str) -> Result<Vec<Piece<'_>>, Complaint> {
    split_text(text, Kind::Request)
}

/// Splits the template of a key, in which a filter may stand behind the name of an argument, as in
/// `path|clean`: it is left there.
pub(super) fn split_key(text: &str) -> Result<Vec<Piece<'_>>, Complaint> {
    split_text(text, Kind::Key)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Word,
    Request,
    Key,
}

fn split_text(word: &str, kind: Kind) -> Result<Vec<Piece<'_>>, Complaint> {
    let environment = kind == Kind::Request;
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
        let variable =
            text.strip_suffix('$').filter(|_| environment && from_brace.starts_with('{'));
        let text = variable.unwrap_or(text);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let Some(inside) = from_brace.strip_prefix('{') else {
            return Err(wrong(word, "a `}` closes nothing"));
        };
        let Some((name, after)) = inside.split_once('}') else {
            return Err(wrong(word, "a `{` is never closed"));
        };
        pieces.push(match variable {
            Some(_) if is_variable(name) => Piece::Environment(name),
            None if is_argument(name, kind) => Piece::Argument(name),
            Some(_) => return Err(wrong(word, "`${}` holds no variable's name")),
            None => return Err(wrong(word, "the braces hold no argument's name")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn is_argument(name: &str, kind: Kind) -> bool {
    let path = match name.split_once('|') {
        Some((path, _)) if kind == Kind::Key => path,
        _ => name,
    };
    path.split('.').all(is_name)
}

/// So strict that a forgotten `{{` in an awk program is found before the first call is.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn is_variable(name: &str) -> bool {
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    letters && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn wrong(word: &str, why: &str) -> Complaint {
    Complaint::new(
        format!("malformed placeholder in `{}`: {why}", shown(word)),
        "write {name} or {name.part} for an argument of the call, and {{ or }} for a brace itself",
    )
}
