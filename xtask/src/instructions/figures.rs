//! The committed figures, `bench/instructions.toml`.

use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item};

use super::Count;
use crate::Result;

const HEAD: &str = "\
# Instructions of one admission and release, or of one decision of a loaded engine, as callgrind
# counts them; `cargo xtask test` compares. After a change that is worth what it costs, or that
# saves more than the margin: cargo xtask instructions --write
";

/// By how much a count may exceed its figure.
const MARGIN_PERCENT: f64 = 3.0;

#[derive(Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) rustc: String,
    margin_percent: f64,
    figures: Vec<(String, f64)>,
}

pub(super) fn path(root: &Path) -> PathBuf {
    root.join("bench/instructions.toml")
}

impl Figures {
    pub(super) fn of(counts: &[Count], rustc: String, cases: &[&str]) -> Figures {
        let kept = counts.iter().filter(|count| cases.contains(&count.case.as_str()));
        let figures = kept.map(|count| (count.case.clone(), count.instructions.round()));
        Figures { rustc, margin_percent: MARGIN_PERCENT, figures: figures.collect() }
    }

    pub(super) fn read(path: &Path) -> Result<Figures> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        parsed(&text).map_err(|error| format!("{shown}: {error}"))
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{HEAD}rustc = {:?}\nmargin_percent = {}\n\n[instructions]\n",
            self.rustc, self.margin_percent
        );
        for (case, figure) in &self.figures {
            text += &format!("{case} = {figure}\n");
        }
        text
    }

    /// Is a count within its figure?
    pub(super) fn compare(&self, count: &Count) -> Result<()> {
        let Count { case, instructions, .. } = count;
        let figure =
            self.figures.iter().find(|(known, _)| known == case).map(|(_, figure)| *figure);
        let Some(figure) = figure else {
            return Err(format!("{case} has no figure: cargo xtask instructions --write"));
        };
        let percent = (instructions / figure - 1.0) * 100.0;
        if percent > self.margin_percent {
            return Err(format!(
                "{case} takes {instructions:.0}, {percent:.1} % more than {figure:.0}; {} % are \
                 allowed",
                self.margin_percent
            ));
        }
        if percent < -self.margin_percent {
            println!(
                "instructions: {case} takes {percent:.1} % of what it did; keep that: cargo xtask \
                 instructions --write"
            );
        }
        Ok(())
    }
}

fn parsed(text: &str) -> Result<Figures> {
    let document: DocumentMut = text.parse().map_err(|error| format!("{error}"))?;
    let number = |item: &Item| item.as_float().or_else(|| item.as_integer().map(|it| it as f64));
    let rustc = document.get("rustc").and_then(Item::as_str).ok_or("`rustc` is missing")?;
    let margin = document.get("margin_percent").and_then(number);
    let table = document.get("instructions").and_then(Item::as_table);
    let figures = table.ok_or("`[instructions]` is missing")?.iter();
    let figures = figures.map(|(case, item)| {
        let figure = number(item).ok_or_else(|| format!("`{case}` is no number"))?;
        Ok((case.to_owned(), figure))
    });
    Ok(Figures {
        rustc: rustc.to_owned(),
        margin_percent: margin.ok_or("`margin_percent` is missing or no number")?,
        figures: figures.collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(instructions: f64) -> Count {
        Count { case: "a".into(), instructions, allocations: 0 }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let figures = Figures::of(&[count(100.4)], "rustc 1".into(), &["a"]);
        assert_eq!(parsed(&figures.text()), Ok(figures));
    }

    #[test]
    fn a_count_above_its_margin_is_refused_and_one_below_it_is_not() {
        let figures = Figures::of(&[count(100.0)], "rustc 1".into(), &["a"]);
        assert!(figures.compare(&count(102.9)).is_ok() && figures.compare(&count(50.0)).is_ok());
        assert!(figures.compare(&count(104.0)).unwrap_err().contains("4.0 % more than 100"));
        let unknown = Count { case: "b".into(), instructions: 1.0, allocations: 0 };
        assert!(figures.compare(&unknown).unwrap_err().contains("no figure"));
    }
}
