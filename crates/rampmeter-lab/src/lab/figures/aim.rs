//! Aims: figures, and where they have to lie.

use std::fmt;

use super::super::script::Script;
use super::super::study::Entry;
use super::figure::Figure;
use super::unit::{Amount, Unit};

/// What is asked of a playing: `p95 of high <= 2s`, `memory <= 512MiB`, `no throttles`.
#[derive(Clone, PartialEq, Debug)]
pub struct Aim {
    figure: Figure,
    op: Op,
    amount: Amount,
}

/// What became of an aim.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Judged {
    /// Whether it holds; nothing if the playing does not tell.
    pub holds: Option<bool>,
    /// The figure.
    pub value: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    AtMost,
    AtLeast,
    Below,
    Above,
    Is,
}

/// A difference of this part of a bound is none.
const SAME: f64 = 1e-9;

/// The longer ones first, of which others are the beginning.
const OPS: [(&str, Op); 7] = [
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("≤", Op::AtMost),
    ("≥", Op::AtLeast),
    ("<", Op::Below),
    (">", Op::Above),
    ("=", Op::Is),
];

impl Aim {
    /// Reads an aim: a figure, `<=`, `>=`, `<`, `>` or `=`, and an amount with its unit; or `no` and
    /// something that is counted.
    ///
    /// # Errors
    ///
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Aim, String> {
        if let Some(counted) = text.trim().strip_prefix("no ") {
            return Aim::none(counted);
        }
        let found = OPS.iter().filter_map(|(word, op)| Some((text.find(word)?, *word, *op)));
        let first = found.min_by_key(|(at, word, _)| (*at, word.len() == 1));
        let Some((at, word, op)) = first else {
            return Err(format!(
                "`{text}` says nothing of where it has to lie: write it as in `p95 <= 2s`, with <=, >=, <, > \
                 or =, or as in `no throttles`"
            ));
        };
        let figure = Figure::parse(&text[..at])?;
        let amount = Amount::parse(&text[at + word.len()..], figure.unit());
        let amount = amount.map_err(|what| format!("`{figure}`: {what}"))?;
        Ok(Aim { figure, op, amount })
    }

    /// What is measured.
    pub fn figure(&self) -> &Figure {
        &self.figure
    }

    /// Where it has to lie: seconds, bytes, a share of 1.
    pub fn bound(&self) -> f64 {
        self.amount.value()
    }

    /// Whether it holds.
    pub fn judge(&self, entry: &Entry) -> Judged {
        let value = self.figure.of(entry);
        Judged { holds: value.map(|value| self.holds(value)), value }
    }

    /// Whether it holds of that figure. Figures are sums and quotients of nanoseconds and counts, which leave
    /// a trace in the last digits: what is less than a billionth of the bound away from it is equal to it.
    pub fn holds(&self, value: f64) -> bool {
        let bound = self.bound();
        let same = (value - bound).abs() <= SAME * bound.abs();
        match self.op {
            Op::AtMost => same || value < bound,
            Op::AtLeast => same || value > bound,
            Op::Below => !same && value < bound,
            Op::Above => !same && value > bound,
            Op::Is => same,
        }
    }

    /// That all names in it are in the script.
    ///
    /// # Errors
    ///
    /// One is not; which names are near.
    pub fn check(&self, script: &Script) -> Result<(), String> {
        self.figure.check(script)
    }

    fn none(counted: &str) -> Result<Aim, String> {
        let figure = Figure::parse(counted)?;
        match figure.unit() {
            Unit::Count => Ok(Aim { figure, op: Op::Is, amount: Amount::parse("0", Unit::Count)? }),
            _ => Err(format!("`no` is followed by something that is counted, not by `{figure}`")),
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = OPS.iter().find(|(_, op)| *op == self.op).map_or("=", |(word, _)| word);
        write!(f, "{} {word} {}", self.figure, self.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_by_what_is_as_good_as_equal_to_it() {
        // As a mean of nanoseconds comes out, and one nanosecond beside it.
        let (mean, beside) = (0.338_f64.next_up(), 0.338_000_001);
        let holds = |op: &str, value| Aim::parse(&format!("mean {op} 338ms")).unwrap().holds(value);
        let each = |value| ["=", "<=", ">=", "<", ">"].map(|op| holds(op, value));
        assert_eq!(each(mean), [true, true, true, false, false]);
        assert_eq!(each(beside), [false, false, true, false, true]);
        assert!(!Aim::parse("no throttles").unwrap().holds(1.0));
        assert!(!Aim::parse("p95 <= 2s").unwrap().holds(f64::INFINITY));
    }
}
