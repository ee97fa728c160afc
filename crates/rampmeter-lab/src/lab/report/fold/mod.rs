//! From a study to a report: what is shown of all that was played, and in which order.

mod again;
mod curves;
mod facts;
mod galleries;
mod overview;
mod plays;
mod stages;
mod told;
mod words;

use super::Report;
use crate::lab::Study;
use crate::lab::findings::Findings;
use crate::lab::hypotheses::Verdict;
use plays::Plays;

pub(super) use plays::{clock_name, over, spread, unit};
pub(super) use told::holds;

impl Report {
    /// Folds a study, with what was said of it. The same study gives the same report.
    pub fn of(study: &Study, verdicts: &[Verdict], findings: &Findings) -> Report {
        let plays = Plays::all(study);
        let mut curves = curves::galleries(study);
        curves.extend(galleries::all(&plays));
        Report {
            roll: overview::roll(study),
            facts: facts::facts(&plays),
            chapters: stages::chapters(&plays),
            curves,
            hypotheses: told::hypotheses(verdicts),
            published: told::published(&plays),
            findings: told::findings(findings),
            holds: told::holds(study),
            again: again::commands(study),
            words: words::words(),
        }
    }
}
