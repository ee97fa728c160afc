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
use plays::Plays;

impl Report {
    /// Folds a study. The same study gives the same report.
    pub fn of(study: &Study) -> Report {
        let plays = Plays::all(study);
        let mut curves = curves::galleries(study);
        curves.extend(galleries::all(&plays));
        Report {
            roll: overview::roll(study),
            facts: facts::facts(&plays),
            chapters: stages::chapters(&plays),
            curves,
            hypotheses: Vec::new(),
            published: told::published(&plays),
            findings: Vec::new(),
            holds: told::holds(study),
            again: again::commands(study),
            words: words::words(),
        }
    }
}
