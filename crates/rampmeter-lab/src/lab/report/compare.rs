//! Two studies side by side: figures that moved, verdicts and holds that changed, findings that came and
//! went.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::data::Held;
use super::fold::{clock_name, holds, over, spread, unit};
use crate::lab::curves::OverSeeds;
use crate::lab::figures::{Unit, show};
use crate::lab::findings::{Finding, from_study};
use crate::lab::hypotheses::{Answer, judge};
use crate::lab::{Clock, Entry, Job, Regime, Study};

/// What is looked at in every playing.
const FIGURES: [&str; 12] = [
    "asked",
    "good",
    "in time",
    "throttles",
    "lost",
    "peak",
    "queue",
    "p50",
    "p95",
    "goodput",
    "duration",
    "memory",
];

/// Of what may be long only the first are told.
const FEW: usize = 10;

/// In real time figures differ from one run to the next: less than this part, beyond what seeds make, is no
/// move.
const REAL_NOISE: f64 = 0.1;

/// From so much on a part is told as times.
const MANY: f64 = 4.0;

/// What is different in `b`, as text; figures of all seeds together.
pub fn compare(a: &Study, b: &Study) -> String {
    let mut text = String::new();
    let (before, after) = (grouped(a), grouped(b));
    let only = |one: &Groups<'_>, other: &Groups<'_>| {
        let alone = one.keys().filter(|key| !other.contains_key(*key));
        // All sizes of a sweep are one line.
        let mut lines: Vec<String> =
            alone.map(|key| Key { size: None, ..*key }.to_string()).collect();
        lines.dedup();
        lines
    };
    let clocks = otherwise_timed(&before, &after);
    if clocks > 0 {
        let _ = writeln!(
            text,
            "not compared: {clocks} scenarios and regimes that one has in virtual time and the other in \
             real time"
        );
    }
    section(&mut text, "only in the first", &only(&before, &after));
    section(&mut text, "only in the second", &only(&after, &before));
    let both = before.iter().filter_map(|(key, one)| Some((key, one, after.get(key)?)));
    let moves: Vec<String> =
        both.clone().flat_map(|(key, one, other)| moved(key, one, other)).collect();
    let head = format!("figures that moved, of {} scenarios and regimes in both", both.count());
    section(&mut text, &head, &moves);
    let (judged_a, judged_b) = (judge(a), judge(b));
    let verdict = |id: &str, regime| {
        let found = judged_b.iter().find(|it| it.id == id && it.regime == regime);
        found.map_or(Answer::NotPlayed, |it| it.answer)
    };
    let changed = judged_a.iter().filter_map(|it| {
        let now = verdict(&it.id, it.regime);
        (now != it.answer)
            .then(|| format!("{} under {}: {}, now {now}", it.id, it.regime, it.answer))
    });
    section(&mut text, "verdicts that changed", &changed.collect::<Vec<_>>());
    section(&mut text, "what must hold", &held(a, b));
    let (found_a, found_b) = (from_study(a, &judged_a), from_study(b, &judged_b));
    let told = |it: &Finding| format!("{} ({}): {}", it.id, it.severity, it.title);
    let new: Vec<String> =
        found_b.iter().filter(|it| found_a.get(&it.id).is_none()).map(told).collect();
    let gone: Vec<String> =
        found_a.iter().filter(|it| found_b.get(&it.id).is_none()).map(told).collect();
    section(&mut text, "new findings", &new);
    section(&mut text, "findings that are gone", &gone);
    if text.is_empty() { "nothing is different\n".to_owned() } else { text }
}

fn section(text: &mut String, name: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let space = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{space}{name}: {}", lines.len());
    let more = lines.len().saturating_sub(FEW);
    for line in lines.iter().take(FEW) {
        let _ = writeln!(text, "  {line}");
    }
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
}

/// How many scenarios and regimes each has by the one clock that the other has not.
fn otherwise_timed(before: &Groups<'_>, after: &Groups<'_>) -> usize {
    let other = |clock| if clock == Clock::Real { Clock::Virtual } else { Clock::Real };
    let apart = before.keys().filter(|key| {
        !after.contains_key(*key) && after.contains_key(&Key { clock: other(key.clock), ..**key })
    });
    apart.map(|key| (key.scenario, key.regime)).collect::<BTreeSet<_>>().len()
}

/// A job but for its seed.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    scenario: &'a str,
    regime: Regime,
    clock: Clock,
    size: Option<u64>,
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under {}", self.scenario, self.regime)?;
        if let Some(size) = self.size {
            write!(f, " of {size}")?;
        }
        if self.clock == Clock::Real { write!(f, " in {}", clock_name(self.clock)) } else { Ok(()) }
    }
}

type Groups<'a> = BTreeMap<Key<'a>, Vec<&'a Entry>>;

fn grouped(study: &Study) -> Groups<'_> {
    let mut groups = Groups::new();
    for entry in &study.entries {
        let Job { scenario, regime, clock, size, .. } = &entry.played.job;
        let key = Key { scenario, regime: *regime, clock: *clock, size: *size };
        groups.entry(key).or_default().push(entry);
    }
    groups
}

/// Each figure that is another one now.
fn moved(key: &Key<'_>, one: &[&Entry], other: &[&Entry]) -> Vec<String> {
    let figure = |name: &&str| {
        let unit = unit(name);
        let (before, after) = (over(one, name), over(other, name));
        let (was, is) = (spread(before, unit), spread(after, unit));
        let noise = key.clock == Clock::Real && is_noise(before, after);
        (was != is && !noise)
            .then(|| format!("{key}: {name} was {was}, is {is}{}", by(before, after)))
    };
    FIGURES.iter().filter_map(figure).collect()
}

/// Whether the seeds of both overlap, or the medians are hardly apart.
fn is_noise(before: Option<OverSeeds>, after: Option<OverSeeds>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    let overlap = before.least <= after.most && after.least <= before.most;
    let apart = (after.median - before.median).abs();
    overlap || apart <= REAL_NOISE * before.median.abs().max(after.median.abs())
}

/// By what part a figure moved.
fn by(before: Option<OverSeeds>, after: Option<OverSeeds>) -> String {
    let (Some(before), Some(after)) = (before, after) else { return String::new() };
    let part = after.median / before.median - 1.0;
    match part.is_finite() && part != 0.0 {
        true if part >= MANY => format!(" ({} times)", show(part + 1.0, Unit::Plain)),
        true => format!(" ({}{})", if part > 0.0 { "+" } else { "" }, show(part, Unit::Share)),
        false => String::new(),
    }
}

fn held(a: &Study, b: &Study) -> Vec<String> {
    let word = |holds| match holds {
        Some(true) => "held",
        Some(false) => "did not hold",
        None => "could not be told",
    };
    let before = holds(a);
    let changed = holds(b).into_iter().filter_map(|now| {
        let same = |it: &&Held| {
            (&it.scenario, it.regime, &it.aim) == (&now.scenario, now.regime, &now.aim)
        };
        let was = before.iter().find(same)?;
        (was.holds != now.holds).then(|| {
            let (was, value) = (word(was.holds), &now.value);
            let is = match now.holds {
                Some(true) => "holds now",
                Some(false) => "does not hold now",
                None => "cannot be told now",
            };
            format!("{} under {}: {} {was}, {is}: {value}", now.scenario, now.regime, now.aim)
        })
    });
    changed.collect()
}
