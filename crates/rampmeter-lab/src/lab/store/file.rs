//! A playing as a file, one JSON object a line:
//!
//! ```text
//! {"head":{"job":{…},"from":"…","by":"…"}}
//! {"record":{"call":0,"asked":0,"answered":50000000,"status":"succeeded","runs":[…]}}
//! …
//! {"facts":{…}}
//! {"end":{"records":12,"sha256":"…"}}
//! ```
//!
//! `from` is the fingerprint of what was played, `by` names the build that played it, and the last
//! line's checksum is that of all lines before it.

use std::fmt;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::record::{CallRecord, Facts, Played};
use super::super::regime::Job;
use super::print::hex;

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) job: Job,
    pub(super) from: String,
    pub(super) by: String,
}

/// The last line.
#[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
struct End {
    records: usize,
    sha256: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Head(Head),
    Record(CallRecord),
    Facts(Box<Facts>),
    End(End),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum LineOf<'a> {
    Head(&'a Head),
    Record(&'a CallRecord),
    Facts(&'a Facts),
    End(&'a End),
}

/// Why a file is not taken for a playing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// It ends after so many lines, without its last one.
    Unfinished(usize),
    /// This line, counted from 1, is not what stands there.
    Line(usize, String),
    /// It is not what was written.
    Checksum,
    /// It was played from something else: another text, another program, another `stageflow-core`.
    Outdated,
    /// It was broken off.
    Broken(String),
    /// It cannot be read at all.
    Unreadable(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Unfinished(lines) => write!(f, "line {}: its end is missing", lines + 1),
            Flaw::Line(line, what) => write!(f, "line {line}: {what}"),
            Flaw::Checksum => f.write_str("its checksum is wrong: it is not what was written"),
            Flaw::Outdated => f.write_str("it was played from something else than is asked now"),
            Flaw::Broken(why) => write!(f, "it was not played to its end: {why}"),
            Flaw::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

/// Writes a playing.
pub(super) fn write(out: &mut dyn Write, head: &Head, played: &Played) -> io::Result<()> {
    let mut out = Summed { out, sum: Sha256::new() };
    out.line(&LineOf::Head(head))?;
    for record in &played.records {
        out.line(&LineOf::Record(record))?;
    }
    out.line(&LineOf::Facts(&played.facts))?;
    let sha256 = hex(&out.sum.finalize_reset());
    out.line(&LineOf::End(&End { records: played.records.len(), sha256 }))
}

struct Summed<'a> {
    out: &'a mut dyn Write,
    sum: Sha256,
}

impl Summed<'_> {
    fn line(&mut self, line: &LineOf<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.sum.update(&text);
        self.out.write_all(&text)
    }
}

/// What the first line says.
pub(super) fn head(file: &mut impl BufRead) -> Result<Head, Flaw> {
    let mut text = Vec::new();
    file.read_until(b'\n', &mut text).map_err(|error| Flaw::Unreadable(error.to_string()))?;
    match parse(&text, 1)? {
        Line::Head(head) => Ok(head),
        _ => Err(Flaw::Line(1, "it is not the first line of a playing".into())),
    }
}

/// Reads a playing, all of it or nothing.
pub(super) fn read(file: &mut impl BufRead) -> Result<(Head, Played), Flaw> {
    let mut reading = Reading::default();
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = file.read_until(b'\n', &mut text);
        match read {
            Ok(0) => return Err(Flaw::Unfinished(reading.lines)),
            Ok(_) => {}
            Err(error) => return Err(Flaw::Unreadable(error.to_string())),
        }
        if !text.ends_with(b"\n") {
            return Err(Flaw::Unfinished(reading.lines));
        }
        if let Some(read) = reading.take(&text)? {
            return match file.fill_buf() {
                Ok([]) => Ok(read),
                _ => Err(Flaw::Line(reading.lines + 1, "there is more after its end".into())),
            };
        }
    }
}

#[derive(Default)]
struct Reading {
    lines: usize,
    sum: Sha256,
    head: Option<Head>,
    records: Vec<CallRecord>,
    facts: Option<Facts>,
}

impl Reading {
    /// Takes a line; returns all of it at the last one.
    fn take(&mut self, text: &[u8]) -> Result<Option<(Head, Played)>, Flaw> {
        self.lines += 1;
        match (parse(text, self.lines)?, &self.head, &self.facts) {
            (Line::Head(head), None, None) => self.head = Some(head),
            (Line::Record(record), Some(_), None) => self.records.push(record),
            (Line::Facts(facts), Some(_), None) => self.facts = Some(*facts),
            (Line::End(end), Some(_), Some(_)) => return self.end(&end).map(Some),
            _ => return Err(Flaw::Line(self.lines, "it does not belong there".into())),
        }
        self.sum.update(text);
        Ok(None)
    }

    fn end(&mut self, end: &End) -> Result<(Head, Played), Flaw> {
        let sum = hex(&self.sum.finalize_reset());
        let (Some(head), Some(facts)) = (self.head.take(), self.facts.take()) else {
            return Err(Flaw::Unfinished(self.lines));
        };
        if end.sha256 != sum || end.records != self.records.len() {
            return Err(Flaw::Checksum);
        }
        let records = std::mem::take(&mut self.records);
        let played = Played { job: head.job.clone(), records, facts };
        Ok((head, played))
    }
}

fn parse(text: &[u8], line: usize) -> Result<Line, Flaw> {
    serde_json::from_slice(text).map_err(|error| Flaw::Line(line, error.to_string()))
}
