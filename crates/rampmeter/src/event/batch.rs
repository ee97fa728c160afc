//! Events as they are kept until they are read: a few numbers each, and what these mean beside
//! them, so that telling one costs no allocation and no share in anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter_core::{Instant, Outcome};

use super::{CallInfo, Counters, Event, EventKind};

/// One or two events of a call at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Of the first event.
    pub(crate) seq: u64,
    pub(crate) at: Instant,
    pub(crate) took_nanos: u64,
    /// A place in the batch.
    pub(crate) call: u32,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// `Invoked` and `Started`: what happens to most calls, in one piece.
    Admitted,
    /// `Invoked` and `Queued`.
    Queued,
    /// It waited, and was admitted.
    Started,
    /// It is over.
    Ended(EventKind, Outcome),
    /// An event that is kept as it is; `call` is its place.
    Whole,
}

/// Records in order, and what they refer to.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Different each time that any batch is begun, so that a place in it can be remembered.
    serial: u64,
    records: Vec<Record>,
    calls: Vec<Arc<CallInfo>>,
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
            What::Started => counters.count(EventKind::Started),
            What::Ended(kind, _) => counters.count(kind),
            What::Whole => {}
        }
    }

    #[inline]
    pub(crate) fn events(self) -> usize {
        match self {
            What::Admitted | What::Queued => 2,
            What::Started | What::Ended(..) | What::Whole => 1,
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
        let Batch { records, calls, whole, .. } = self;
        records.clear();
        calls.clear();
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
        self.push(Record { seq: event.seq, at: event.at, took_nanos: 0, call, what });
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

    /// Shows `each` all that has not been read. `event` is where they are put together.
    pub(crate) fn read(&mut self, event: &mut Event, each: &mut impl FnMut(&Event)) {
        if self.halved {
            self.halved = false;
            if let Some(record) = self.records.get(self.next).copied() {
                self.next += 1;
                self.about(record, event);
                record.second(event);
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
            record.first(event);
            each(event);
            if record.what.events() == 2 {
                record.second(event);
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
            record.second(&mut event);
        } else {
            record.first(&mut event);
        }
        self.halved = record.what.events() == 2 && !self.halved;
        self.next += usize::from(!self.halved);
        Some(event)
    }
}

impl Record {
    /// Its first event, but for the call.
    #[inline]
    fn first(self, event: &mut Event) {
        let took = Some(Duration::from_nanos(self.took_nanos));
        let (kind, took, outcome) = match self.what {
            What::Started => (EventKind::Started, took, None),
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
        let record =
            |seq, call, what| Record { seq, at: Instant::EPOCH, took_nanos: 9, call, what };
        let call = batch.call(&info);
        batch.push(record(0, call, What::Admitted));
        batch.push(record(2, call, What::Queued));
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
        assert_eq!(rest[4].took, Some(Duration::from_nanos(9)));
    }
}
