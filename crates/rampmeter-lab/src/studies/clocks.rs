//! Virtual time beside the wall clock: every scenario that is short enough for both is played in both,
//! and the figures that both give are set side by side.
//!
//! Virtual time knows no cost of the machine: what it says is what limits do. By how much a machine is
//! slower than that is what this study tells.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use crate::lab::figures::Figure;
use crate::lab::play::{self, child};
use crate::lab::{Clock, Entry, Job, Regime, Scenario, Script, scenario};

/// A scenario is short enough if it takes no longer in virtual time, in nanoseconds.
const SHORT: u64 = 2_000_000_000;

/// What is compared. Each is a length of time, or what is done in one.
const FIGURES: [&str; 5] = ["duration", "p50", "p95", "goodput", "peak"];

/// The regimes that play in Rust; the two clocks of Python's loop are its own matter.
const REGIMES: [Regime; 4] =
    [Regime::Unlimited, Regime::Semaphore, Regime::RateLimiter, Regime::Rampmeter];

/// One figure by both clocks.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The scenario's name.
    pub scenario: String,
    /// Under what.
    pub regime: Regime,
    /// The figure's name.
    pub figure: &'static str,
    /// Its value in virtual time, in the figure's unit (seconds, calls, calls a second).
    pub in_virtual: f64,
    /// Its value by the wall clock.
    pub in_real: f64,
}

impl Row {
    /// By what part of the virtual one the real one is greater.
    pub fn difference(&self) -> f64 {
        (self.in_real - self.in_virtual) / self.in_virtual
    }

    /// The row for a record.
    pub fn json(&self) -> Value {
        json!({
            "study": "clocks",
            "scenario": self.scenario,
            "regime": self.regime.as_str(),
            "figure": self.figure,
            "virtual": self.in_virtual,
            "real": self.in_real,
            "difference": self.difference(),
        })
    }
}

/// Plays all that is short enough, with one seed, and tells each row as it is known. `command` starts a
/// process that speaks as [`play::serve`] does.
///
/// # Errors
/// A built-in scenario cannot be read, or a playing broke off.
pub fn run(
    seed: u64,
    command: impl Fn() -> Command,
    mut tell: impl FnMut(&Row),
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (name, text) in scenario::built_in() {
        let scenario = scenario::read(name, text).map_err(|error| error.to_string())?;
        if scenario.only.is_some() || scenario.sweep.is_some() {
            continue;
        }
        let scenario = Arc::new(scenario);
        let script = Arc::new(Script::of(&scenario, seed));
        for regime in REGIMES {
            for row in both(&scenario, &script, regime, command())? {
                tell(&row);
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// One scenario under one regime by both clocks; nothing if it is too long.
fn both(
    scenario: &Arc<Scenario>,
    script: &Arc<Script>,
    regime: Regime,
    command: Command,
) -> Result<Vec<Row>, String> {
    let name = scenario.name.clone();
    let job = |clock| Job { scenario: name.clone(), regime, seed: script.seed, clock, size: None };
    let entry = |played| Entry { scenario: scenario.clone(), script: script.clone(), played };
    let in_virtual = entry(play::play(scenario, script, &job(Clock::Virtual)));
    if in_virtual.played.facts.ended > SHORT {
        return Ok(Vec::new());
    }
    let never = AtomicBool::new(false);
    let in_real = entry(child::play(command, scenario, script, &job(Clock::Real), &never));
    for entry in [&in_virtual, &in_real] {
        if let Some(why) = &entry.played.facts.broken {
            return Err(format!("{name} under {regime} broke off: {why}"));
        }
    }
    let row = |figure: &'static str| {
        let parsed = Figure::parse(figure).ok()?;
        let (in_virtual, in_real) = (parsed.of(&in_virtual)?, parsed.of(&in_real)?);
        // Of nothing there is no part.
        let row = Row { scenario: name.clone(), regime, figure, in_virtual, in_real };
        (in_virtual > 0.0).then_some(row)
    };
    Ok(FIGURES.into_iter().filter_map(row).collect())
}

/// The least, the median and the greatest difference of each figure, in words.
pub fn sum_up(rows: &[Row]) -> Vec<String> {
    let line = |figure: &&'static str| {
        let of = rows.iter().filter(|row| row.figure == *figure);
        let mut differences: Vec<f64> = of.map(Row::difference).collect();
        differences.sort_by(f64::total_cmp);
        let percent = |at: usize| differences.get(at).map_or(0.0, |it| it * 100.0);
        let last = differences.len().saturating_sub(1);
        format!(
            "{figure:<9} {} playings, by the wall clock {:+.1} % in the middle, {:+.1} to {:+.1} %",
            differences.len(),
            percent(last / 2),
            percent(0),
            percent(last)
        )
    };
    FIGURES.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(in_virtual: f64, in_real: f64) -> Row {
        let scenario = "baseline/one".to_owned();
        Row { scenario, regime: Regime::Unlimited, figure: "p95", in_virtual, in_real }
    }

    #[test]
    fn a_difference_is_a_part_of_the_virtual_figure() {
        assert!((row(0.050, 0.055).difference() - 0.1).abs() < 1e-9);
        assert!((row(10.0, 9.0).difference() + 0.1).abs() < 1e-9);
    }

    #[test]
    fn the_sum_tells_least_middle_and_greatest() {
        let rows = [row(1.0, 1.3), row(1.0, 0.9), row(1.0, 1.1)];
        let lines = sum_up(&rows);
        let expected =
            "p95       3 playings, by the wall clock +10.0 % in the middle, -10.0 to +30.0 %";
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }
}
