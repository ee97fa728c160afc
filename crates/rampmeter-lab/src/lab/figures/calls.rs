//! What those who ask get: how long they wait, how many are answered, and in time.

use super::super::record::{CallRecord, RunEnd};
use super::super::regime::Clock;
use super::super::script::{Script, ScriptCall};
use super::super::study::Entry;
use super::figure::{What, seconds};
use super::scope::Picked;

/// Timers of a busy machine are late by so much; in virtual time they are not.
const LATE_TIMER_NANOS: u64 = 25_000_000;

/// From asked to answered, of good calls.
pub(super) fn latencies(entry: &Entry, picked: &Picked) -> Vec<f64> {
    asked(entry, picked).filter_map(|(record, _)| latency(record)).map(seconds).collect()
}

/// From asked to the first moment inside a tool, of calls that came so far.
pub(super) fn waits(entry: &Entry, picked: &Picked) -> Vec<f64> {
    asked(entry, picked).filter_map(|(record, _)| wait(record)).map(seconds).collect()
}

/// Latency over what the work takes alone, of good calls whose work takes anything.
pub(super) fn slowdowns(entry: &Entry, picked: &Picked) -> Vec<f64> {
    let slowdown = |(record, call): (&CallRecord, &ScriptCall)| {
        let alone = alone(&entry.script, call);
        latency(record).filter(|_| alone > 0).map(|latency| latency as f64 / alone as f64)
    };
    asked(entry, picked).filter_map(slowdown).collect()
}

/// How many calls of that kind. Nothing where there is no deadline that they could be past.
pub(super) fn count(entry: &Entry, picked: &Picked, what: What) -> Option<f64> {
    let turns = Turns::of(entry);
    let all = asked(entry, picked);
    let count = match what {
        What::Asked => all.count(),
        What::Good => all.filter(|(record, _)| record.status.is_good()).count(),
        What::InTime => all.filter(|(record, call)| turns.in_time(record, call)).count(),
        What::PastDeadline => {
            entry.script.deadline?;
            let ended = entry.played.facts.ended;
            all.filter(|(record, call)| turns.outlived_by(record, call, ended)).count()
        }
        What::Runs => all.map(|(record, _)| record.runs.len()).sum(),
        What::Throttles => {
            let runs = all.flat_map(|(record, _)| &record.runs);
            runs.filter(|run| run.end == RunEnd::Throttled).count()
        }
        What::Ended(status) => all.filter(|(record, _)| record.status == status).count(),
    };
    Some(count as f64)
}

/// From the first ask to the last answer. What is never answered is waited for until the end.
pub(super) fn duration(entry: &Entry) -> Option<f64> {
    let first = asked(entry, &Picked::All).map(|(record, _)| record.asked).min()?;
    let answered = |record: &CallRecord| record.answered.unwrap_or(entry.played.facts.ended);
    let last = asked(entry, &Picked::All).map(|(record, _)| answered(record)).max()?;
    Some(seconds(last.saturating_sub(first)))
}

/// Good answers in time, in each second of the whole.
pub(super) fn goodput(entry: &Entry, picked: &Picked) -> Option<f64> {
    let duration = duration(entry).filter(|duration| *duration > 0.0)?;
    count(entry, picked, What::InTime).map(|count| count / duration)
}

/// Answers of calls that came as far as a tool, in each second of the whole.
pub(super) fn throughput(entry: &Entry, picked: &Picked) -> Option<f64> {
    let duration = duration(entry).filter(|duration| *duration > 0.0)?;
    let ran = |record: &CallRecord| record.answered.is_some() && !record.runs.is_empty();
    Some(asked(entry, picked).filter(|(record, _)| ran(record)).count() as f64 / duration)
}

/// The calls that are meant, where it is counted what those who ask get.
pub(super) fn asked<'a>(
    entry: &'a Entry,
    picked: &'a Picked,
) -> impl Iterator<Item = (&'a CallRecord, &'a ScriptCall)> {
    of_script(entry).filter(|(_, call)| picked.asks(call))
}

/// All calls, with what the script says of them.
pub(super) fn of_script(entry: &Entry) -> impl Iterator<Item = (&CallRecord, &ScriptCall)> {
    let calls = &entry.script.calls;
    entry.played.records.iter().filter_map(|record| Some((record, calls.get(record.call)?)))
}

fn latency(record: &CallRecord) -> Option<u64> {
    let answered = record.answered.filter(|_| record.status.is_good())?;
    Some(answered.saturating_sub(record.asked))
}

fn wait(record: &CallRecord) -> Option<u64> {
    let first = record.runs.iter().map(|run| run.started).min()?;
    Some(first.saturating_sub(record.asked))
}

/// What a call's work takes with nothing else going on: its own, then that of the calls that it makes,
/// side by side.
fn alone(script: &Script, call: &ScriptCall) -> u64 {
    let children = call.children.iter().filter_map(|child| script.calls.get(*child));
    call.takes + children.map(|child| alone(script, child)).max().unwrap_or(0)
}

/// Until when each turn's answers are of use.
pub(super) struct Turns(Option<Vec<u64>>);

impl Turns {
    pub(super) fn of(entry: &Entry) -> Turns {
        Turns(entry.script.deadline.map(|deadline| {
            let late = match entry.played.job.clock {
                Clock::Virtual => 0,
                Clock::Real => LATE_TIMER_NANOS,
            };
            let mut until = vec![u64::MAX; entry.script.turns.len()];
            for (record, call) in of_script(entry).filter(|(_, call)| call.parent.is_none()) {
                if let Some(until) = until.get_mut(call.turn) {
                    *until = (*until).min(record.asked.saturating_add(deadline + late));
                }
            }
            until
        }))
    }

    /// Good, and answered while that was of use.
    pub(super) fn in_time(&self, record: &CallRecord, call: &ScriptCall) -> bool {
        let until = self.until(call);
        record.status.is_good() && record.answered.is_some_and(|answered| answered <= until)
    }

    /// Not answered by then, or inside a tool after it.
    fn outlived_by(&self, record: &CallRecord, call: &ScriptCall, ended: u64) -> bool {
        let until = self.until(call);
        let answered = record.answered.unwrap_or(ended);
        answered > until || record.runs.iter().any(|run| run.ended > until)
    }

    fn until(&self, call: &ScriptCall) -> u64 {
        self.0.as_ref().and_then(|until| until.get(call.turn)).copied().unwrap_or(u64::MAX)
    }
}
