//! What the study of Stageflow supposed, and what playings have to say of it.
//!
//! The ten hypotheses are data, `hypotheses.toml`, which was there before anything was played: which
//! scenarios speak of each, which [aims](super::figures::Aim) show it and which refute it. A regime gets
//! a verdict for each: [`shown`](Answer::Shown) if all aims that show it hold in every playing of its
//! scenarios under that regime, [`refuted`](Answer::Refuted) if all that refute it do,
//! [`not shown`](Answer::NotShown) otherwise.

mod judge;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;

use super::figures::{Aim, Figure, Unit, show};
use super::findings::{Kind, Severity};
use super::regime::{Clock, Regime};

pub use judge::judge;

/// One thing that the study supposed.
#[derive(Clone, PartialEq, Debug)]
pub struct Hypothesis {
    /// `H1` to `H10`.
    pub id: String,
    /// In a few words.
    pub name: String,
    /// As the study put it.
    pub claim: String,
    /// The scenarios that speak of it.
    pub scenarios: Vec<String>,
    /// The time without which it is not heard; virtual time does, if there is none.
    pub clock: Option<Clock>,
    /// What is told with the verdict.
    pub figures: Vec<Figure>,
    /// All hold: it is so.
    pub shown: Vec<Aim>,
    /// All hold: it is not.
    pub refuted: Vec<Aim>,
    /// Why the aims lie where they do.
    pub why: String,
    /// Where the study was wrong about it.
    pub note: Option<String>,
    /// What is found if it is shown, or refuted by this gate.
    pub finding: About,
}

/// What is found by a hypothesis.
#[derive(Clone, PartialEq, Debug)]
pub struct About {
    /// Where it is shown.
    pub title: String,
    /// What kind of finding that is.
    pub kind: Kind,
    /// How bad that is.
    pub severity: Severity,
    /// Where `rampmeter` refutes it.
    pub strength: String,
    /// What here provides it.
    pub component: String,
}

/// The ten, in order.
pub fn all() -> &'static [Hypothesis] {
    // The text is built in, and a test reads it.
    static ALL: LazyLock<Vec<Hypothesis>> =
        LazyLock::new(|| read::read(include_str!("hypotheses.toml")).unwrap_or_default());
    &ALL
}

/// What is to be said of a hypothesis under one regime.
#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    /// The hypothesis's id.
    pub id: String,
    /// Under which regime.
    pub regime: Regime,
    /// What.
    pub answer: Answer,
    /// In whose time it was played; nothing if it was not.
    pub clock: Option<Clock>,
    /// The figures behind it.
    pub figures: Vec<Seen>,
    /// The aims that decided, and how the figures lie to them.
    pub why: String,
}

/// Whether a hypothesis is so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// All aims that show it hold with every seed.
    Shown,
    /// All aims that refute it do.
    Refuted,
    /// Neither.
    NotShown,
    /// The study has no playing of it.
    NotPlayed,
}

impl Answer {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Answer::Shown => "shown",
            Answer::Refuted => "refuted",
            Answer::NotShown => "not shown",
            Answer::NotPlayed => "not played",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A figure of all seeds.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// The scenario.
    pub scenario: String,
    /// The figure.
    pub figure: Figure,
    /// What it was with each seed, in the order of the study; nothing if that playing does not tell.
    pub values: Vec<(u64, Option<f64>)>,
}

impl Seen {
    /// The least.
    pub fn min(&self) -> Option<f64> {
        self.sorted().first().copied()
    }

    /// The one in the middle, or the mean of the two.
    pub fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
        // Of two that are infinite there is no mean.
        Some(if sorted[low] == sorted[high] {
            sorted[low]
        } else {
            (sorted[low] + sorted[high]) / 2.0
        })
    }

    /// The most.
    pub fn max(&self) -> Option<f64> {
        self.sorted().last().copied()
    }

    /// What it is in.
    pub fn unit(&self) -> Unit {
        self.figure.unit()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.values.iter().filter_map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

/// For people: `92 %`, or over several seeds `88 % (82 % to 95 %)`, the median first.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(min), Some(median), Some(max)) = (self.min(), self.median(), self.max()) else {
            return f.write_str("not told");
        };
        let shown = |value| show(value, self.unit());
        match (shown(min), shown(max)) {
            (min, max) if min == max => f.write_str(&max),
            (min, max) => write!(f, "{} ({min} to {max})", shown(median)),
        }
    }
}
