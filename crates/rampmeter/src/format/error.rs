//! Why a message as a whole cannot be read, and where.

use std::fmt;

use serde_json::error::Category;

/// The text is no assistant message. Displays its place and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Line of the text, from 1.
    pub line: usize,
    /// Byte within that line, from 1.
    pub column: usize,
    /// What is wrong there and how to put it right.
    pub reason: String,
}

impl ParseError {
    /// An error at `offset` bytes into `text`.
    pub(super) fn at(text: &str, offset: usize, reason: String) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        Self { line, column: before.len() - start + 1, reason }
    }

    /// The message is not JSON at all.
    pub(super) fn syntax(text: &str, error: &serde_json::Error) -> Self {
        let what = without_place(error);
        let reason = match error.classify() {
            _ if text.trim_ascii().is_empty() => {
                "the message is empty; pass one assistant message as JSON".to_owned()
            }
            Category::Eof => format!(
                "the message ends too early ({what}); it was cut off, perhaps by a token limit: ask again"
            ),
            _ if what == "trailing characters" => {
                "more text follows the message; pass one assistant message at a time".to_owned()
            }
            _ => format!("the message is not JSON ({what}); pass one assistant message as JSON"),
        };
        Self { line: error.line().max(1), column: error.column().max(1), reason }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}: {}", self.line, self.column, self.reason)
    }
}

impl std::error::Error for ParseError {}

/// What `serde_json` says, without the place it appends, cut to a bounded length.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    short(text.strip_suffix(&place).unwrap_or(&text))
}

/// The text itself, or its beginning: a reason must not grow with what a model wrote.
pub(super) fn short(text: &str) -> String {
    const MOST_CHARS: usize = 160;
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
