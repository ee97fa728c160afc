//! One text of a request with placeholders, and how it is filled.

use std::sync::Arc;

use rampmeter::policy::{Piece, request_pieces};

use super::super::arguments::Arguments;
use super::secrets::{Lookup, Secret};

/// A text, split once; filled for every call.
#[derive(Clone, Debug)]
pub(super) struct Text(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    /// A dotted path into the arguments.
    Argument(String),
    Secret(Arc<Secret>),
}

impl Text {
    /// The text at `place` of the request.
    pub(super) fn new(text: &str, place: &str, lookup: &mut Lookup<'_>) -> Text {
        let mut parts = Vec::new();
        for piece in request_pieces(text).unwrap_or_default() {
            match piece {
                Piece::Text(text) => parts.push(Part::Literal(text.to_owned())),
                Piece::Argument(path) => parts.push(Part::Argument(path.to_owned())),
                Piece::Environment(name) => {
                    parts.extend(lookup.get(name, place).map(Part::Secret));
                }
            }
        }
        Text(parts)
    }

    /// The text, arguments and secrets as `write` has them; it is told the argument's name.
    pub(super) fn fill(
        &self,
        arguments: &Arguments<'_>,
        write: impl Fn(&str, Option<&str>) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Argument(path) => {
                    filled.push_str(&write(&arguments.text(path)?, Some(path))?);
                }
                Part::Secret(secret) => filled.push_str(&write(secret.value(), None)?),
            }
        }
        Ok(filled)
    }

    /// The path of the argument that is the whole of it.
    pub(super) fn sole_argument(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Argument(path)] => Some(path),
            _ => None,
        }
    }

    /// The paths of its arguments.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Argument(path) => Some(path.as_str()),
            Part::Literal(_) | Part::Secret(_) => None,
        })
    }

    /// The secrets in it.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter().filter_map(|part| match part {
            Part::Secret(secret) => Some(&**secret),
            Part::Literal(_) | Part::Argument(_) => None,
        })
    }
}
