//! Figures as people write them.

use std::fmt;
use std::time::Duration;

use super::super::record::Status;
use super::figure::{Figure, Measure, Stat, What};
use super::scope::Scope;
use super::unit::{Amount, Unit};
use super::words;

/// What is one or more fixed words.
const NAMED: [(&str, Measure); 28] = [
    ("asked", Measure::Count(What::Asked)),
    ("good", Measure::Count(What::Good)),
    ("in time", Measure::Count(What::InTime)),
    ("past deadline", Measure::Count(What::PastDeadline)),
    ("runs", Measure::Count(What::Runs)),
    ("throttles", Measure::Count(What::Throttles)),
    ("succeeded", Measure::Count(What::Ended(Status::Succeeded))),
    ("degraded", Measure::Count(What::Ended(Status::Degraded))),
    ("failed", Measure::Count(What::Ended(Status::Failed))),
    ("throttled", Measure::Count(What::Ended(Status::Throttled))),
    ("timed out", Measure::Count(What::Ended(Status::TimedOut))),
    ("refused", Measure::Count(What::Ended(Status::Refused))),
    ("cancelled", Measure::Count(What::Ended(Status::Cancelled))),
    ("lost", Measure::Count(What::Ended(Status::Lost))),
    ("goodput", Measure::Goodput),
    ("throughput", Measure::Throughput),
    ("peak", Measure::Peak),
    ("outstanding", Measure::Outstanding),
    ("queue", Measure::Queue),
    ("fairness", Measure::Fairness),
    ("share", Measure::Share),
    ("recovery", Measure::Recovery),
    ("duration", Measure::Duration),
    ("never asked", Measure::NeverAsked),
    ("lost updates", Measure::LostUpdates),
    ("memory", Measure::Memory),
    ("memory wanted", Measure::MemoryWanted),
    ("cpu", Measure::Cpu),
];

/// What is followed by which of many values is meant.
type OfMany = fn(Stat) -> Measure;
const OF_MANY: [(&str, OfMany); 3] =
    [("wait", Measure::Wait), ("slowdown", Measure::Slowdown), ("lag", Measure::Lag)];

/// What one is told of besides the fixed words.
const EXAMPLES: [&str; 9] =
    ["p50", "p95", "p99", "max", "mean", "wait p95", "slowdown p95", "lag p99", "starts in 1s"];

impl Figure {
    /// Reads a figure: `p95 of high`, `peak / asked`. [The list](super) has all of them.
    ///
    /// # Errors
    ///
    /// It is none; what was expected, and which are near.
    pub fn parse(text: &str) -> Result<Figure, String> {
        let mut parts = text.split(" / ");
        let mut figure = part(parts.next().unwrap_or_default())?;
        figure.over = parts.next().map(part).transpose()?.map(Box::new);
        match parts.next() {
            Some(_) => Err(format!("`{text}` divides twice: write one figure / another")),
            None => Ok(figure),
        }
    }
}

fn part(text: &str) -> Result<Figure, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let of = words.iter().position(|word| *word == "of").unwrap_or(words.len());
    let name = words[..of].join(" ");
    let measure = measure(&name)?;
    let scope = match words.get(of + 1..) {
        Some(words) => Some(Scope::parse(&words.join(" "))?),
        None => None,
    };
    match (&scope, measure.takes_scope()) {
        (Some(_), Takes::None) => {
            Err(format!("`{measure}` is of the whole playing: leave out `of …`"))
        }
        (None, Takes::Always) => Err(format!("`{measure}` of whom? Write `{measure} of FLOW`")),
        _ => Ok(Figure { measure, scope, over: None }),
    }
}

fn measure(name: &str) -> Result<Measure, String> {
    if let Some((_, measure)) = NAMED.iter().find(|(word, _)| *word == name) {
        return Ok(*measure);
    }
    if let Some(stat) = stat(name) {
        return Ok(Measure::Latency(stat));
    }
    if let Some(text) = name.strip_prefix("starts in ") {
        let period = Amount::parse(text, Unit::Time)?.value();
        let period = Duration::try_from_secs_f64(period).ok().filter(|period| !period.is_zero());
        return period.map(Measure::Starts).ok_or_else(|| format!("there is no period `{text}`"));
    }
    for (word, of) in OF_MANY {
        if name.split(' ').next() == Some(word) {
            let stat = stat(name[word.len()..].trim_start());
            let help = || format!("`{word}` is followed by `p95`, another rank, `max` or `mean`");
            return stat.map(of).ok_or_else(help);
        }
    }
    let known: Vec<&str> = EXAMPLES.into_iter().chain(NAMED.map(|(word, _)| word)).collect();
    Err(format!("`{name}` is no figure: {}", words::near(name, &known)))
}

fn stat(word: &str) -> Option<Stat> {
    match word {
        "max" => return Some(Stat::Max),
        "mean" => return Some(Stat::Mean),
        _ => {}
    }
    let (whole, tenth) = match word.strip_prefix('p')?.split_once('.') {
        Some((whole, tenth)) => (whole, tenth),
        None => (word.strip_prefix('p')?, "0"),
    };
    let number = |text: &str, digits: usize| {
        let plain = text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| plain)
    };
    let thousandths = number(whole, 2)? * 10 + number(tenth, 1)?;
    (thousandths > 0).then_some(Stat::Rank(thousandths))
}

/// Whether a figure is of some calls only.
enum Takes {
    None,
    Maybe,
    Always,
}

impl Measure {
    fn takes_scope(self) -> Takes {
        match self {
            Measure::Recovery
            | Measure::Duration
            | Measure::NeverAsked
            | Measure::LostUpdates
            | Measure::Memory
            | Measure::MemoryWanted
            | Measure::Lag(_)
            | Measure::Cpu => Takes::None,
            Measure::Share => Takes::Always,
            _ => Takes::Maybe,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::Latency(stat) => write!(f, "{stat}"),
            Measure::Wait(stat) => write!(f, "wait {stat}"),
            Measure::Slowdown(stat) => write!(f, "slowdown {stat}"),
            Measure::Lag(stat) => write!(f, "lag {stat}"),
            Measure::Starts(period) => write!(f, "starts in {period:?}"),
            named => {
                let word = NAMED.iter().find(|(_, measure)| measure == named);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    }
}
