//! What was measured at one size of a swept limit.

use super::OverSeeds;
use crate::lab::figures::Figure;
use crate::lab::record::RunEnd;
use crate::lab::study::Entry;

/// One size, over its seeds. Nothing where no seed had such a figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    /// The size of the limit.
    pub size: u64,
    /// How many seeds were played.
    pub seeds: usize,
    /// The part of what was asked for that had a good answer: latencies are of these alone.
    pub good: Option<OverSeeds>,
    /// Half of the calls were answered within so many seconds.
    pub p50: Option<OverSeeds>,
    /// 95 of 100 were.
    pub p95: Option<OverSeeds>,
    /// 99 of 100 were.
    pub p99: Option<OverSeeds>,
    /// All were.
    pub max: Option<OverSeeds>,
    /// Answers per second.
    pub throughput: Option<OverSeeds>,
    /// Good answers in time per second.
    pub goodput: Option<OverSeeds>,
    /// Calls inside the tools of the limit, in the mean over the time in which there were any.
    pub in_flight: Option<OverSeeds>,
    /// How long a call that came to an answer stayed inside, in the mean; seconds.
    pub stay: Option<OverSeeds>,
    /// Bytes held at once, at most.
    pub memory: Option<OverSeeds>,
}

impl Point {
    pub(super) fn of(size: u64, entries: &[&Entry]) -> Point {
        let over = |of: &dyn Fn(&Entry) -> Option<f64>| {
            OverSeeds::of(entries.iter().filter_map(|entry| of(entry)))
        };
        let named = |name: &str| {
            let figure = Figure::parse(name).ok();
            over(&|entry| figure.as_ref()?.of(entry))
        };
        Point {
            size,
            seeds: entries.len(),
            good: named("good / asked"),
            p50: named("p50"),
            p95: named("p95"),
            p99: named("p99"),
            max: named("max"),
            throughput: named("throughput"),
            goodput: named("goodput"),
            in_flight: over(&|entry| Some(Inside::of(entry)?.in_flight)),
            stay: over(&|entry| Some(Inside::of(entry)?.stay)),
            memory: holds_memory(entries).then(|| named("memory")).flatten(),
        }
    }

    /// Goodput divided by how long a call stays (Kleinrock: "Power and deterministic rules of
    /// thumb for probabilistic problems in computer communications", ICC 1979).
    pub fn power(&self) -> Option<f64> {
        Some(self.goodput?.median / self.stay?.median)
    }
}

pub(super) fn holds_memory(entries: &[&Entry]) -> bool {
    entries.iter().any(|entry| entry.script.tools.iter().any(|tool| tool.memory > 0))
}

/// What went on inside the tools that draw on the swept limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Inside {
    /// In the mean.
    pub(super) in_flight: f64,
    /// Of those that came to an answer, in the mean; seconds.
    pub(super) stay: f64,
    /// Runs that came to an answer, per second.
    pub(super) throughput: f64,
}

impl Inside {
    pub(super) fn of(entry: &Entry) -> Option<Inside> {
        let swept = entry.scenario.sweep.as_ref().map(|sweep| sweep.limit.as_str());
        let draws = |tool: &crate::lab::script::ScriptTool| {
            let policy = entry.scenario.policy.tool(&tool.name);
            swept.is_none_or(|swept| {
                policy.is_some_and(|it| it.draws.iter().any(|draw| draw.limit == swept))
            })
        };
        let counts: Vec<bool> = entry.script.tools.iter().map(draws).collect();
        let mut stays: Vec<(u64, u64)> = Vec::new();
        let (mut done, mut done_for) = (0_u64, 0_u64);
        for record in &entry.played.records {
            let tool = entry.script.calls.get(record.call)?.tool;
            if counts.get(tool) != Some(&true) {
                continue;
            }
            stays.extend(record.runs.iter().map(|run| (run.started, run.ended)));
            for run in record.runs.iter().filter(|run| run.end == RunEnd::Done) {
                done += 1;
                done_for += run.ended - run.started;
            }
        }
        let busy = busy(&mut stays);
        let all: f64 = stays.iter().map(|(from, to)| (to - from) as f64).sum();
        (busy > 0 && done > 0).then(|| Inside {
            in_flight: all / busy as f64,
            stay: done_for as f64 / done as f64 / 1e9,
            throughput: done as f64 / (busy as f64 / 1e9),
        })
    }
}

/// The time in which there was any; sorts them.
fn busy(stays: &mut [(u64, u64)]) -> u64 {
    stays.sort_unstable();
    let (mut busy, mut until) = (0, 0);
    for &mut (from, to) in stays {
        busy += to.saturating_sub(from.max(until));
        until = until.max(to);
    }
    busy
}
