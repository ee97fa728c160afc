//! A report in about 40 lines of at most 100 columns.

use std::fmt::Write;

use super::data::{Held, Hypothesis, Report};
use crate::lab::Regime;
use crate::lab::figures::{Unit, show};
use crate::lab::hypotheses::Answer;

const COLUMNS: usize = 100;
const LEFT: usize = 34;
const COLUMN: usize = 13;
/// Of what may be long only the first are told.
const FEW: usize = 5;

pub(super) fn text(report: &Report) -> String {
    let mut lines = Lines::default();
    opening(report, &mut lines);
    facts(report, &mut lines);
    verdicts(report, &mut lines);
    published(report, &mut lines);
    findings(report, &mut lines);
    holds(report, &mut lines);
    lines.0
}

/// Lines, none of which is longer than it may be.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, line: &str) {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim_end();
        match line.chars().count() {
            0..=COLUMNS => self.0.push_str(line),
            _ => self.0.extend(line.chars().take(COLUMNS - 1).chain(['…'])),
        }
        self.0.push('\n');
    }

    /// Words under a left column, broken where the line is full.
    fn wrap(&mut self, words: &str) {
        let mut line = String::new();
        for word in words.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLUMNS {
                self.add(&line);
                line.clear();
            }
            let space = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{space}{word}");
        }
        self.add(&line);
    }

    /// A name, and something in the column of each regime.
    fn row(&mut self, name: &str, places: impl Iterator<Item = String>) {
        let mut line = cut(name, LEFT);
        for place in places {
            let _ = write!(line, "{place:>COLUMN$}");
        }
        self.add(&line);
    }
}

fn opening(report: &Report, lines: &mut Lines) {
    let roll = &report.roll;
    let scenarios: usize = roll.families.iter().map(|(_, count)| count).sum();
    let seeds = match roll.seeds.as_slice() {
        [] => String::new(),
        [one] => format!(", seed {one}"),
        [first, .., last] => format!(", {} seeds ({first} to {last})", roll.seeds.len()),
    };
    let clocks: Vec<String> = roll
        .clocks
        .iter()
        .map(|(clock, playings)| {
            format!("{playings} playings in {}", super::fold::clock_name(*clock))
        })
        .collect();
    #[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
    let calls = show(roll.calls as f64, Unit::Count);
    lines.wrap(&format!("{scenarios} scenarios{seeds}; {}; {calls} calls", clocks.join(", ")));
    for under in &roll.under {
        lines.add(&format!("under the calls: {under}"));
    }
    for (file, why) in roll.left_out.iter().take(FEW) {
        lines.add(&format!("left out of all figures: {file}: {why}"));
    }
    if roll.left_out.len() > FEW {
        lines.add(&format!("  and {} more", roll.left_out.len() - FEW));
    }
    for (what, why) in roll.broken.iter().take(FEW) {
        lines.add(&format!("not played to the end: {what}: {why}"));
    }
}

fn facts(report: &Report, lines: &mut Lines) {
    if report.facts.is_empty() {
        return;
    }
    lines.add("");
    for fact in &report.facts {
        lines.wrap(&fact.sentence);
    }
}

fn verdicts(report: &Report, lines: &mut Lines) {
    let regimes = &report.roll.regimes;
    let played = |it: &Hypothesis| it.verdicts.iter().any(|it| it.answer != Answer::NotPlayed);
    if !report.hypotheses.iter().any(played) {
        return;
    }
    lines.add("");
    lines.row("What goes wrong", regimes.iter().map(Regime::to_string));
    for hypothesis in &report.hypotheses {
        let answer = |regime: &Regime| {
            let found = hypothesis.verdicts.iter().find(|it| it.regime == *regime);
            mark(found.map_or(Answer::NotPlayed, |it| it.answer)).to_owned()
        };
        let name = format!("{:<4}{}", hypothesis.id, hypothesis.title);
        lines.row(&name, regimes.iter().map(answer));
    }
}

const fn mark(answer: Answer) -> &'static str {
    match answer {
        Answer::Shown => "✗ shown",
        Answer::Refuted => "✓ refuted",
        Answer::NotShown => "not shown",
        Answer::NotPlayed => "·",
    }
}

fn published(report: &Report, lines: &mut Lines) {
    if report.published.is_empty() {
        return;
    }
    let now = [Regime::Stageflow, Regime::Rampmeter];
    lines.add("");
    let heads = ["published".to_owned()].into_iter().chain(now.map(|it| it.to_string()));
    lines.row("The study's table, and today", heads);
    for row in &report.published {
        let value = |regime: Regime| {
            // What was published was measured by the wall clock, too.
            let now = row.now.iter().filter(|now| now.0 == regime).max_by_key(|now| now.1);
            // There is no room for the spread; the page has it.
            let middle = now.map(|now| now.2.split(" (").next().unwrap_or(&now.2));
            middle.map_or_else(|| "·".to_owned(), |it| cut(it, COLUMN - 1).trim_end().to_owned())
        };
        let was = row
            .was
            .replace(" a second", "/s")
            .replace("all passed", "all")
            .replace(" (1 kept)", "");
        lines.row(&row.what, [was].into_iter().chain(now.map(value)));
    }
}

fn findings(report: &Report, lines: &mut Lines) {
    if report.findings.is_empty() {
        return;
    }
    lines.add("");
    lines.add(&format!("Findings: {}", report.findings.len()));
    for found in report.findings.iter().take(FEW) {
        lines.add(&format!("  {:<9} {:<20} {}", found.severity, found.kind, found.title));
    }
    if report.findings.len() > FEW {
        lines.add(&format!("  and {} more", report.findings.len() - FEW));
    }
}

fn holds(report: &Report, lines: &mut Lines) {
    if report.holds.is_empty() {
        return;
    }
    lines.add("");
    let count = |is: fn(&Held) -> bool| report.holds.iter().filter(|held| is(held)).count();
    let (played, kept) = (count(|held| held.played), count(|held| held.holds == Some(true)));
    let told = |n: usize, what: &str| if n > 0 { format!("; {n} {what}") } else { String::new() };
    let untold = told(count(|held| held.played && held.holds.is_none()), "cannot be told");
    let not_played = told(count(|held| !held.played), "not played");
    lines.add(&format!("What must hold: {kept} of {played} do{untold}{not_played}"));
    for held in report.missed().take(FEW) {
        lines.add(&format!("  {} {held}", if held.holds.is_none() { '?' } else { '✗' }));
    }
    let missed = report.missed().count();
    if missed > FEW {
        lines.add(&format!("  and {} more", missed - FEW));
    }
}

/// A text in exactly so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() < columns {
        return format!("{text:<columns$}");
    }
    text.chars().take(columns - 2).chain(['…', ' ']).collect()
}
