//! One element of a command line with placeholders, such as `--glob={filter.glob}`.
//!
//! `{field}` and `{a.b}` are filled from the arguments; `{{` and `}}` are literal braces. The names
//! in a path are letters, digits, `_` and `-`, so that a forgotten `{{` in an awk program is found
//! when the policy is read rather than at the first call.

use super::arguments::Arguments;

/// A parsed element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A dotted path with no empty name in it.
    Placeholder(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("holds a NUL byte: remove it".to_owned());
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
            if let Some(after) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (path, after) = placeholder(brace, after)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Placeholder(path.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// The text, if there is no placeholder in it.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The path of the first placeholder, if nothing literal stands before it. Such an element may
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
                Part::Placeholder(path) => filled.push_str(&arguments.text(path)?),
            }
        }
        Ok(filled)
    }
}

/// Reads a placeholder after its opening brace: its path, and what follows the closing brace.
fn placeholder<'a>(brace: &str, after: &'a str) -> Result<(&'a str, &'a str), String> {
    if brace == "}" {
        return Err("has a `}` that closes nothing: write `}}` for a literal brace".to_owned());
    }
    let (path, rest) = after
        .split_once('}')
        .ok_or("has a `{` that is not closed: write `{{` for a literal brace")?;
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if !path.split('.').all(is_name) {
        return Err(format!(
            "has the placeholder `{{{path}}}`, which names no argument: write `{{field}}` or \
             `{{a.b}}`, or `{{{{` and `}}}}` for literal braces"
        ));
    }
    Ok((path, rest))
}

#[cfg(test)]
mod tests;
