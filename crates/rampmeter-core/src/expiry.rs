//! When waiting calls expire.
//!
//! Calls that may wait equally long expire in the order in which they came, so they form a list
//! that both joins and departures leave in constant time; there are few different patiences. A
//! call with a deadline of its own, or one patience too many, goes to a heap instead.

use alloc::vec::Vec;

use crate::heap::Heap;
use crate::lane::{NONE, Record};
use crate::slab::Slab;
use crate::time::Instant;

/// Different patiences that have a list.
const LISTS: usize = 32;

/// A waiting call's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    /// The list, or [`NONE`] for the heap.
    list: u32,
    previous: u32,
    next: u32,
}

impl Links {
    pub(crate) const NOWHERE: Links = Links { list: NONE, previous: NONE, next: NONE };
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Expiries {
    lists: Vec<List>,
    /// Everything else, by when it expires, then by ticket.
    heap: Heap<(Instant, u64)>,
}

#[derive(Clone, Debug)]
struct List {
    may_wait_nanos: u64,
    first: u32,
    last: u32,
    /// When the first expires, and its ticket.
    due: (Instant, u64),
}

/// Nobody in a list expires.
const NEVER: (Instant, u64) = (Instant::NEVER, u64::MAX);

impl Expiries {
    /// The call that expires first, and when.
    pub(crate) fn next(&self) -> Option<(Instant, u32)> {
        let listed = self.lists.iter().filter(|list| list.first != NONE);
        let listed = listed.map(|list| (list.due, list.first));
        listed.chain(self.heap.peek()).min().map(|((at, _), call)| (at, call))
    }

    /// A call begins to wait until `expires`. If that is by a patience that others have too, it
    /// is `may_wait_nanos`.
    pub(crate) fn join(
        &mut self,
        call: u32,
        (expires, ticket): (Instant, u64),
        may_wait_nanos: Option<u64>,
        calls: &mut Slab<Record>,
    ) {
        let Some(list) = may_wait_nanos.and_then(|nanos| self.list(nanos)) else {
            self.heap.set(call, (expires, ticket));
            return;
        };
        let data = &mut self.lists[list as usize];
        let last = core::mem::replace(&mut data.last, call);
        if last == NONE {
            data.first = call;
            data.due = (expires, ticket);
        } else if let Some(Record::Waiting(before)) = calls.get_mut(last) {
            before.expiry.next = call;
        }
        if let Some(Record::Waiting(waiting)) = calls.get_mut(call) {
            waiting.expiry = Links { list, previous: last, next: NONE };
        }
    }

    /// A call no longer waits; it was at `links`.
    pub(crate) fn leave(&mut self, call: u32, links: Links, calls: &mut Slab<Record>) {
        let Some(list) = self.lists.get_mut(links.list as usize) else {
            self.heap.remove(call);
            return;
        };
        if links.next == NONE {
            list.last = links.previous;
        } else if let Some(Record::Waiting(after)) = calls.get_mut(links.next) {
            after.expiry.previous = links.previous;
            if links.previous == NONE {
                list.due = (after.expires, after.ticket.number);
            }
        }
        if links.previous == NONE {
            list.first = links.next;
            if links.next == NONE {
                list.due = NEVER;
            }
        } else if let Some(Record::Waiting(before)) = calls.get_mut(links.previous) {
            before.expiry.next = links.next;
        }
    }

    /// The list for a patience: its own, an empty one, or a new one.
    fn list(&mut self, may_wait_nanos: u64) -> Option<u32> {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(NONE);
        let same = self.lists.iter().position(|list| list.may_wait_nanos == may_wait_nanos);
        if let Some(at) = same {
            return Some(narrow(at));
        }
        let (first, last) = (NONE, NONE);
        let new = List { may_wait_nanos, first, last, due: NEVER };
        if let Some(at) = self.lists.iter().position(|list| list.first == NONE) {
            self.lists[at] = new;
            return Some(narrow(at));
        }
        (self.lists.len() < LISTS).then(|| {
            self.lists.push(new);
            narrow(self.lists.len() - 1)
        })
    }
}
