//! Events as they are kept until they are read: a few numbers each, and what these mean beside
//! them, so that telling one costs no allocation and no share in anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter_core::{Instant, Obstacle, Outcome, Waits};

use super::{CallInfo, Counters, Event, EventKind};

/// One or two events of a call at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Of the first event.
    pub(crate) seq: u64,
    pub(crate) at: Instant,
    /// How long it waited or ran; of who waits, the place of its spot in the batch, if it has one.
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
    Queued,
    /// It waits at another limit.
    Moved,
    /// It waited, and was admitted.
    Started,
    /// It is over.
    Ended(EventKind, Outcome),
    /// An event that is kept as it is; `call` is its place.
    Whole,
}

/// Where a call waits.
#[derive(Clone, Copy, Debug)]
struct Spot {
    lane: u64,
    /// The limit's name, by its place in the batch.
    limit: u32,
    obstacle: Obstacle,
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
    spots: Vec<Spot>,
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
            What::Queued => {
                counters.count(EventKind::Invoked);
                counters.count(EventKind::Queued);
            }
            What::Moved => counters.count(EventKind::Moved),
            What::Started => counters.count(EventKind::Started),
            What::Ended(kind, _) => counters.count(kind),
            What::Whole => {}
        }
    }

    #[inline]
    pub(crate) fn events(self) -> usize {
        match self {
            What::Admitted | What::Queued => 2,
            What::Moved | What::Started | What::Ended(..) | What::Whole => 1,
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
        let Batch { records, calls, names, spots, whole, .. } = self;
        records.clear();
        calls.clear();
        names.clear();
        spots.clear();
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

    /// Takes in where a call waits; its place.
    #[inline]
    pub(crate) fn spot(&mut self, waits: Waits, limit: &Arc<str>) -> u64 {
        let (lane, limit) = (waits.lane, self.name(limit));
        self.spots.push(Spot { lane, limit, obstacle: waits.obstacle });
        self.spots.len() as u64 - 1
    }

    /// Takes the name of a limit in; its place. Calls that follow each other often wait at one limit,
    /// and all at a few.
    #[inline]
    fn name(&mut self, name: &Arc<str>) -> u32 {
        match self.names.last() {
            Some(last) if Arc::ptr_eq(last, name) => place(self.names.len() - 1),
            _ => self.another_name(name),
        }
    }

    #[inline(never)]
    fn another_name(&mut self, name: &Arc<str>) -> u32 {
        const LOOKED_AT: usize = 8;
        let mut known = self.names.iter().rev().take(LOOKED_AT);
        if let Some(back) = known.position(|known| Arc::ptr_eq(known, name)) {
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
                self.read_second(record, event, each);
            }
        }
        for at in self.next..self.records.len() {
            let record = self.records[at];
            if record.what == What::Whole {
                self.whole.get(record.call as usize).into_iter().for_each(&mut *each);
                continue;
            }
            self.about(record, event);
            record.first(event);
            if record.what == What::Moved {
                self.read_waiting(record, event, each);
                continue;
            }
            each(event);
            if record.what.events() == 2 {
                self.read_second(record, event, each);
            }
        }
        (self.next, self.events) = (self.records.len(), 0);
    }

    #[inline]
    fn read_second(&self, record: Record, event: &mut Event, each: &mut impl FnMut(&Event)) {
        record.second(event);
        match record.what {
            What::Queued => self.read_waiting(record, event, each),
            _ => each(event),
        }
    }

    /// No other event than this one has a limit.
    fn read_waiting(&self, record: Record, event: &mut Event, each: &mut impl FnMut(&Event)) {
        self.waits(record, event);
        each(event);
        (event.limit, event.lane, event.obstacle) = (None, None, None);
    }

    /// Says where a call waits.
    #[inline]
    fn waits(&self, record: Record, event: &mut Event) {
        let spot = usize::try_from(record.took_nanos).ok().and_then(|at| self.spots.get(at));
        if let Some(Spot { lane, limit, obstacle }) = spot.copied() {
            event.limit = self.names.get(limit as usize).cloned();
            (event.lane, event.obstacle) = (Some(lane), Some(obstacle));
        }
    }

    /// Says which call a record is about.
    #[inline]
    fn about(&self, record: Record, event: &mut Event) {
        event.place = Some(record.place);
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
            record.second(&mut event);
        } else {
            record.first(&mut event);
        }
        if matches!(event.kind, EventKind::Queued | EventKind::Moved) {
            self.waits(record, &mut event);
        }
        self.halved = record.what.events() == 2 && !self.halved;
        self.next += usize::from(!self.halved);
        Some(event)
    }
}

impl Record {
    /// Of who waits, and it is not known where.
    pub(crate) const NOWHERE: u64 = u64::MAX;

    /// Its first event, but for the call and where that waits.
    #[inline]
    fn first(self, event: &mut Event) {
        let took = Some(Duration::from_nanos(self.took_nanos));
        let (kind, took, outcome) = match self.what {
            What::Started => (EventKind::Started, took, None),
            What::Moved => (EventKind::Moved, None, None),
            What::Ended(kind, outcome) => (kind, took, Some(outcome)),
            What::Admitted | What::Queued | What::Whole => (EventKind::Invoked, None, None),
        };
        (event.seq, event.at, event.kind) = (self.seq, self.at, kind);
        (event.took, event.outcome) = (took, outcome);
    }

    /// The second of its two.
    #[inline]
    fn second(self, event: &mut Event) {
        let admitted = self.what == What::Admitted;
        event.kind = if admitted { EventKind::Started } else { EventKind::Queued };
        (event.seq, event.at) = (self.seq + 1, self.at);
        (event.took, event.outcome) = (admitted.then_some(Duration::ZERO), None);
    }
}

fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use rampmeter_core::LimitId;

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
            took_nanos: 1,
            call,
            place: 3,
            what,
        };
        let call = batch.call(&info);
        batch.push(record(0, call, What::Admitted));
        let door: Arc<str> = "door".into();
        let waits = Waits { limit: LimitId(0), lane: 7, obstacle: Obstacle::Slots };
        assert_eq!((batch.spot(waits, &door), batch.spot(waits, &door)), (0, 1));
        batch.push(record(2, call, What::Queued));
        batch.push_whole(Event::new(4, Instant::EPOCH, EventKind::Relieved));
        let ended = What::Ended(EventKind::Completed, Outcome::Succeeded);
        batch.push(record(5, call, ended));
        assert_eq!((batch.unread(), batch.calls.len(), batch.names.len()), (6, 1, 1));
        let mut read = Vec::new();
        let mut event = Event::new(0, Instant::EPOCH, EventKind::Invoked);
        batch.read(&mut event, &mut |event| read.push(event.clone()));
        (batch.events, batch.next) = (6, 0);
        let first = batch.pop().unwrap();
        assert_eq!((first.seq, first.kind, batch.unread()), (0, EventKind::Invoked, 5));
        let rest: Vec<_> = std::iter::from_fn(|| batch.pop()).collect();
        assert_eq!(read[1..], rest, "either way the same is told");
        let told: Vec<_> = rest.iter().map(|it| (it.seq, it.kind, it.call.is_some())).collect();
        let expected = [
            (1, EventKind::Started, true),
            (2, EventKind::Invoked, true),
            (3, EventKind::Queued, true),
            (4, EventKind::Relieved, false),
            (5, EventKind::Completed, true),
        ];
        assert_eq!((told.as_slice(), batch.unread()), (expected.as_slice(), 0));
        assert_eq!((rest[4].took, rest[4].lane), (Some(Duration::from_nanos(1)), None));
        assert_eq!((rest[2].limit.as_deref(), rest[2].lane), (Some("door"), Some(7)));
        assert_eq!((rest[2].obstacle, rest[2].place), (Some(Obstacle::Slots), Some(3)));
        assert_eq!((rest[1].limit.as_deref(), rest[1].place), (None, Some(3)));
    }
}
