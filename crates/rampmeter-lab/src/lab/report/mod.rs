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
pub use data::Report;

use super::findings::Findings;
use super::hypotheses::Verdict;
use super::study::Study;

/// [`Report::html`] of a study.
pub fn html(study: &Study, verdicts: &[Verdict], findings: &Findings) -> String {
    Report::of(study, verdicts, findings).html()
}

/// [`Report::terminal`] of a study.
pub fn terminal(study: &Study, verdicts: &[Verdict], findings: &Findings) -> String {
    Report::of(study, verdicts, findings).terminal()
}

impl Report {
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
