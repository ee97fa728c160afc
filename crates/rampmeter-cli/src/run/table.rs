//! Rows of a name and one cell for each run.

use std::fmt;

use super::summary::Summary;

const NAME_CHARS: usize = 34;

/// A table whose columns are runs.
pub(super) struct Table<'a> {
    runs: &'a [Summary],
    rows: Vec<Row>,
}

enum Row {
    Heading(String),
    Cells(String, Vec<String>),
}

impl<'a> Table<'a> {
    pub(super) fn new(runs: &'a [Summary]) -> Table<'a> {
        Table { runs, rows: Vec::new() }
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.rows.push(Row::Heading(text.to_owned()));
    }

    pub(super) fn cells(&mut self, name: &str, cell: impl Fn(&Summary) -> String) {
        let name = short(&format!("  {name}"), NAME_CHARS);
        self.rows.push(Row::Cells(name, self.runs.iter().map(cell).collect()));
    }

    /// A row that is left out where it has nothing to tell.
    pub(super) fn cells_if_any(&mut self, name: &str, count: impl Fn(&Summary) -> u64) {
        if self.runs.iter().any(|run| count(run) > 0) {
            self.cells(name, |run| count(run).to_string());
        }
    }

    /// Says how many rows were left out.
    pub(super) fn more(&mut self, all: usize, shown: usize) {
        if all > shown {
            self.rows.push(Row::Cells(format!("  and {} more", all - shown), Vec::new()));
        }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| match row {
                Row::Cells(_, cells) => cells.get(at).map(|cell| cell.chars().count()),
                Row::Heading(_) => None,
            });
            cells.chain([self.runs[at].regime.len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.runs.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: &[String]| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("   {cell:<width$}"));
            let line = format!("{name:<NAME_CHARS$}{}", cells.collect::<String>());
            writeln!(f, "{}", line.trim_end())
        };
        for (at, row) in self.rows.iter().enumerate() {
            match row {
                Row::Heading(text) if at == 0 => {
                    let titles: Vec<_> = self.runs.iter().map(|run| run.regime.into()).collect();
                    line(f, text, &titles)?;
                }
                Row::Heading(text) => writeln!(f, "\n{text}")?,
                Row::Cells(name, cells) => line(f, name, cells)?,
            }
        }
        Ok(())
    }
}

/// The text on one line, cut where it is too long for its place.
pub(crate) fn short(text: &str, chars: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    match text.chars().count() > chars {
        true => plain.take(chars.saturating_sub(1)).chain(['…']).collect(),
        false => plain.collect(),
    }
}
