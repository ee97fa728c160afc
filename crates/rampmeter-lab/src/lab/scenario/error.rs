//! What is wrong with a scenario file, where, and what to do about it.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    /// What, in lower case.
    pub message: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// The remedy.
    pub help: String,
    /// The part of the line that is shown.
    pub(super) source: String,
    /// How many characters of it come before what is meant.
    pub(super) indent: usize,
    /// How many are meant.
    pub(super) width: usize,
}

/// All that keeps a file from being a scenario, in the order of the file; at least one problem.
#[derive(Clone, PartialEq, Debug)]
pub struct ScenarioError {
    /// The file, as the reader was told its name.
    pub file: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let Problem { message, line, column, help, source, indent, width } = problem;
            let gutter = " ".repeat(line.to_string().len());
            writeln!(f, "error: {message}")?;
            writeln!(f, "{gutter}--> {}:{line}:{column}", self.file)?;
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{line} | {source}")?;
            writeln!(f, "{gutter} | {}{}", " ".repeat(*indent), "^".repeat(*width))?;
            writeln!(f, "help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}
