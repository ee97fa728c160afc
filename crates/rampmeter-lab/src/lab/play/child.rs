//! A script played in a process of its own, so that its memory, its cores and its death are its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::super::record::{CallRecord, Facts, Played};
use super::super::regime::{Clock, Job};
use super::super::scenario::Scenario;
use super::super::script::Script;
use super::Terms;
use super::wire::{Line, Order};

/// So much longer than the scenario may take a child that keeps real time, for its start and its last
/// words.
const MARGIN: Duration = Duration::from_secs(30);
/// One that keeps virtual time may take so long, however much of that passes.
const VIRTUAL: Duration = Duration::from_secs(600);
/// So long it may take to end when it has said all.
const LEAVING: Duration = Duration::from_secs(5);
/// So long its last words are waited for when it has ended: what it started may hold them open.
const SPEAKING: Duration = Duration::from_secs(1);
/// How often it is looked whether it is to be stopped.
const LOOK: Duration = Duration::from_millis(50);
/// So much is kept of the end of what it says on its standard error.
const LAST_WORDS: usize = 2_000;
/// So much is shown of a line that is none.
const SHOWN: usize = 120;

/// Plays a script in the process that `command` starts, which speaks as [`super::serve`] does. What it
/// has told until it dies, is stopped or has taken too long is kept, and [`Facts::broken`] says why it
/// was not all.
pub fn play(
    command: Command,
    scenario: &Scenario,
    script: &Script,
    job: &Job,
    stop: &AtomicBool,
) -> Played {
    let terms = Terms::of(scenario, job);
    let played = terms.and_then(|terms| play_on(command, &terms, script, job, stop));
    played.unwrap_or_else(|broken| Played {
        job: job.clone(),
        records: Vec::new(),
        facts: Facts { broken: Some(broken), ..Facts::default() },
    })
}

/// [`play`], on these terms.
///
/// # Errors
/// The process cannot be started.
pub fn play_on(
    command: Command,
    terms: &Terms,
    script: &Script,
    job: &Job,
    stop: &AtomicBool,
) -> Result<Played, String> {
    let allowed = match job.clock {
        Clock::Real => Duration::from_nanos(script.ends).saturating_add(MARGIN),
        Clock::Virtual => VIRTUAL,
    };
    play_within(command, terms, script, job, allowed, stop)
}

/// [`play_on`], where it may take so long.
///
/// # Errors
/// The process cannot be started.
pub fn play_within(
    mut command: Command,
    terms: &Terms,
    script: &Script,
    job: &Job,
    allowed: Duration,
    stop: &AtomicBool,
) -> Result<Played, String> {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = pipes.get_program().display().to_string();
    let mut child = pipes.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
    let order = serde_json::to_string(&Order::new(terms, script, job));
    let (lines, last_words) = threads(&mut child, order.map_err(|error| error.to_string())?);
    let until = Instant::now().checked_add(allowed);
    let mut heard = Heard { calls: script.calls.len(), ..Heard::default() };
    let end = heard.listens(&lines, until, stop);
    let status = leaves(&mut child, end == End::Silent || end == End::Done);
    let said = last_words.recv_timeout(SPEAKING).unwrap_or_default();
    let mut facts = heard.facts.unwrap_or_default();
    if let Some(why) = broken(end, status, allowed) {
        let ended = heard.records.values().filter_map(|it| it.answered).max();
        facts.ended = facts.ended.max(ended.unwrap_or(0));
        facts.broken = Some(with_last_words(why, &said));
    }
    Ok(Played { job: job.clone(), records: heard.records.into_values().collect(), facts })
}

/// What a child has told.
#[derive(Default)]
struct Heard {
    calls: usize,
    records: BTreeMap<usize, CallRecord>,
    facts: Option<Facts>,
    lines: u64,
}

/// Why nobody listens any more.
#[derive(PartialEq, Eq)]
enum End {
    Done,
    Silent,
    Stopped,
    TooLong,
    Nonsense(String),
}

impl Heard {
    fn listens(
        &mut self,
        lines: &Receiver<String>,
        until: Option<Instant>,
        stop: &AtomicBool,
    ) -> End {
        loop {
            if stop.load(Ordering::Relaxed) {
                return End::Stopped;
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return End::TooLong;
            }
            let line = match lines.recv_timeout(LOOK) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return End::Silent,
            };
            self.lines += 1;
            match serde_json::from_str(&line) {
                Ok(Line::Facts(facts)) => {
                    self.facts = Some(*facts);
                    return End::Done;
                }
                Ok(Line::Record(record)) if record.call < self.calls => {
                    self.records.insert(record.call, record);
                }
                Ok(Line::Record(record)) => {
                    return self.nonsense(&format!("there is no call {}", record.call));
                }
                Err(error) => {
                    let shown: String = line.chars().take(SHOWN).collect();
                    return self.nonsense(&format!("{error}: {shown}"));
                }
            }
        }
    }

    fn nonsense(&self, what: &str) -> End {
        End::Nonsense(format!("line {} of what it wrote is not of a playing: {what}", self.lines))
    }
}

/// Feeds the child, and reads from it: its lines, and at last the end of what it said on its standard
/// error. Whoever holds its pipes open longer than it lives holds nobody up.
fn threads(child: &mut Child, order: String) -> (Receiver<String>, Receiver<String>) {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // One that has died already says more by how.
            let _ = stdin.write_all(order.as_bytes());
        }
    });
    let (line, lines) = channel();
    thread::spawn(move || {
        let read = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        // Text that is none is the end of it.
        for text in read.map_while(Result::ok) {
            if line.send(text).is_err() {
                return;
            }
        }
    });
    let (words, last_words) = channel();
    thread::spawn(move || {
        let said = stderr.map(last_of).unwrap_or_default();
        let _ = words.send(said);
    });
    (lines, last_words)
}

/// The end of what is read.
fn last_of(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        kept.extend_from_slice(&piece[..read]);
        let too_much = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..too_much);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// The child has ended, by itself if there is reason to think that it will.
fn leaves(child: &mut Child, by_itself: bool) -> Option<ExitStatus> {
    let until = Instant::now() + LEAVING;
    while by_itself && Instant::now() < until {
        match child.try_wait() {
            // The standard library has no wait with a bound.
            Ok(None) => thread::park_timeout(Duration::from_millis(5)),
            Ok(status) => return status,
            Err(_) => break,
        }
    }
    // It may have ended this very moment.
    let _ = child.kill();
    child.wait().ok()
}

fn broken(end: End, status: Option<ExitStatus>, allowed: Duration) -> Option<String> {
    let status = status.map_or("of which nothing is known".to_owned(), |it| it.to_string());
    match end {
        End::Done => None,
        End::Silent => {
            Some(format!("the process that played it ended before it was over ({status})"))
        }
        End::Stopped => Some("it was stopped".to_owned()),
        End::TooLong => Some(format!("it had not ended after {allowed:.0?}, and was killed")),
        End::Nonsense(what) => Some(what),
    }
}

fn with_last_words(why: String, said: &str) -> String {
    if said.is_empty() { why } else { format!("{why}; its last words: {said}") }
}
