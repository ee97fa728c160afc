//! What a run's events come to: each call's story, where each lane waited, and when limits let nobody
//! start at all.

use std::collections::{BTreeMap, HashMap};

use super::line::Line;
use super::story::{Call, End, Spot};

/// All that explanations are made of. Times are microseconds from the start of the run.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// In the order in which they were asked for.
    pub(super) calls: Vec<Call>,
    /// Where each lane waited, from when on.
    pub(super) lanes: HashMap<u64, Vec<Spot>>,
    pub(super) limits: BTreeMap<String, Limit>,
    /// The last event's.
    pub(super) until_us: u64,
    /// Calls that wait or run, by their place.
    open: HashMap<u32, usize>,
    /// Calls that have not come to the limits, by turn, id and tool.
    unplaced: HashMap<(Option<u64>, String, String), usize>,
}

/// What is known of a limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Limit {
    /// What was in the way of the first in a lane there, from when on.
    pub(super) obstacles: Vec<(u64, String)>,
    pub(super) stops: Vec<Stop>,
}

/// A time in which a limit let nobody start, or few.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) why: &'static str,
    pub(super) from_us: u64,
    /// Where it has not been heard to end, when it should.
    pub(super) to_us: Option<u64>,
    ends_by: Option<&'static str>,
}

impl Run {
    pub(super) fn take(&mut self, line: &Line) {
        self.until_us = line.at_us;
        match line.event.as_str() {
            "tool.invoked" => self.invoked(line),
            "tool.queued" => self.queued(line),
            "tool.moved" => self.moved(line),
            "tool.started" => {
                if let Some(call) = self.call(line) {
                    call.started_us = Some(line.at_us);
                }
            }
            "tool.completed" | "tool.failed" | "tool.refused" | "tool.cancelled" => {
                self.ended(line);
            }
            event if event.starts_with("limit.") => self.limit(line),
            // A word of a later version.
            _ => {}
        }
    }

    fn invoked(&mut self, line: &Line) {
        let at = self.calls.len();
        let owned = |text: &Option<String>| text.clone().unwrap_or_default();
        self.calls.push(Call {
            turn: line.turn,
            id: owned(&line.call),
            tool: owned(&line.tool),
            flow: owned(&line.flow),
            priority: owned(&line.priority),
            asked_us: line.at_us,
            attempt: line.attempt.unwrap_or(1),
            ..Call::default()
        });
        match line.place {
            Some(place) => self.open.insert(place, at),
            None => self.unplaced.insert(key(line), at),
        };
    }

    fn queued(&mut self, line: &Line) {
        let Some(call) = self.call(line) else { return };
        call.queued_us = Some(line.at_us);
        call.lanes.extend(line.lane.map(|lane| (line.at_us, lane)));
        let Some(lane) = line.lane else { return };
        let spot = Spot::of(line);
        // Who comes to a lane that is there already finds it where it is.
        let spots = self.lanes.entry(lane).or_default();
        if spots.last().is_none_or(|last| last.limit != spot.limit) {
            spots.push(spot);
        }
        self.obstacle(line);
    }

    fn moved(&mut self, line: &Line) {
        let Some(lane) = line.lane else { return };
        if let Some(call) = self.call(line)
            && call.lanes.last().is_none_or(|(_, last)| *last != lane)
        {
            call.lanes.push((line.at_us, lane));
        }
        self.lanes.entry(lane).or_default().push(Spot::of(line));
        self.obstacle(line);
    }

    fn obstacle(&mut self, line: &Line) {
        let (Some(limit), Some(obstacle)) = (&line.limit, &line.obstacle) else { return };
        let known = &mut self.limits.entry(limit.clone()).or_default().obstacles;
        if obstacle != "turn" && known.last().is_none_or(|(_, last)| last != obstacle) {
            known.push((line.at_us, obstacle.clone()));
        }
    }

    fn ended(&mut self, line: &Line) {
        let end = End {
            at_us: line.at_us,
            event: line.event.clone(),
            limit: line.limit.clone(),
            reason: line.reason.clone(),
            by: line.by.clone(),
        };
        let at = match line.place {
            Some(place) => self.open.remove(&place),
            None => self.unplaced.remove(&key(line)),
        };
        if let Some(call) = at.and_then(|at| self.calls.get_mut(at)) {
            call.end = Some(end);
        }
    }

    fn limit(&mut self, line: &Line) {
        let Some(name) = &line.limit else { return };
        let stops = &mut self.limits.entry(name.clone()).or_default().stops;
        let ended = stops.iter_mut().rev().find(|it| it.ends_by == Some(line.event.as_str()));
        if let Some(stop) = ended {
            stop.to_us = Some(line.at_us);
            stop.ends_by = None;
        }
        let (why, ends_by) = match line.event.as_str() {
            "limit.cooling" => ("cooled down after a throttled call", None),
            "limit.spent" => ("had nothing left by its provider's word", None),
            "limit.opened" => ("had its breaker open", Some("limit.half_open")),
            "limit.paused" => ("was paused", Some("limit.resumed")),
            _ => return,
        };
        let to_us = line.lasts_us.map(|lasts| line.at_us + lasts);
        // A second cool-down goes on from the first one.
        let goes_on = |it: &&mut Stop| it.why == why && it.to_us >= Some(line.at_us);
        if let Some(stop) = stops.last_mut().filter(goes_on) {
            stop.to_us = stop.to_us.max(to_us);
            return;
        }
        stops.push(Stop { why, from_us: line.at_us, to_us, ends_by });
    }

    /// The call that an event is about, if it waits or runs.
    fn call(&mut self, line: &Line) -> Option<&mut Call> {
        let at = *self.open.get(&line.place?)?;
        self.calls.get_mut(at)
    }
}

fn key(line: &Line) -> (Option<u64>, String, String) {
    let owned = |text: &Option<String>| text.clone().unwrap_or_default();
    (line.turn, owned(&line.call), owned(&line.tool))
}
