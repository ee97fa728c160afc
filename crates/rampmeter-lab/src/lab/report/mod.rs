//! What a study found, as one HTML file, on the terminal, and beside another study.
//!
//! ```text
//! study, verdicts, findings ─▶ Report (data: all that is said, in order) ─▶ page (HTML, SVG)
//!                              fold                                      └▶ terminal
//! study, study ─▶ compare
//! ```

mod compare;
pub mod data;
mod fold;
mod page;
mod svg;
mod terminal;

pub use compare::compare;
pub use data::{Held, Report};

use std::path::Path;

use super::findings::Findings;
use super::hypotheses::Verdict;
use super::study::{LeftOut, Study};

/// [`Report::html`] of a study.
pub fn html(study: &Study, verdicts: &[Verdict], findings: &Findings) -> String {
    Report::of(study, verdicts, findings).html()
}

/// [`Report::terminal`] of a study.
pub fn terminal(study: &Study, verdicts: &[Verdict], findings: &Findings) -> String {
    Report::of(study, verdicts, findings).terminal()
}

impl Report {
    /// Names files that were left out of the study, by their place in the folder of the store. What they
    /// held is in no figure.
    #[must_use]
    pub fn left_out(mut self, files: &[LeftOut], folder: &Path) -> Self {
        let place = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        self.roll.left_out =
            files.iter().map(|file| (place(&file.path), file.why.clone())).collect();
        self
    }

    /// What must hold and is not known to, though it was played: what keeps a run from being a success. What
    /// was not played as its scenario says is not asked for.
    pub fn missed(&self) -> impl Iterator<Item = &Held> {
        self.holds.iter().filter(|held| held.is_missed())
    }

    /// One self-contained HTML file: inline style and drawings, no scripts, nothing from the network.
    /// The same report gives the same bytes.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// The same in about 40 lines of at most 100 columns, for whoever will not open the page.
    pub fn terminal(&self) -> String {
        terminal::text(self)
    }
}
