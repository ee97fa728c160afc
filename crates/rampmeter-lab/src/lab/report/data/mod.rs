//! All that a report says, folded and in order, so that writing it down decides nothing.

mod picture;
mod table;

use std::fmt;

pub use picture::{Axis, Bar, Chart, Drawing, Form, Group, Ink, Line, Mark, Panel, Rows, Shade};
pub use table::{Cell, Table};

use super::super::hypotheses::Answer;
use super::super::regime::{Clock, Regime};

/// A report.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// What was played.
    pub roll: Roll,
    /// The few facts that matter, first.
    pub facts: Vec<Fact>,
    /// What happened, by family.
    pub chapters: Vec<Chapter>,
    /// Curves, by what they are of.
    pub curves: Vec<Gallery>,
    /// H1 to H10, in order.
    pub hypotheses: Vec<Hypothesis>,
    /// What the study published, beside today.
    pub published: Vec<Published>,
    /// What was found, the worst first.
    pub findings: Vec<Found>,
    /// What must hold, and whether it does.
    pub holds: Vec<Held>,
    /// How to play each again.
    pub again: Vec<Again>,
    /// What the figures mean: the word, and its definition.
    pub words: Vec<(String, String)>,
}

/// What was played.
#[derive(Clone, Default, Debug)]
pub struct Roll {
    /// Families, each with the number of its scenarios.
    pub families: Vec<(String, usize)>,
    /// The regimes, in their order.
    pub regimes: Vec<Regime>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The clocks, and how many playings there were in each.
    pub clocks: Vec<(Clock, usize)>,
    /// Calls that were asked for, in all playings.
    pub calls: u64,
    /// The time that passed in the playings themselves, in seconds.
    pub seconds: f64,
    /// What was under the calls, such as `stageflow-core 1.2.0, CPython 3.11.7`.
    pub under: Vec<String>,
    /// Playings that did not come to their end, and why.
    pub broken: Vec<(String, String)>,
    /// Files of playings that cannot be believed and are left out, and why.
    pub left_out: Vec<(String, String)>,
}

/// One of the facts that matter.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What is counted, in a few words.
    pub what: String,
    /// What it came to, by regime.
    pub sides: Vec<(Regime, String)>,
    /// The same as one sentence.
    pub sentence: String,
}

/// What happened in the scenarios of one family.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The family's name.
    pub family: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// Its key scenarios, drawn.
    pub stages: Vec<Stage>,
    /// The figures of all of its scenarios.
    pub figures: Table,
}

/// One scenario under each regime, side by side.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The scenario's name.
    pub scenario: String,
    /// What happens in it.
    pub about: String,
    /// What to see.
    pub caption: String,
    /// In whose time it was played, and with which seed.
    pub played: String,
    /// One for each regime, on one scale.
    pub panels: Vec<Panel>,
    /// What the pictures show, as figures.
    pub table: Table,
}

/// Pictures that belong together.
#[derive(Clone, Debug)]
pub struct Gallery {
    /// What they are of.
    pub title: String,
    /// What to know of them all.
    pub about: String,
    /// The pictures.
    pub pictures: Vec<Picture>,
}

/// A drawing with what it needs to be understood.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it is.
    pub title: String,
    /// What to see.
    pub caption: String,
    /// The drawing.
    pub drawing: Drawing,
    /// The same as figures.
    pub table: Table,
}

/// A hypothesis with its verdicts.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// `H1` and so on.
    pub id: String,
    /// In a few words.
    pub title: String,
    /// What it says goes wrong.
    pub claim: String,
    /// What shows it and what refutes it: the thresholds, in words.
    pub thresholds: Vec<String>,
    /// Where the study guessed wrong.
    pub note: Option<String>,
    /// Whether it counts in real time only.
    pub real_only: bool,
    /// What is said of it, by regime.
    pub verdicts: Vec<Judged>,
}

/// A verdict with the figures behind it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Under which regime.
    pub regime: Regime,
    /// What is said.
    pub answer: Answer,
    /// The thresholds that decided, and where the figures lie.
    pub why: String,
    /// The figures: what, where, and what it came to.
    pub figures: Vec<String>,
}

/// A published figure, beside today's.
#[derive(Clone, Debug)]
pub struct Published {
    /// What it is of.
    pub what: String,
    /// The scenario that plays it today.
    pub scenario: String,
    /// The figure here that it is compared with.
    pub figure: String,
    /// As published.
    pub was: String,
    /// Today's, by regime and clock.
    pub now: Vec<(Regime, Clock, String)>,
}

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its identity.
    pub id: String,
    /// Bug, risk, strength and so on.
    pub kind: String,
    /// How much it matters.
    pub severity: String,
    /// In one line.
    pub title: String,
    /// What it is about.
    pub subject: Option<String>,
    /// What shows it.
    pub evidence: String,
    /// The scenario that shows it, and under which regime.
    pub scenario: Option<String>,
    /// The command that shows it again.
    pub reproduce: Option<String>,
    /// What here provides what is missing there.
    pub pointer: Option<String>,
}

/// What must hold, and whether it does.
#[derive(Clone, Debug)]
pub struct Held {
    /// In which scenario.
    pub scenario: String,
    /// Under which regime.
    pub regime: Regime,
    /// The aim, as it is written.
    pub aim: String,
    /// What its figure came to.
    pub value: String,
    /// Whether it holds; nothing if that cannot be told.
    pub holds: Option<bool>,
    /// Whether it was played there at all, as the scenario's text says: not only with other sizes.
    pub played: bool,
}

impl Held {
    /// Whether it was played, and does not hold or cannot be told.
    pub fn is_missed(&self) -> bool {
        self.played && self.holds != Some(true)
    }
}

/// In one line: where, what, and what it came to.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { scenario, regime, aim, value, .. } = self;
        write!(f, "{scenario} under {regime}: {aim}")?;
        match (self.played, self.holds) {
            (false, _) => f.write_str(" was not played"),
            (true, None) => f.write_str(" cannot be told"),
            (true, Some(_)) => write!(f, " is {value}"),
        }
    }
}

/// How to play something again.
#[derive(Clone, Debug)]
pub struct Again {
    /// What.
    pub what: String,
    /// The command.
    pub command: String,
}
