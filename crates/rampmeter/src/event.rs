//! Events: one vocabulary for every rim, in the order in which things happened.
//!
//! Counters are folded from the same events before any buffer that could lose one.

mod batch;
mod fields;
mod subscription;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rampmeter_core::{Instant, Obstacle, Outcome, Reason};

pub(crate) use batch::{Batch, Record, What};
pub use fields::EventValue;
pub use subscription::Events;
pub(crate) use subscription::{Mail, Subscriber};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// A call was asked for.
    Invoked,
    /// It waits.
    Queued,
    /// It waits at another limit now, and so does its whole lane.
    Moved,
    /// It was admitted.
    Started,
    /// It succeeded.
    Completed,
    /// It failed, or never came as far as being admitted for a fault of its own.
    Failed,
    /// It was refused.
    Refused,
    /// Its caller gave it up, waiting or running.
    Cancelled,
    /// It has an answer, and not of its own tool: told after its ends, once for the whole call.
    Degraded,
    /// Its work has outlasted its end and its grace.
    Abandoned,
    /// Its work came to an answer after its end, and that was dropped.
    Late,
    /// Calls begin to wait for a limit.
    Saturated,
    /// Nobody waits for a limit any more.
    Relieved,
    /// A limit has other figures.
    Resized,
    /// Nothing starts any more that draws on a limit.
    Paused,
    /// A paused limit goes on.
    Resumed,
    /// There is a new limit.
    Added,
    /// A limit is no more.
    Removed,
    /// A call of a limit was throttled: nothing starts there for a while.
    Cooling,
    /// It is over, and calls start as before.
    Recovered,
    /// By its provider's word nothing is left of a limit's quota for a while.
    Spent,
    /// So many calls of a limit failed that its breaker lets none start for a while.
    Opened,
    /// A few may start, to see whether they succeed.
    HalfOpen,
    /// They did, and calls start as before.
    Closed,
    /// The gate takes more work again.
    Normal,
    /// A queue is filled.
    Elevated,
    /// A queue is nearly full, or no calls are admitted for want of memory.
    Severe,
}

impl EventKind {
    const ALL: [EventKind; 27] = [
        EventKind::Invoked,
        EventKind::Queued,
        EventKind::Moved,
        EventKind::Started,
        EventKind::Completed,
        EventKind::Failed,
        EventKind::Refused,
        EventKind::Cancelled,
        EventKind::Degraded,
        EventKind::Abandoned,
        EventKind::Late,
        EventKind::Saturated,
        EventKind::Relieved,
        EventKind::Resized,
        EventKind::Paused,
        EventKind::Resumed,
        EventKind::Added,
        EventKind::Removed,
        EventKind::Cooling,
        EventKind::Recovered,
        EventKind::Spent,
        EventKind::Opened,
        EventKind::HalfOpen,
        EventKind::Closed,
        EventKind::Normal,
        EventKind::Elevated,
        EventKind::Severe,
    ];

    /// The event's name in files: `tool.started`, `limit.saturated`.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventKind::Invoked => "tool.invoked",
            EventKind::Queued => "tool.queued",
            EventKind::Moved => "tool.moved",
            EventKind::Started => "tool.started",
            EventKind::Completed => "tool.completed",
            EventKind::Failed => "tool.failed",
            EventKind::Refused => "tool.refused",
            EventKind::Cancelled => "tool.cancelled",
            EventKind::Degraded => "tool.degraded",
            EventKind::Abandoned => "tool.abandoned",
            EventKind::Late => "tool.late",
            EventKind::Saturated => "limit.saturated",
            EventKind::Relieved => "limit.relieved",
            EventKind::Resized => "limit.resized",
            EventKind::Paused => "limit.paused",
            EventKind::Resumed => "limit.resumed",
            EventKind::Added => "limit.added",
            EventKind::Removed => "limit.removed",
            EventKind::Cooling => "limit.cooling",
            EventKind::Recovered => "limit.recovered",
            EventKind::Spent => "limit.spent",
            EventKind::Opened => "limit.opened",
            EventKind::HalfOpen => "limit.half_open",
            EventKind::Closed => "limit.closed",
            EventKind::Normal => "gate.normal",
            EventKind::Elevated => "gate.elevated",
            EventKind::Severe => "gate.severe",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which call an event is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallInfo {
    /// The tool's name.
    pub tool: Arc<str>,
    /// The flow's name.
    pub flow: Arc<str>,
    /// The priority's name.
    pub priority: Arc<str>,
    /// The id that the model gave the call; empty if there was none.
    pub id: Arc<str>,
    /// The turn that it belongs to, as the caller numbered it.
    pub turn: Option<u64>,
    /// Which attempt at the call this is, from 1.
    pub attempt: u32,
}

/// One event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its place among the gate's events, without gaps, from 0.
    pub seq: u64,
    /// When, by the gate's clock.
    pub at: Instant,
    /// What happened.
    pub kind: EventKind,
    /// The call; `None` for events of a limit.
    pub call: Option<Arc<CallInfo>>,
    /// Which of the gate's calls it is: no two have one place at one time. `None` for events of a
    /// limit, and for calls that never came as far as starting or waiting.
    pub place: Option<u32>,
    /// The limit that the event is about, that refused, that presses the gate, or where the call
    /// waits (`Queued`, `Moved`); a key as `key NAME`.
    pub limit: Option<Arc<str>>,
    /// Why, of a refusal.
    pub reason: Option<Reason>,
    /// The lane in which the call waits (`Queued`, `Moved`), by a number that no other has: calls of
    /// a lane are alike and move as one, so what is told of one holds for all.
    pub lane: Option<u64>,
    /// What is in its way there (`Queued`, `Moved`).
    pub obstacle: Option<Obstacle>,
    /// What the answer is of, if it is not of the call's own tool (`Degraded`, and the end of a call
    /// that shared another's run): `cache`, `value`, `flight`, or `tool NAME`.
    pub by: Option<Arc<str>>,
    /// How the call ended, of an end.
    pub outcome: Option<Outcome>,
    /// How long it waited (`Started`, `Refused`), ran (ends), or went on after its end (`Abandoned`,
    /// `Late`).
    pub took: Option<Duration>,
    /// How long it will last (`Cooling`, `Spent`).
    pub lasts: Option<Duration>,
}

/// How many events of each kind there have been; exact.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters([u64; EventKind::ALL.len()]);

impl Counters {
    /// Events of this kind.
    pub fn of(&self, kind: EventKind) -> u64 {
        self.0[kind as usize]
    }

    /// Every kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (EventKind, u64)> + '_ {
        EventKind::ALL.into_iter().map(|kind| (kind, self.of(kind)))
    }

    #[inline]
    pub(crate) fn count(&mut self, kind: EventKind) {
        self.0[kind as usize] += 1;
    }
}

impl Event {
    /// An event of which nothing more is known.
    pub(crate) fn new(seq: u64, at: Instant, kind: EventKind) -> Event {
        Event {
            seq,
            at,
            kind,
            call: None,
            place: None,
            limit: None,
            reason: None,
            lane: None,
            obstacle: None,
            by: None,
            outcome: None,
            took: None,
            lasts: None,
        }
    }
}
