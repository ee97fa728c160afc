//! What of a policy can be tuned: numbers in its text, and the text with other numbers.
//!
//! Knobs are the `concurrency` of each limit, also as `{ size = N }`, and the amount of each of its
//! rates, also in a table or a list. Slots that are learned are none, since the gate tunes those
//! itself, and neither are rates whose period is longer than what is played, since a playing says
//! nothing of them. Reserved slots, weights, queues, bursts and time-outs stay as they are.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use rampmeter::Policy;
use rampmeter::policy::{LimitPolicy, Unit};
use toml_edit::{Document, Item, Value};

/// One number of a policy.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Knob {
    /// `limits.api.concurrency`, `limits.api.requests`, `limits.api.requests[1]`.
    pub(crate) name: String,
    /// The limit.
    pub(crate) limit: String,
    pub(crate) what: What,
    /// What it is in the policy.
    pub(crate) given: u64,
    /// Where its digits stand.
    span: Range<usize>,
}

/// What it is a number of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Slots,
    /// An amount in a period.
    Rate(Unit, Duration),
}

/// A policy's text and the numbers in it that can be tuned.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Knobs {
    file: String,
    text: String,
    pub(crate) knobs: Vec<Knob>,
    /// Numbers that look like knobs and are none, each with why.
    pub(crate) left_alone: Vec<(String, String)>,
}

impl Knobs {
    /// The knobs of a policy for what is played for so long, in the order of the file.
    ///
    /// # Errors
    ///
    /// The policy's own, and one if there is nothing to tune.
    pub(crate) fn of(file: &str, text: &str, plays: Duration) -> Result<Knobs, String> {
        let policy = Policy::parse(file, text).map_err(|errors| errors.to_string())?;
        let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
        let before = text.len() - bare.len();
        let document = Document::parse(bare).map_err(|error| error.to_string())?;
        let (file, text) = (file.to_owned(), text.to_owned());
        let mut found = Knobs { file, text, knobs: Vec::new(), left_alone: Vec::new() };
        for limit in &policy.limits {
            let written = document.get("limits").and_then(|limits| limits.get(&limit.name));
            if let Some(written) = written {
                found.slots(limit, written, before);
                found.rates(limit, written, before, plays);
            }
        }
        if found.knobs.is_empty() {
            let why = found.left_alone.iter().map(|(name, why)| format!("; {name}: {why}"));
            return Err(format!(
                "{} has nothing to tune: no limit states a concurrency or a rate as a plain \
                 number{}; write one, as in concurrency = 8",
                found.file,
                why.collect::<String>()
            ));
        }
        Ok(found)
    }

    fn slots(&mut self, limit: &LimitPolicy, written: &Item, before: usize) {
        let (Some(given), Some(item)) = (limit.concurrency, written.get("concurrency")) else {
            return;
        };
        let name = format!("limits.{}.concurrency", limit.name);
        if limit.adaptive.is_some() {
            self.left_alone.push((name, "is learned while calls run".into()));
            return;
        }
        let number = item.get("size").unwrap_or(item);
        self.add(name, &limit.name, What::Slots, given, number.span(), before);
    }

    fn rates(&mut self, limit: &LimitPolicy, written: &Item, before: usize, plays: Duration) {
        for unit in [Unit::Requests].into_iter().chain(Unit::COSTS) {
            let rates: Vec<_> = limit.rates.iter().filter(|rate| rate.unit == unit).collect();
            let places = written.get(unit.key()).map(places).unwrap_or_default();
            for (at, (rate, span)) in rates.iter().zip(places).enumerate() {
                let which = if rates.len() > 1 { format!("[{at}]") } else { String::new() };
                let name = format!("limits.{}.{}{which}", limit.name, unit.key());
                if rate.period > plays {
                    let why = format!("its period of {:?} outlasts what is played", rate.period);
                    self.left_alone.push((name, why));
                    continue;
                }
                let what = What::Rate(unit, rate.period);
                self.add(name, &limit.name, what, rate.amount, span, before);
            }
        }
    }

    fn add(
        &mut self,
        name: String,
        limit: &str,
        what: What,
        given: u64,
        span: Option<Range<usize>>,
        before: usize,
    ) {
        let digits = span.and_then(|span| self.digits(span.start + before..span.end + before));
        let knob =
            digits.map(|span| Knob { name: name.clone(), limit: limit.into(), what, given, span });
        // A number that is written in some other way, as in hexadecimal, is not ours to rewrite.
        let reads_back =
            |knob: &Knob| self.text[knob.span.clone()].replace('_', "") == knob.given.to_string();
        match knob.filter(reads_back) {
            Some(knob) => self.knobs.push(knob),
            None => self.left_alone.push((name, "is not written as a plain number".into())),
        }
    }

    /// The first digits within a value as it is written.
    fn digits(&self, span: Range<usize>) -> Option<Range<usize>> {
        let written = self.text.get(span.clone())?;
        let from = written.find(|c: char| c.is_ascii_digit())?;
        let length = written[from..].bytes().take_while(|it| it.is_ascii_digit() || *it == b'_');
        let from = span.start + from;
        Some(from..from + length.count())
    }

    /// What the knobs are in the policy.
    pub(crate) fn given(&self) -> Vec<u64> {
        self.knobs.iter().map(|knob| knob.given).collect()
    }

    /// The text with these numbers, all else as it was.
    pub(crate) fn written(&self, setting: &[u64]) -> String {
        let mut edits: Vec<_> = self.knobs.iter().zip(setting).collect();
        edits.sort_by_key(|(knob, _)| knob.span.start);
        let (mut text, mut until) = (String::new(), 0);
        for (knob, value) in edits.into_iter().filter(|(knob, value)| knob.given != **value) {
            text.push_str(&self.text[until..knob.span.start]);
            text.push_str(&value.to_string());
            until = knob.span.end;
        }
        text.push_str(&self.text[until..]);
        text
    }

    /// The policy with these numbers.
    ///
    /// # Errors
    ///
    /// What a policy with these numbers contradicts, such as more reserved slots than there are.
    pub(crate) fn policy(&self, setting: &[u64]) -> Result<Policy, String> {
        Policy::parse(&self.file, &self.written(setting)).map_err(|errors| errors.to_string())
    }

    /// The least that a knob may be in a legal policy, the others being as given.
    pub(crate) fn least(&self, knob: usize) -> u64 {
        let legal = |value: u64| {
            let mut setting = self.given();
            setting[knob] = value;
            self.policy(&setting).is_ok()
        };
        // What is given is legal, and so is more of it: the border is between 1 and that.
        let (mut least, mut known) = (1, self.knobs[knob].given);
        while least < known {
            let middle = least + (known - least) / 2;
            if legal(middle) { known = middle } else { least = middle + 1 }
        }
        known
    }
}

/// Where the numbers of a rate, or of a list of them, are written.
fn places(item: &Item) -> Vec<Option<Range<usize>>> {
    let rate = |value: &Value| match value.as_inline_table() {
        Some(table) => table.get("rate").and_then(Value::span),
        None => value.span(),
    };
    match item {
        Item::Value(Value::Array(list)) => list.iter().map(rate).collect(),
        Item::Value(value) => vec![rate(value)],
        Item::Table(table) => vec![table.get("rate").and_then(Item::span)],
        Item::None | Item::ArrayOfTables(_) => Vec::new(),
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    const POLICY: &str = r#"# What the provider sells us.
[limits.api]
concurrency = 8          # as of spring
requests = ["30/min", { rate = '140/s', kind = "bucket", burst = 5 }]   # two of them
tokens = "6000/min"

[limits.disk]
concurrency = { size = 4_096, lend = false }
reserved = { critical = 100 }

[limits.learned]
concurrency = { size = 20, adaptive = "aimd" }

[limits.daily]
requests = "14400/day"

[limits.odd]
concurrency = 0x10

[tools.ask]
limits = { api = { weight = 2, tokens = 900 }, disk = { weight = 300 } }
timeout = "30s"
"#;

    fn knobs() -> Knobs {
        Knobs::of("policy.toml", POLICY, MINUTE).unwrap()
    }

    #[test]
    fn every_plain_number_of_a_limit_is_a_knob() {
        let knobs = knobs();
        let names: Vec<_> = knobs.knobs.iter().map(|it| (it.name.as_str(), it.given)).collect();
        let expected = [
            ("limits.api.concurrency", 8),
            ("limits.api.requests[0]", 30),
            ("limits.api.requests[1]", 140),
            ("limits.api.tokens", 6_000),
            ("limits.disk.concurrency", 4_096),
        ];
        assert_eq!(names, expected);
        assert_eq!(knobs.knobs[2].what, What::Rate(Unit::Requests, Duration::from_secs(1)));
        let left: Vec<_> = knobs.left_alone.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            left,
            ["limits.learned.concurrency", "limits.daily.requests", "limits.odd.concurrency"]
        );
    }

    #[test]
    fn only_the_numbers_that_change_are_changed_in_the_text() {
        let knobs = knobs();
        assert_eq!(knobs.written(&knobs.given()), knobs.text);
        let changed = knobs.written(&[12, 30, 7, 60_000, 500]);
        let expected = knobs
            .text
            .replace("concurrency = 8 ", "concurrency = 12 ")
            .replace("'140/s'", "'7/s'")
            .replace("6000/min", "60000/min")
            .replace("4_096", "500");
        assert_eq!(changed, expected);
        let policy = knobs.policy(&[12, 30, 7, 60_000, 500]).unwrap();
        assert_eq!(policy.limits[0].concurrency, Some(12));
        assert_eq!(policy.limits[1].concurrency, Some(500));
        assert_eq!(policy.limits[0].rates[1].amount, 7);
    }

    #[test]
    fn a_text_with_a_byte_order_mark_is_changed_in_the_same_places() {
        let text = "\u{feff}[limits.a]\nconcurrency = 8 # é\n[tools.t]\nlimits = [\"a\"]\n";
        let knobs = Knobs::of("policy.toml", text, MINUTE).unwrap();
        assert_eq!(knobs.written(&[9]), text.replace('8', "9"));
    }

    #[test]
    fn the_least_is_what_weights_and_reserved_slots_leave_legal() {
        let knobs = knobs();
        assert_eq!(knobs.least(0), 2, "a call weighs 2");
        assert_eq!(knobs.least(4), 400, "300 for a call beside the 100 that are kept");
        assert_eq!(knobs.least(1), 1);
    }

    #[test]
    fn a_policy_without_numbers_has_nothing_to_tune() {
        let text = "[limits.a]\nconcurrency = { size = 2, adaptive = \"aimd\" }\n[tools.t]\nlimits = [\"a\"]\n";
        let error = Knobs::of("mine.toml", text, MINUTE).unwrap_err();
        assert!(error.starts_with("mine.toml has nothing to tune"), "{error}");
        assert!(error.contains("limits.a.concurrency: is learned"), "{error}");
        assert!(Knobs::of("mine.toml", "[limits", MINUTE).unwrap_err().contains("mine.toml"));
    }
}
