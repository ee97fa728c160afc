//! Events: one vocabulary for every rim, in the order in which things happened.
//!
//! Counters are folded from the same events before any buffer that could lose one.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter_core::{Instant, Outcome, Reason};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventKind {
    /// A call was asked for.
    Invoked,
    /// It waits.
    Queued,
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
}

impl EventKind {
    const ALL: [EventKind; 14] = [
        EventKind::Invoked,
        EventKind::Queued,
        EventKind::Started,
        EventKind::Completed,
        EventKind::Failed,
        EventKind::Refused,
        EventKind::Cancelled,
        EventKind::Saturated,
        EventKind::Relieved,
        EventKind::Resized,
        EventKind::Paused,
        EventKind::Resumed,
        EventKind::Added,
        EventKind::Removed,
    ];

    /// The event's name in files: `tool.started`, `limit.saturated`.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventKind::Invoked => "tool.invoked",
            EventKind::Queued => "tool.queued",
            EventKind::Started => "tool.started",
            EventKind::Completed => "tool.completed",
            EventKind::Failed => "tool.failed",
            EventKind::Refused => "tool.refused",
            EventKind::Cancelled => "tool.cancelled",
            EventKind::Saturated => "limit.saturated",
            EventKind::Relieved => "limit.relieved",
            EventKind::Resized => "limit.resized",
            EventKind::Paused => "limit.paused",
            EventKind::Resumed => "limit.resumed",
            EventKind::Added => "limit.added",
            EventKind::Removed => "limit.removed",
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
    /// The limit that the event is about, or that refused.
    pub limit: Option<Arc<str>>,
    /// Why, of a refusal.
    pub reason: Option<Reason>,
    /// How the call ended, of an end.
    pub outcome: Option<Outcome>,
    /// How long it waited (`Started`, `Refused`) or ran (ends).
    pub took: Option<Duration>,
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

    pub(crate) fn count(&mut self, kind: EventKind) {
        self.0[kind as usize] += 1;
    }
}

/// A subscription. It holds up to its capacity; what comes while it is full is lost to it, and
/// counted ([`Events::missed`]). Dropping it ends it.
#[derive(Debug)]
pub struct Events {
    pub(crate) shared: Arc<Mutex<Buffer>>,
}

/// Events as they are kept until they are read.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    One(Event),
    /// `Invoked` and `Started` at one moment: what happens to most calls, in one piece.
    Admitted {
        seq: u64,
        at: Instant,
        call: Arc<CallInfo>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Buffer {
    records: VecDeque<Record>,
    /// Events in `records`.
    held: usize,
    /// The first half of the first record has been read.
    halved: bool,
    capacity: usize,
    missed: u64,
    reader: Option<Waker>,
    /// The gate is gone.
    closed: bool,
    /// The reader is gone.
    abandoned: bool,
}

impl Events {
    pub(crate) fn new(capacity: usize) -> Events {
        let capacity = capacity.max(1);
        Events { shared: Arc::new(Mutex::new(Buffer { capacity, ..Buffer::default() })) }
    }

    /// The next event; `None` once the gate is gone and all has been read.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| {
            let mut buffer = self.shared.lock();
            match buffer.pop() {
                Some(event) => Poll::Ready(Some(event)),
                None if buffer.closed => Poll::Ready(None),
                None => {
                    buffer.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// All that is there now.
    pub fn drain(&mut self) -> Vec<Event> {
        let mut buffer = self.shared.lock();
        std::iter::from_fn(|| buffer.pop()).collect()
    }

    /// How many events came while the buffer was full.
    pub fn missed(&self) -> u64 {
        self.shared.lock().missed
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut buffer = self.shared.lock();
        buffer.abandoned = true;
        buffer.records.clear();
    }
}

impl Record {
    fn events(&self) -> usize {
        match self {
            Record::One(_) => 1,
            Record::Admitted { .. } => 2,
        }
    }
}

impl Event {
    /// An event of which nothing more is known.
    pub(crate) fn new(seq: u64, at: Instant, kind: EventKind) -> Event {
        let (call, limit, reason, outcome, took) = (None, None, None, None, None);
        Event { seq, at, kind, call, limit, reason, outcome, took }
    }
}

impl Buffer {
    /// Takes records in, or counts them as missed; `None` if nobody will ever read them, else
    /// whom to wake.
    pub(crate) fn push(&mut self, records: impl Iterator<Item = Record>) -> Option<Option<Waker>> {
        if self.abandoned {
            return None;
        }
        for record in records {
            let events = record.events();
            if self.held + events > self.capacity {
                self.missed += events as u64;
            } else {
                self.held += events;
                self.records.push_back(record);
            }
        }
        Some(self.reader.take())
    }

    pub(crate) fn close(&mut self) -> Option<Waker> {
        self.closed = true;
        self.reader.take()
    }

    fn pop(&mut self) -> Option<Event> {
        let record = self.records.pop_front()?;
        self.held -= 1;
        match record {
            Record::One(event) => Some(event),
            Record::Admitted { seq, at, call } if self.halved => {
                self.halved = false;
                let took = Some(Duration::ZERO);
                Some(Event {
                    call: Some(call),
                    took,
                    ..Event::new(seq + 1, at, EventKind::Started)
                })
            }
            Record::Admitted { seq, at, call } => {
                self.halved = true;
                self.records.push_front(Record::Admitted { seq, at, call: call.clone() });
                Some(Event { call: Some(call), ..Event::new(seq, at, EventKind::Invoked) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_in_one_piece_is_read_as_two_events_and_counts_as_two() {
        let info = CallInfo {
            tool: "t".into(),
            flow: "f".into(),
            priority: "p".into(),
            id: "".into(),
            turn: None,
        };
        let call = Arc::new(info);
        let mut events = Events::new(3);
        let admitted = |seq| Record::Admitted { seq, at: Instant::EPOCH, call: call.clone() };
        let last = Record::One(Event::new(4, Instant::EPOCH, EventKind::Relieved));
        let records = [admitted(0), admitted(2), last];
        assert!(events.shared.lock().push(records.into_iter()).is_some());
        assert_eq!(events.missed(), 2, "the second pair does not fit");
        let read: Vec<_> = events.drain().into_iter().map(|it| (it.seq, it.kind)).collect();
        let kinds = [EventKind::Invoked, EventKind::Started, EventKind::Relieved];
        assert_eq!(read, [(0, kinds[0]), (1, kinds[1]), (4, kinds[2])]);
        let shared = events.shared.clone();
        drop(events);
        assert!(shared.lock().push(std::iter::empty()).is_none(), "nobody reads any more");
    }
}
