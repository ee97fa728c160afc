//! An event as its line in a file has it: one vocabulary for all who write events.

use std::time::Duration;

use super::Event;

/// A value in an event's line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventValue<'a> {
    /// A whole number.
    Number(u64),
    /// A text.
    Text(&'a str),
}

impl Event {
    /// What is known of it, by the names that it has in files and in their order: times and durations
    /// in whole microseconds, `took_us`; an attempt from the second on.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, EventValue<'_>)> {
        use EventValue::{Number, Text};
        let call = self.call.as_deref();
        [
            ("seq", Some(Number(self.seq))),
            ("at_us", Some(Number(self.at.as_nanos() / 1_000))),
            ("event", Some(Text(self.kind.as_str()))),
            ("tool", call.map(|call| Text(&call.tool))),
            ("call", call.filter(|call| !call.id.is_empty()).map(|call| Text(&call.id))),
            ("turn", call.and_then(|call| call.turn).map(Number)),
            ("flow", call.map(|call| Text(&call.flow))),
            ("priority", call.map(|call| Text(&call.priority))),
            ("attempt", call.filter(|call| call.attempt > 1).map(|it| Number(it.attempt.into()))),
            ("place", self.place.map(|place| Number(place.into()))),
            ("limit", self.limit.as_deref().map(Text)),
            ("lane", self.lane.map(Number)),
            ("obstacle", self.obstacle.map(|obstacle| Text(obstacle.as_str()))),
            ("reason", self.reason.map(|reason| Text(reason.as_str()))),
            ("by", self.by.as_deref().map(Text)),
            ("outcome", self.outcome.map(|outcome| Text(outcome.as_str()))),
            ("took_us", self.took.map(micros)),
            ("lasts_us", self.lasts.map(micros)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

fn micros(duration: Duration) -> EventValue<'static> {
    EventValue::Number(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
