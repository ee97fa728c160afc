//! Tables: what pictures show, as figures.

/// A table.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Table {
    /// What is in the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// What stands in one place of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Words, which stand at the left.
    Word(String),
    /// A figure, which stands at the right.
    Figure(String),
}

impl Cell {
    /// Words.
    pub fn word(text: impl Into<String>) -> Self {
        Cell::Word(text.into())
    }

    /// A figure as it is shown.
    pub fn figure(text: impl Into<String>) -> Self {
        Cell::Figure(text.into())
    }
}
