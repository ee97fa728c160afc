//! The text of a scenario file: what there is to say against it, and which names it mentions.

use std::cell::RefCell;
use std::ops::Range;

use super::super::error::{Problem, ScenarioError};

/// Bytes of the text.
pub(super) type Span = Range<usize>;

/// More problems than these nobody reads, and a file could make millions.
const MAX_KEPT: usize = 50;

/// The widest part of a line that is shown, in characters.
const MAX_SHOWN: usize = 100;

/// The longest message.
const MAX_SAID: usize = 500;

/// What a value gets wrong, before it is known where it stands: what, and the remedy.
pub(super) type Complaint = (String, String);

/// What a name is the name of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Tool,
    Server,
    Limit,
    Priority,
    Flow,
}

/// A name that something must have.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Mention {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) span: Span,
}

/// Collects what is wrong with one text, and the names in it, to be looked up when all is read.
pub(super) struct Sink<'a> {
    file: &'a str,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
    mentions: RefCell<Vec<Mention>>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Sink<'a> {
        Sink { file, text, problems: RefCell::default(), mentions: RefCell::default() }
    }

    pub(super) fn mention(&self, kind: Kind, name: &str, span: &Span) {
        let mention = Mention { kind, name: name.to_owned(), span: span.clone() };
        self.mentions.borrow_mut().push(mention);
    }

    pub(super) fn mentions(&self) -> Vec<Mention> {
        self.mentions.borrow().clone()
    }

    /// Something is wrong with these bytes.
    pub(super) fn error(&self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        self.error_with(span, message, || help.into());
    }

    /// Something is wrong with these bytes; the remedy takes a while to find.
    pub(super) fn error_with(
        &self,
        span: &Span,
        message: impl Into<String>,
        help: impl FnOnce() -> String,
    ) {
        if self.problems.borrow().len() >= MAX_KEPT {
            return;
        }
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let width = self.text.get(span.clone()).unwrap_or_default().chars().count();
        self.push(line, column, Some(width), &message.into(), &help());
    }

    /// Something is wrong at a place that is told by line and column.
    pub(super) fn error_at(&self, line: usize, column: usize, message: &str, help: &str) {
        self.push(line.max(1), column.max(1), None, message, help);
    }

    /// Everything that is wrong, if anything is.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        if self.problems.borrow().is_empty() { Ok(()) } else { Err(self.error_of_all()) }
    }

    /// Everything that is wrong.
    pub(super) fn into_error(self) -> ScenarioError {
        self.error_of_all()
    }

    fn error_of_all(&self) -> ScenarioError {
        let mut problems = self.problems.borrow().clone();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        ScenarioError { file: self.file.to_owned(), problems }
    }

    fn push(&self, line: usize, column: usize, width: Option<usize>, message: &str, help: &str) {
        let source: String =
            self.text.lines().nth(line - 1).unwrap_or_default().chars().map(plain).collect();
        let rest = source.chars().skip(column - 1);
        let is_word = |character: &char| !" =,]}".contains(*character);
        let width = match width {
            Some(width) => width.min(rest.count()),
            None => rest.take_while(is_word).count(),
        };
        let width = width.clamp(1, MAX_SHOWN / 2);
        let skipped = if column + width > MAX_SHOWN { column - MAX_SHOWN / 4 } else { 0 };
        let source = source.chars().skip(skipped).take(MAX_SHOWN).collect();
        let indent = column - 1 - skipped;
        let (message, help) = (shown(message), shown(help));
        let problem = Problem { message, line, column, help, source, indent, width };
        self.problems.borrow_mut().push(problem);
    }
}

/// A message as it may be shown, whatever names are in it.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SAID).map(plain).collect();
    if text.chars().nth(MAX_SAID).is_some() {
        shown.push('…');
    }
    shown
}

/// Control characters become blanks, so that carets stay in line and no escape sequence reaches a
/// terminal.
fn plain(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}
