//! One call's story, and the stretches of its wait.

use super::fold::Run;
use super::line::Line;

/// What is known of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) turn: Option<u64>,
    pub(super) id: String,
    pub(super) tool: String,
    pub(super) flow: String,
    pub(super) priority: String,
    pub(super) asked_us: u64,
    /// From 1.
    pub(super) attempt: u32,
    pub(super) queued_us: Option<u64>,
    pub(super) started_us: Option<u64>,
    pub(super) end: Option<End>,
    /// Its lane, from when on. It changes when the call's priority does.
    pub(super) lanes: Vec<(u64, u64)>,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) at_us: u64,
    pub(super) event: String,
    pub(super) limit: Option<String>,
    pub(super) reason: Option<String>,
    /// What the answer is of, if not of its own run.
    pub(super) by: Option<String>,
}

/// Where a lane waits from a moment on.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) from_us: u64,
    pub(super) limit: Option<String>,
    pub(super) obstacle: Option<String>,
}

/// A part of a wait, all of it at one limit.
#[derive(Clone, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) limit: Option<&'a str>,
    pub(super) obstacle: Option<&'a str>,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

impl Spot {
    pub(super) fn of(line: &Line) -> Spot {
        let (limit, obstacle) = (line.limit.clone(), line.obstacle.clone());
        Spot { from_us: line.at_us, limit, obstacle }
    }
}

impl Call {
    /// From when to when it waited.
    pub(super) fn wait(&self, run: &Run) -> Option<(u64, u64)> {
        let over = self.started_us.or(self.end.as_ref().map(|end| end.at_us));
        Some((self.queued_us?, over.unwrap_or(run.until_us)))
    }

    pub(super) fn waited_us(&self, run: &Run) -> u64 {
        self.wait(run).map_or(0, |(from, to)| to.saturating_sub(from))
    }

    /// Where it waited, one limit after the other.
    pub(super) fn stretches<'a>(&self, run: &'a Run) -> Vec<Stretch<'a>> {
        let Some((from, to)) = self.wait(run) else { return Vec::new() };
        let mut stretches: Vec<Stretch<'a>> = Vec::new();
        for (at, (since, lane)) in self.lanes.iter().enumerate() {
            let until = self.lanes.get(at + 1).map_or(to, |(next, _)| *next);
            let spots = run.lanes.get(lane).map(Vec::as_slice).unwrap_or_default();
            // The one where the lane was when the call came, and those since.
            let first = spots.partition_point(|spot| spot.from_us <= *since).saturating_sub(1);
            for (place, spot) in spots.iter().enumerate().skip(first) {
                let next = spots.get(place + 1).map_or(until, |next| next.from_us.min(until));
                let begins = spot.from_us.max(*since);
                let same = stretches.last_mut().filter(|it| it.limit == spot.limit.as_deref());
                match same {
                    Some(same) => same.to_us = next.max(same.to_us),
                    None if begins < next => stretches.push(Stretch {
                        limit: spot.limit.as_deref(),
                        obstacle: spot.obstacle.as_deref(),
                        from_us: begins,
                        to_us: next,
                    }),
                    None => {}
                }
                if next >= until {
                    break;
                }
            }
        }
        if stretches.is_empty() && from < to {
            stretches.push(Stretch { limit: None, obstacle: None, from_us: from, to_us: to });
        }
        stretches
    }

    /// The limit at which it waited at a moment.
    pub(super) fn limit_at<'a>(&self, run: &'a Run, at_us: u64) -> Option<&'a str> {
        let lane = self.lanes.iter().rev().find(|(since, _)| *since <= at_us)?.1;
        let spot = run.lanes.get(&lane)?.iter().rev().find(|spot| spot.from_us <= at_us)?;
        spot.limit.as_deref()
    }
}
