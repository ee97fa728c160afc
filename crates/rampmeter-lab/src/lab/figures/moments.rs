//! What goes on at one instant: spans of time, and how many are open together.

use std::time::Duration;

use super::super::record::{CallRecord, Run};
use super::super::script::ScriptCall;
use super::super::study::Entry;
use super::calls::of_script;
use super::scope::Picked;

/// From its first nanosecond up to the one that is no longer in it.
pub(super) type Span = (u64, u64);

/// The most runs open at one instant.
pub(super) fn peak(entry: &Entry, picked: &Picked) -> f64 {
    most(inside(entry, picked)) as f64
}

/// The most calls asked for and not answered at one instant.
pub(super) fn outstanding(entry: &Entry, picked: &Picked) -> f64 {
    let ended = entry.played.facts.ended;
    let span = |record: &CallRecord| (record.asked, record.answered.unwrap_or(ended));
    most(meant(entry, picked).map(|(record, _)| span(record)).collect()) as f64
}

/// The most calls waiting at one instant.
pub(super) fn queue(entry: &Entry, picked: &Picked) -> f64 {
    most(waiting(entry, picked)) as f64
}

/// The most runs that start within any such period.
pub(super) fn starts(entry: &Entry, picked: &Picked, period: Duration) -> f64 {
    let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
    let mut starts: Vec<u64> = runs(entry, picked).map(|run| run.started).collect();
    starts.sort_unstable();
    let mut first = 0;
    let within = starts.iter().enumerate().map(|(last, start)| {
        while start - starts[first] >= period {
            first += 1;
        }
        last + 1 - first
    });
    within.max().unwrap_or(0) as f64
}

/// When calls are inside tools.
pub(super) fn inside(entry: &Entry, picked: &Picked) -> Vec<Span> {
    runs(entry, picked).map(|run| (run.started, run.ended)).collect()
}

/// When calls are asked for, not answered, and inside no tool.
pub(super) fn waiting(entry: &Entry, picked: &Picked) -> Vec<Span> {
    let ended = entry.played.facts.ended;
    let mut spans = Vec::new();
    for (record, _) in meant(entry, picked) {
        let answered = record.answered.unwrap_or(ended);
        let mut from = record.asked;
        for run in &record.runs {
            spans.push((from, run.started.min(answered)));
            from = from.max(run.ended);
        }
        spans.push((from, answered));
    }
    spans
}

/// The most spans open at one instant; one that ends and one that begins at it are not both.
fn most(spans: Vec<Span>) -> usize {
    let spans: Vec<Span> = spans.into_iter().filter(|(from, to)| from < to).collect();
    let mut begins: Vec<u64> = spans.iter().map(|(from, _)| *from).collect();
    let mut ends: Vec<u64> = spans.iter().map(|(_, to)| *to).collect();
    begins.sort_unstable();
    ends.sort_unstable();
    let mut ended = 0;
    let open = begins.iter().enumerate().map(|(begun, begin)| {
        ended += ends[ended..].iter().take_while(|end| *end <= begin).count();
        begun + 1 - ended
    });
    open.max().unwrap_or(0)
}

fn runs<'a>(entry: &'a Entry, picked: &'a Picked) -> impl Iterator<Item = &'a Run> {
    meant(entry, picked).flat_map(|(record, _)| &record.runs)
}

fn meant<'a>(
    entry: &'a Entry,
    picked: &'a Picked,
) -> impl Iterator<Item = (&'a CallRecord, &'a ScriptCall)> {
    of_script(entry).filter(|(_, call)| picked.has(call))
}
