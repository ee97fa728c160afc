//! One word of a command with placeholders, such as `--glob={filter.glob}`, and how it is filled.

use rampmeter::policy::{Piece, pieces};

use super::arguments::Arguments;

/// A word, split once; filled for every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A dotted path into the arguments.
    Placeholder(String),
}

impl Template {
    /// `None` for a word that no parsed policy has.
    pub(super) fn parse(word: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for piece in pieces(word)? {
            match (piece, parts.last_mut()) {
                // A literal brace splits a text in two, and it is one again here.
                (Piece::Text(text), Some(Part::Literal(before))) => before.push_str(text),
                (Piece::Text(text), _) => parts.push(Part::Literal(text.to_owned())),
                (Piece::Argument(path), _) => parts.push(Part::Placeholder(path.to_owned())),
                // A command has the environment itself.
                (Piece::Environment(_), _) => return None,
            }
        }
        Some(Self(parts))
    }

    /// The text, if there is no placeholder in it.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The path of the first placeholder, if nothing literal stands before it. Such a word may
    /// begin with whatever the model wrote.
    pub(super) fn leading_placeholder(&self) -> Option<&str> {
        match self.0.first() {
            Some(Part::Placeholder(path)) => Some(path),
            _ => None,
        }
    }

    pub(super) fn fill(&self, arguments: &Arguments<'_>) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Placeholder(path) => {
                    let text = arguments.text(path)?;
                    if text.contains('\0') {
                        return Err(format!(
                            "the argument `{path}` holds a NUL byte, which no command can be given: \
                             remove it"
                        ));
                    }
                    filled.push_str(&text);
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests;
