//! An events file, as `rampmeter run --events` writes it, put together to calls. What is missing from
//! it is said; what is no event is an error.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;

/// Calls that were recorded, in the order in which they were asked for. Times are microseconds from
/// the start of the recording.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Recording {
    pub(super) calls: Vec<Call>,
    /// The last event's.
    pub(super) until_us: u64,
    /// What is missing, in words.
    pub(super) gaps: Vec<String>,
}

/// One call, with all its attempts.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Call {
    pub(super) tool: String,
    pub(super) id: String,
    pub(super) turn: Option<u64>,
    pub(super) flow: String,
    pub(super) priority: String,
    pub(super) asked_us: u64,
    pub(super) attempts: Vec<Attempt>,
}

/// One attempt at a call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Attempt {
    pub(super) started_us: Option<u64>,
    pub(super) ended_us: Option<u64>,
    pub(super) end: End,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum End {
    /// The file ends before.
    #[default]
    Unknown,
    Succeeded,
    Failed,
    /// Throttled, or out of time.
    Overloaded,
    Refused,
    /// Given up.
    Cancelled,
}

impl Attempt {
    /// From when to when it was inside its tool.
    pub(super) fn inside(&self) -> Option<(u64, u64)> {
        Some((self.started_us?, self.ended_us?)).filter(|(from, to)| to >= from)
    }
}

impl Call {
    /// When it was over.
    pub(super) fn ended_us(&self) -> Option<u64> {
        self.attempts.last()?.ended_us
    }
}

/// What is read of an event.
#[derive(Debug, Deserialize)]
struct Line {
    seq: u64,
    at_us: u64,
    event: String,
    tool: Option<String>,
    call: Option<String>,
    turn: Option<u64>,
    flow: Option<String>,
    priority: Option<String>,
    place: Option<u32>,
    attempt: Option<u32>,
    outcome: Option<String>,
    by: Option<String>,
    took_us: Option<u64>,
}

/// Gaps that are listed; the rest of a file so damaged tells little.
const MOST_GAPS: usize = 5;

/// Reads a recording; `name` is what errors call it.
///
/// # Errors
///
/// It cannot be read, has no calls, or a line other than the last is no event.
pub(super) fn read(name: &str, mut file: impl BufRead) -> Result<Recording, String> {
    let remedy = "name a file that `rampmeter run --events` wrote";
    let mut reading = Reading::default();
    let (mut text, mut next) = (Vec::new(), 0);
    for number in 1_u64.. {
        text.clear();
        let length = file.read_until(b'\n', &mut text);
        if length.map_err(|error| format!("cannot read {name}: {error}; {remedy}"))? == 0 {
            break;
        }
        let line: Line = match serde_json::from_slice(&text) {
            Ok(line) => line,
            // Only a whole event ends its line.
            Err(_) if !text.ends_with(b"\n") && number > 1 => {
                reading.gap(|| format!("line {number}, the last one, is cut off"));
                break;
            }
            Err(error) => {
                return Err(format!("line {number} of {name} is no event ({error}); {remedy}"));
            }
        };
        if line.seq < next {
            return Err(format!(
                "line {number} of {name} has the event {} after the event {}; events of one run are in \
                 order: {remedy}, as it wrote it",
                line.seq,
                next - 1
            ));
        }
        if line.seq > next {
            let missing = line.seq - next;
            reading.gap(|| format!("{missing} events before line {number} are missing"));
        }
        next = line.seq + 1;
        reading.take(line);
    }
    if next == 0 {
        return Err(format!("{name} has no events; was the run one with `--events`?"));
    }
    let recording = reading.done();
    if recording.calls.is_empty() {
        return Err(format!("nobody asks for a call in {name}; {remedy}, of a run that has calls"));
    }
    Ok(recording)
}

#[derive(Default)]
struct Reading {
    recording: Recording,
    /// Attempts that wait or run, by their place: of which call, and the how-manieth.
    open: HashMap<u32, (usize, usize)>,
    /// The last call of each flow, turn, id and tool.
    latest: HashMap<Key, usize>,
    /// Ends whose beginning is not in the file.
    headless: u64,
    gaps: usize,
}

type Key = (Option<u64>, [String; 3]);

impl Reading {
    fn gap(&mut self, words: impl Fn() -> String) {
        self.gaps += 1;
        if self.gaps <= MOST_GAPS {
            self.recording.gaps.push(words());
        }
    }

    fn take(&mut self, line: Line) {
        self.recording.until_us = line.at_us;
        match line.event.as_str() {
            "tool.invoked" => self.invoked(line),
            "tool.started" => {
                let at_us = line.at_us;
                if let Some(attempt) = self.attempt(line.place) {
                    attempt.started_us = Some(at_us);
                }
            }
            "tool.completed" | "tool.failed" | "tool.refused" | "tool.cancelled" => {
                self.ended(&line);
            }
            // What limits do is the policy's, and the policy is another one now.
            _ => {}
        }
    }

    fn invoked(&mut self, line: Line) {
        let key = key(&line);
        let again = line.attempt.is_some_and(|attempt| attempt > 1);
        let known = self.latest.get(&key).copied().filter(|_| again);
        let calls = &mut self.recording.calls;
        let at = known.unwrap_or(calls.len());
        if known.is_none() {
            calls.push(Call {
                tool: line.tool.unwrap_or_default(),
                id: line.call.unwrap_or_default(),
                turn: line.turn,
                flow: line.flow.unwrap_or_default(),
                priority: line.priority.unwrap_or_default(),
                asked_us: line.at_us,
                attempts: Vec::new(),
            });
            self.latest.insert(key, at);
        }
        calls[at].attempts.push(Attempt::default());
        if let Some(place) = line.place {
            self.open.insert(place, (at, calls[at].attempts.len() - 1));
        }
    }

    fn ended(&mut self, line: &Line) {
        let end = match (line.event.as_str(), line.outcome.as_deref()) {
            ("tool.completed", _) => End::Succeeded,
            ("tool.refused", _) => End::Refused,
            ("tool.cancelled", _) => End::Cancelled,
            (_, Some("overloaded")) => End::Overloaded,
            _ => End::Failed,
        };
        let (at_us, shared) = (line.at_us, line.by.is_some());
        let ran = matches!(end, End::Succeeded | End::Failed | End::Overloaded);
        let began = line.took_us.filter(|_| ran).map(|took| at_us.saturating_sub(took));
        let unplaced = self.latest.get(&key(line)).copied().filter(|_| line.place.is_none());
        let attempt = match unplaced {
            Some(call) => self.recording.calls[call].attempts.last_mut(),
            None => self.attempt(line.place),
        };
        let Some(attempt) = attempt else {
            self.headless += 1;
            return;
        };
        attempt.ended_us = Some(at_us);
        attempt.end = end;
        // That it started may be what is missing; what ran for another call did not run for this one.
        if shared {
            attempt.started_us = None;
        } else if line.place.is_some() {
            attempt.started_us = attempt.started_us.or(began);
        }
        if let Some(place) = line.place {
            self.open.remove(&place);
        }
    }

    fn attempt(&mut self, place: Option<u32>) -> Option<&mut Attempt> {
        let (call, attempt) = *self.open.get(&place?)?;
        self.recording.calls.get_mut(call)?.attempts.get_mut(attempt)
    }

    fn done(mut self) -> Recording {
        let more = self.gaps.saturating_sub(MOST_GAPS);
        let gaps = &mut self.recording.gaps;
        if more > 0 {
            gaps.push(format!("and {more} more gaps"));
        }
        if self.headless > 0 {
            gaps.push(format!("{} calls end whose beginning is missing", self.headless));
        }
        let unended = self.recording.calls.iter().filter(|call| call.ended_us().is_none()).count();
        if unended > 0 {
            gaps.push(format!("{unended} calls have no end"));
        }
        self.recording
    }
}

fn key(line: &Line) -> Key {
    let owned = |text: &Option<String>| text.clone().unwrap_or_default();
    (line.turn, [&line.flow, &line.call, &line.tool].map(owned))
}
