//! What figures are in, how they are shown, and amounts as people write them.

use std::fmt;

/// What a figure is in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unit {
    /// Seconds. Infinite is *never*.
    Time,
    /// Bytes.
    Bytes,
    /// So many in each second.
    PerSecond,
    /// So many.
    Count,
    /// A part of something: 1 is all of it.
    Share,
    /// A number that is none of these.
    Plain,
}

const KIB: f64 = 1024.0;

/// From what size on something is shown in which unit, and what that is worth.
const TIMES: &[(f64, f64, &str)] = &[
    (120.0, 60.0, "min"),
    (1.0, 1.0, "s"),
    (1e-3, 1e-3, "ms"),
    (1e-6, 1e-6, "µs"),
    (0.0, 1e-9, "ns"),
];
const SIZES: &[(f64, f64, &str)] = &[
    (KIB * KIB * KIB, KIB * KIB * KIB, "GiB"),
    (KIB * KIB, KIB * KIB, "MiB"),
    (KIB, KIB, "KiB"),
    (0.0, 1.0, "B"),
];

/// A figure for people: the three digits that count, in the unit of its size.
pub fn show(value: f64, unit: Unit) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return "never".to_owned();
    }
    match unit {
        Unit::Time if value == 0.0 => "0 s".to_owned(),
        Unit::Time => sized(value, TIMES),
        Unit::Bytes => sized(value, SIZES),
        Unit::PerSecond => format!("{}/s", digits(value)),
        Unit::Share => format!("{} %", digits(value * 100.0)),
        Unit::Count | Unit::Plain => digits(value),
    }
}

fn sized(value: f64, steps: &[(f64, f64, &str)]) -> String {
    // What three digits round up to the next unit is shown in that.
    let size = value.abs() * 1.000_5;
    let step = steps.iter().find(|(from, ..)| size >= *from);
    let (_, worth, name) = step.copied().unwrap_or((0.0, 1.0, ""));
    format!("{} {name}", digits(value / worth))
}

/// Three digits that count, or all of those before the point, in groups of three.
fn digits(value: f64) -> String {
    let size = value.abs();
    let after = match size {
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.after$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let whole = grouped(whole);
    match (whole.as_str(), part) {
        ("-0", "") => "0".to_owned(),
        (_, "") => whole,
        _ => format!("{whole}.{part}"),
    }
}

fn grouped(whole: &str) -> String {
    let (sign, figures) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut out = sign.to_owned();
    for (at, figure) in figures.chars().enumerate() {
        if at > 0 && (figures.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(figure);
    }
    out
}

/// An amount as it was written: `2s`, `512MiB`, `90%`, `10/s`, `3`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Amount {
    number: f64,
    suffix: &'static Suffix,
}

#[derive(PartialEq, Debug)]
struct Suffix {
    text: &'static str,
    /// What one of it is worth in the figure's own unit.
    worth: f64,
    of: &'static [Unit],
}

const fn suffix(text: &'static str, worth: f64, of: &'static [Unit]) -> Suffix {
    Suffix { text, worth, of }
}

static SUFFIXES: [Suffix; 14] = [
    suffix("", 1.0, &[Unit::Count, Unit::Share, Unit::Plain]),
    suffix("%", 0.01, &[Unit::Share, Unit::Plain]),
    suffix("ns", 1e-9, &[Unit::Time]),
    suffix("us", 1e-6, &[Unit::Time]),
    suffix("µs", 1e-6, &[Unit::Time]),
    suffix("ms", 1e-3, &[Unit::Time]),
    suffix("s", 1.0, &[Unit::Time]),
    suffix("min", 60.0, &[Unit::Time]),
    suffix("h", 3600.0, &[Unit::Time]),
    suffix("B", 1.0, &[Unit::Bytes]),
    suffix("KiB", KIB, &[Unit::Bytes]),
    suffix("MiB", KIB * KIB, &[Unit::Bytes]),
    suffix("GiB", KIB * KIB * KIB, &[Unit::Bytes]),
    suffix("/s", 1.0, &[Unit::PerSecond]),
];

impl Amount {
    /// Reads an amount of that unit.
    ///
    /// # Errors
    ///
    /// What was expected instead.
    pub(super) fn parse(text: &str, unit: Unit) -> Result<Amount, String> {
        let text = text.trim();
        let expected = || format!("expected {}, not `{text}`", expected(unit));
        let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let number: f64 = text[..at].parse().map_err(|_| expected())?;
        let rest = text[at..].trim_start();
        let suffix = SUFFIXES.iter().find(|suffix| suffix.text == rest);
        let suffix = suffix.filter(|suffix| suffix.of.contains(&unit)).ok_or_else(expected)?;
        Ok(Amount { number, suffix })
    }

    /// In the figure's own unit: seconds, bytes, a share of 1.
    pub(super) fn value(&self) -> f64 {
        match self.suffix.worth {
            // Divided, a percentage is the number that people would write: 7 × 0.01 is not 0.07.
            worth if worth < 1.0 => self.number / (1.0 / worth).round(),
            worth => self.number * worth,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.suffix.text)
    }
}

fn expected(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "a time such as `250ms`, `2s` or `5min`",
        Unit::Bytes => "a size such as `64KiB`, `512MiB` or `2GiB`",
        Unit::PerSecond => "a rate such as `10/s`",
        Unit::Count => "a whole number such as `20`",
        Unit::Share => "a share such as `90%`",
        Unit::Plain => "a number such as `0.9`",
    }
}
