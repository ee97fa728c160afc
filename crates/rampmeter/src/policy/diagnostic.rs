//! What is wrong with a policy file, where, and what to do about it.

use std::fmt;

/// How much a [`Diagnostic`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not a policy.
    Error,
    /// The file is a policy, but says something that was probably not meant.
    Warning,
    /// A default or an absent budget that is worth knowing.
    Note,
}

/// One remark about a policy file. `Display` renders it with its line and a caret.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, in lower case, without the remedy.
    pub message: String,
    /// Line, counted from 1; 0 when the remark is about the whole file.
    pub line: usize,
    /// Column in characters, counted from 1; 0 when the remark is about the whole file.
    pub column: usize,
    /// The remedy.
    pub help: Option<String>,
    pub(super) file: String,
    pub(super) excerpt: Option<Excerpt>,
}

/// The part of a source line that is shown, and where its carets go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) indent: usize,
    pub(super) width: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        match &self.excerpt {
            None => writeln!(f, "{gutter}--> {}", self.file)?,
            Some(Excerpt { line, indent, width }) => {
                writeln!(f, "{gutter}--> {}:{}:{}", self.file, self.line, self.column)?;
                writeln!(f, "{gutter} |")?;
                writeln!(f, "{number} | {line}")?;
                writeln!(f, "{gutter} | {}{}", " ".repeat(*indent), "^".repeat(*width))?;
            }
        }
        if let Some(help) = &self.help {
            writeln!(f, "help: {help}")?;
        }
        Ok(())
    }
}

/// Everything that keeps a file from being a policy, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyErrors {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) omitted: usize,
}

impl PolicyErrors {
    /// The errors, in the order of the file. Never empty; very many are cut off.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// An error about the file as a whole, as when it cannot be read.
    pub(super) fn whole_file(file: &str, message: String, help: &str) -> Self {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            message,
            line: 0,
            column: 0,
            help: Some(help.to_owned()),
            file: file.to_owned(),
            excerpt: None,
        };
        Self { diagnostics: vec![diagnostic], omitted: 0 }
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        if self.omitted > 0 {
            writeln!(f, "\nand {} more errors", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
