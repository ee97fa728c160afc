//! Events as they are kept until they are read: a few numbers each, and what these mean beside
//! them, so that telling one costs no allocation and no share in anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter_core::{Instant, Obstacle, Outcome};

use super::{CallInfo, Counters, Event, EventKind};

/// One or two events of a call at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Of the first event.
    pub(crate) seq: u64,
    pub(crate) at: Instant,
    /// How long it waited or ran; of who waits, the number of its lane.
    pub(crate) took_nanos: u64,
    /// A place in the batch.
    pub(crate) call: u32,
    /// [`Event::place`].
    pub(crate) place: u32,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// `Invoked` and `Started`: what happens to most calls, in one piece.
    Admitted,
    /// `Invoked` and `Queued`.
    Queued(Spot),
    /// It waits at another limit.
    Moved(Spot),
    /// It waited, and was admitted.
    Started,
    /// It is over.
    Ended(EventKind, Outcome),
    /// An event that is kept as it is; `call` is its place.
    Whole,
}

/// Where a call waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spot {
    /// The limit's name, by its place in the batch.
    pub(crate) limit: u32,
    /// `None` if it waits for no limit: what it is charged is being written.
    pub(crate) obstacle: Option<Obstacle>,
}

/// Records in order, and what they refer to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Different each time that any batch is begun, so that a place in it can be remembered.
    serial: u64,
    records: Vec<Record>,
    calls: Vec<Arc<CallInfo>>,
    /// Of limits.
    names: Vec<Arc<str>>,
    whole: Vec<Event>,
    /// Events that are in it and have not been read.
    events: usize,
    /// How far it has been read.
    next: usize,
    /// The first half of the next record has been read.
    halved: bool,
}

impl What {
    /// Counts its events; those that are kept as they are count for themselves.
    #[inline(always)]
    pub(crate) fn count(self, counters: &mut Counters) {
        match self {
            What::Admitted => {
                counters.count(EventKind::Invoked);
                counters.count(EventKind::Started);
            }
            What::Queued(_) => {
                counters.count(EventKind::Invoked);
                counters.count(EventKind::Queued);
            }
            What::Moved(_) => counters.count(EventKind::Moved),
            What::Started => counters.count(EventKind::Started),
            What::Ended(kind, _) => counters.count(kind),
            What::Whole => {}
        }
    }

    #[inline]
    pub(crate) fn events(self) -> usize {
        match self {
            What::Admitted | What::Queued(_) => 2,
            What::Moved(_) | What::Started | What::Ended(..) | What::Whole => 1,
        }
    }
}

impl Batch {
    /// Empty, to be filled.
    pub(crate) fn begin(&mut self) {
        static SERIALS: AtomicU64 = AtomicU64::new(1);
        self.clear();
        self.serial = SERIALS.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn clear(&mut self) {
        let Batch { records, calls, names, whole, .. } = self;
        records.clear();
        calls.clear();
        names.clear();
        whole.clear();
        (self.events, self.next, self.halved) = (0, 0, false);
    }

    #[inline]
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Events that have not been read.
    #[inline]
    pub(crate) fn unread(&self) -> usize {
        self.events
    }

    #[inline]
    pub(crate) fn push(&mut self, record: Record) {
        self.events += record.what.events();
        if self.records.len() == self.records.capacity() {
            self.grow();
        }
        self.records.push(record);
    }

    #[cold]
    fn grow(&mut self) {
        self.records.reserve(self.records.len().max(64));
    }

    pub(crate) fn push_whole(&mut self, event: Event) {
        let call = place(self.whole.len());
        let what = What::Whole;
        self.push(Record { seq: event.seq, at: event.at, took_nanos: 0, call, place: 0, what });
        self.whole.push(event);
    }

    /// Takes a call in; its place.
    pub(crate) fn call(&mut self, call: &Arc<CallInfo>) -> u32 {
        // With several subscribers nobody else remembers that it is here already.
        if !self.calls.last().is_some_and(|last| Arc::ptr_eq(last, call)) {
            self.calls.push(call.clone());
        }
        place(self.calls.len() - 1)
    }

    /// Takes the name of a limit in; its place. Few limits are waited at in turn.
    pub(crate) fn name(&mut self, name: &Arc<str>) -> u32 {
        const LOOKED_AT: usize = 8;
        let known = self.names.iter().rev().take(LOOKED_AT);
        if let Some(back) = known.into_iter().position(|known| Arc::ptr_eq(known, name)) {
            return place(self.names.len() - 1 - back);
        }
        self.names.push(name.clone());
        place(self.names.len() - 1)
    }

    /// Shows `each` all that has not been read. `event` is where they are put together.
    pub(crate) fn read(&mut self, event: &mut Event, each: &mut impl FnMut(&Event)) {
        if self.halved {
            self.halved = false;
            if let Some(record) = self.records.get(self.next).copied() {
                self.next += 1;
                self.about(record, event);
                record.second(&self.names, event);
                each(event);
            }
        }
        for at in self.next..self.records.len() {
            let record = self.records[at];
            if record.what == What::Whole {
                self.whole.get(record.call as usize).into_iter().for_each(&mut *each);
                continue;
            }
            self.about(record, event);
            record.first(&self.names, event);
            each(event);
            if record.what.events() == 2 {
                record.second(&self.names, event);
                each(event);
            }
        }
        (self.next, self.events) = (self.records.len(), 0);
    }

    /// Says which call a record is about.
    #[inline]
    fn about(&self, record: Record, event: &mut Event) {
        let call = self.calls.get(record.call as usize);
        // A share costs more than a look, and calls that follow each other are often alike.
        let same = match (&event.call, call) {
            (Some(known), Some(call)) => Arc::ptr_eq(known, call),
            _ => false,
        };
        if !same {
            event.call = call.cloned();
        }
    }

    /// Takes the next event out.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let record = *self.records.get(self.next)?;
        self.events -= 1;
        if record.what == What::Whole {
            self.next += 1;
            return self.whole.get(record.call as usize).cloned();
        }
        let mut event = Event::new(0, Instant::EPOCH, EventKind::Invoked);
        self.about(record, &mut event);
        if self.halved {
            record.second(&self.names, &mut event);
        } else {
            record.first(&self.names, &mut event);
        }
        self.halved = record.what.events() == 2 && !self.halved;
        self.next += usize::from(!self.halved);
        Some(event)
    }
}

impl Record {
    /// Its first event, but for the call.
    #[inline]
    fn first(self, names: &[Arc<str>], event: &mut Event) {
        let took = Some(Duration::from_nanos(self.took_nanos));
        let (kind, took, outcome) = match self.what {
            What::Started => (EventKind::Started, took, None),
            What::Moved(_) => (EventKind::Moved, None, None),
            What::Ended(kind, outcome) => (kind, took, Some(outcome)),
            What::Admitted | What::Queued(_) | What::Whole => (EventKind::Invoked, None, None),
        };
        (event.seq, event.at, event.kind) = (self.seq, self.at, kind);
        (event.took, event.outcome) = (took, outcome);
        self.spot(names, matches!(self.what, What::Moved(_)), event);
    }

    /// The second of its two.
    #[inline]
    fn second(self, names: &[Arc<str>], event: &mut Event) {
        let admitted = self.what == What::Admitted;
        event.kind = if admitted { EventKind::Started } else { EventKind::Queued };
        (event.seq, event.at) = (self.seq + 1, self.at);
        (event.took, event.outcome) = (admitted.then_some(Duration::ZERO), None);
        self.spot(names, !admitted, event);
    }

    /// Which call it is, and where it `waits` if it does.
    #[inline]
    fn spot(self, names: &[Arc<str>], waits: bool, event: &mut Event) {
        event.place = Some(self.place);
        let spot = match self.what {
            What::Queued(spot) | What::Moved(spot) if waits && spot.obstacle.is_some() => spot,
            _ => {
                (event.limit, event.lane, event.obstacle) = (None, None, None);
                return;
            }
        };
        event.limit = names.get(spot.limit as usize).cloned();
        (event.lane, event.obstacle) = (Some(self.took_nanos), spot.obstacle);
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
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
            attempt: 1,
        };
        let (mut batch, info) = (Batch::default(), Arc::new(info));
        batch.begin();
        let record = |seq, call, what| Record {
            seq,
            at: Instant::EPOCH,
            took_nanos: 9,
            call,
            place: 3,
            what,
        };
        let call = batch.call(&info);
        batch.push(record(0, call, What::Admitted));
        let door: Arc<str> = "door".into();
        assert_eq!((batch.name(&door), batch.name(&door)), (0, 0));
        let spot = Spot { limit: batch.name(&door), obstacle: Some(Obstacle::Slots) };
        batch.push(record(2, call, What::Queued(spot)));
        batch.push_whole(Event::new(4, Instant::EPOCH, EventKind::Relieved));
        let ended = What::Ended(EventKind::Completed, Outcome::Succeeded);
        batch.push(record(5, call, ended));
        assert_eq!((batch.unread(), batch.calls.len()), (6, 1));
        let first = batch.pop().unwrap();
        assert_eq!((first.seq, first.kind, batch.unread()), (0, EventKind::Invoked, 5));
        let rest: Vec<_> = std::iter::from_fn(|| batch.pop()).collect();
        let told: Vec<_> = rest.iter().map(|it| (it.seq, it.kind, it.call.is_some())).collect();
        let expected = [
            (1, EventKind::Started, true),
            (2, EventKind::Invoked, true),
            (3, EventKind::Queued, true),
            (4, EventKind::Relieved, false),
            (5, EventKind::Completed, true),
        ];
        assert_eq!((told.as_slice(), batch.unread()), (expected.as_slice(), 0));
        assert_eq!((rest[4].took, rest[4].lane), (Some(Duration::from_nanos(9)), None));
        assert_eq!((rest[2].limit.as_deref(), rest[2].lane), (Some("door"), Some(9)));
        assert_eq!((rest[2].obstacle, rest[2].place), (Some(Obstacle::Slots), Some(3)));
        assert_eq!((rest[1].limit.as_deref(), rest[1].place), (None, Some(3)));
    }
}
