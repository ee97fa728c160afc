//! An events file, line by line. What is missing from it is said; what is no event is an error.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

/// One event as `rampmeter run --events` writes it; what is not needed here is not read.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) at_us: u64,
    pub(super) event: String,
    pub(super) tool: Option<String>,
    pub(super) call: Option<String>,
    pub(super) turn: Option<u64>,
    pub(super) flow: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) place: Option<u32>,
    pub(super) limit: Option<String>,
    pub(super) lane: Option<u64>,
    pub(super) obstacle: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) lasts_us: Option<u64>,
    pub(super) attempt: Option<u32>,
    pub(super) by: Option<String>,
}

/// Events that are not in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gap {
    /// From this number to the one before the other.
    Missing(u64, u64),
    /// The last line is cut off.
    CutOff(usize),
}

/// Gaps that are listed; the rest of a file so damaged tells little.
const MAX_GAPS: usize = 5;

/// Hands each event of a file on, and says what is missing.
pub(super) fn each(path: &Path, mut take: impl FnMut(&Line)) -> Result<Vec<Gap>, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| {
        format!("cannot read {shown}: {error}; name the file that `rampmeter run --events` wrote")
    };
    let mut file = BufReader::new(File::open(path).map_err(cannot)?);
    let (mut gaps, mut text, mut next) = (Vec::new(), Vec::new(), 0);
    for number in 1.. {
        text.clear();
        if file.read_until(b'\n', &mut text).map_err(cannot)? == 0 {
            break;
        }
        let line: Line = match serde_json::from_slice(&text) {
            Ok(line) => line,
            // Only a whole event ends its line.
            Err(_) if !text.ends_with(b"\n") && number > 1 => {
                gaps.push(Gap::CutOff(number));
                break;
            }
            Err(error) => {
                return Err(format!(
                    "line {number} of {shown} is no event ({error}); name a file that `rampmeter \
                     run --events` wrote"
                ));
            }
        };
        if line.seq < next {
            return Err(format!(
                "line {number} of {shown} has the event {} after the event {}; the events of one \
                 run are in order: name the file as `rampmeter run --events` wrote it",
                line.seq,
                next - 1
            ));
        }
        if line.seq > next && gaps.len() < MAX_GAPS {
            gaps.push(Gap::Missing(next, line.seq));
        }
        next = line.seq + 1;
        take(&line.plain());
    }
    if next == 0 {
        return Err(format!("{shown} has no events; was the run one with `--events`?"));
    }
    Ok(gaps)
}

impl Line {
    /// Names come from models and from turns; what controls a terminal is not passed on to it.
    fn plain(mut self) -> Line {
        let Line { tool, call, flow, priority, limit, by, .. } = &mut self;
        for text in [tool, call, flow, priority, limit, by].into_iter().flatten() {
            if text.contains(char::is_control) {
                *text = text.replace(char::is_control, " ");
            }
        }
        self
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::Missing(from, to) if from + 1 == *to => write!(f, "event {from} is missing"),
            Gap::Missing(from, to) => write!(f, "events {from} to {} are missing", to - 1),
            Gap::CutOff(line) => write!(f, "line {line}, the last one, is cut off"),
        }
    }
}
