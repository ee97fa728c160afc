//! The text of a policy file, and the collector of what there is to say about it.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Excerpt, PolicyErrors, Severity};

/// Bytes of the source text.
pub(super) type Span = Range<usize>;

/// What a value gets wrong, before it is known where it stands.
#[derive(Debug, PartialEq)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) help: String,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// More errors than this are counted, not kept: nobody reads them, and a file could make millions.
const MAX_KEPT: usize = 100;

/// The widest part of a source line that is shown, in characters.
const MAX_SHOWN: usize = 100;

/// Collects errors and remarks about one source text.
pub(super) struct Sink<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    errors: Vec<(usize, Diagnostic)>,
    errors_seen: usize,
    remarks: Vec<(usize, Diagnostic)>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Self { file, text, line_starts, errors: vec![], errors_seen: 0, remarks: vec![] }
    }

    /// Reports an error; `help` is the remedy and only built while errors are kept.
    pub(super) fn error_with(
        &mut self,
        span: &Span,
        message: impl Into<String>,
        help: impl FnOnce() -> String,
    ) {
        self.errors_seen += 1;
        if self.errors.len() < MAX_KEPT {
            let diagnostic = self.diagnostic(Severity::Error, span, message.into(), help());
            self.errors.push((span.start, diagnostic));
        }
    }

    pub(super) fn error(
        &mut self,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.error_with(span, message, || help.into());
    }

    /// Reports what a value gets wrong, at the place `path` that says it.
    pub(super) fn complain(&mut self, span: &Span, path: &str, complaint: Complaint) {
        self.error(span, format!("`{path}`: {}", complaint.message), complaint.help);
    }

    /// Reports a warning or a note.
    pub(super) fn remark(
        &mut self,
        severity: Severity,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = self.diagnostic(severity, span, message.into(), help.into());
        self.remarks.push((span.start, diagnostic));
    }

    /// How many errors were reported so far.
    pub(super) fn errors_seen(&self) -> usize {
        self.errors_seen
    }

    /// The remarks in the order of the file, or all errors if there is one.
    pub(super) fn finish(self) -> Result<Vec<Diagnostic>, PolicyErrors> {
        if self.errors_seen == 0 { Ok(in_order(self.remarks)) } else { Err(self.into_errors()) }
    }

    /// The errors in the order of the file, of which at least one was reported.
    pub(super) fn into_errors(self) -> PolicyErrors {
        let omitted = self.errors_seen - self.errors.len();
        PolicyErrors { diagnostics: in_order(self.errors), omitted }
    }

    fn diagnostic(
        &self,
        severity: Severity,
        span: &Span,
        message: String,
        help: String,
    ) -> Diagnostic {
        let start = self.char_floor(span.start);
        let line = self.line_starts.partition_point(|&line_start| line_start <= start);
        let line_start = self.line_starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        // The carriage return of CRLF ends the line: a place after it is the end of the line.
        let before = self.text.get(line_start..start).unwrap_or_default().trim_end_matches('\r');
        let from_here = self.text.get(start..).unwrap_or_default();
        let rest = from_here.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let column = before.chars().count();
        let marked = self.char_floor(span.end).saturating_sub(start).min(rest.len());
        let width = rest.get(..marked).unwrap_or(rest).chars().count();
        Diagnostic {
            severity,
            message,
            line,
            column: column + 1,
            help: Some(help),
            file: self.file.to_owned(),
            excerpt: Some(excerpt(before, rest, column, width)),
        }
    }

    fn char_floor(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// A name or value as it may stand in a message: control characters escaped, long ones cut.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let cut = text.chars().count() > LONGEST;
    let mut shown = String::new();
    for character in text.chars().take(LONGEST) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if cut { shown + "…" } else { shown }
}

fn in_order(mut diagnostics: Vec<(usize, Diagnostic)>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|(start, _)| *start);
    diagnostics.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}

/// Shows the line around the marked part. Control characters become one blank each, so that carets
/// stay in line and no escape sequence reaches a terminal.
fn excerpt(before: &str, rest: &str, column: usize, width: usize) -> Excerpt {
    let width = width.clamp(1, MAX_SHOWN / 2);
    let skipped = if column + width > MAX_SHOWN { column - MAX_SHOWN / 4 } else { 0 };
    let blank = |character: char| if character.is_control() { ' ' } else { character };
    let characters = before.chars().chain(rest.chars()).skip(skipped);
    let line: String = characters.take(MAX_SHOWN).map(blank).collect();
    Excerpt { line: line.trim_end().to_owned(), indent: column - skipped, width }
}
