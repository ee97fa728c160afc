//! What is known of a playing as a whole.

use super::super::regime::Clock;
use super::super::study::Entry;
use super::calls::of_script;
use super::figure::{Stat, seconds};

/// Writes of counters that were raced on, less what the counters came to. Nothing without counters.
pub(super) fn lost_updates(entry: &Entry) -> Option<f64> {
    let counters = &entry.played.facts.counters;
    let lost = counters.values().map(|(wrote, came_to)| wrote.saturating_sub(*came_to));
    (!counters.is_empty()).then(|| lost.sum::<u64>() as f64)
}

/// The most that tools held at once; in real time, by how much the process grew.
pub(super) fn memory(entry: &Entry) -> f64 {
    let facts = &entry.played.facts;
    match (entry.played.job.clock, facts.resident) {
        (Clock::Real, Some((before, most))) => most.saturating_sub(before) as f64,
        _ => facts.held_bytes_peak as f64,
    }
}

/// What tools would hold if all calls were inside them at once.
pub(super) fn memory_wanted(entry: &Entry) -> f64 {
    let tools = &entry.script.tools;
    let of = |tool: usize| tools.get(tool).map_or(0, |tool| tool.memory);
    of_script(entry).map(|(_, call)| of(call.tool)).sum::<u64>() as f64
}

/// How late heartbeats were.
pub(super) fn lag(entry: &Entry, stat: Stat) -> Option<f64> {
    stat.of(entry.played.facts.lags.iter().copied().map(seconds).collect())
}
