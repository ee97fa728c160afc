//! Lanes: waiting calls that are alike (same route, priority and flow) and so move as one.
//!
//! Only the first call of a lane ever needs a look; the others have no other answer. The calls
//! are linked through their own records, so that any one of them leaves in constant time.

use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::call::{Flow, Priority, ToolId};
use crate::decision::Reason;
use crate::slab::Slab;
use crate::time::Instant;

pub(crate) const NONE: u32 = u32::MAX;

/// What the engine keeps of a call.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Waiting(Waiting),
    Running(Running),
}

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) ticket: u64,
    pub(crate) arrived: Instant,
    pub(crate) expires: Instant,
    pub(crate) lane: u32,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    /// Its place among the calls of its flow and priority.
    pub(crate) kin: u32,
    pub(crate) kin_previous: u32,
    pub(crate) kin_next: u32,
    /// Age of its claims, the oldest least; `u64::MAX` while it has none.
    pub(crate) claim_age: u64,
    pub(crate) tool: ToolId,
    pub(crate) expires_by: ExpiresBy,
    /// Its turn came at one limit when another was in the way.
    pub(crate) turned_away: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExpiresBy {
    QueueTimeout,
    Deadline,
}

impl ExpiresBy {
    pub(crate) fn reason(self) -> Reason {
        match self {
            ExpiresBy::QueueTimeout => Reason::QueueTimeout,
            ExpiresBy::Deadline => Reason::Deadline,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) route: u32,
    pub(crate) tool: ToolId,
    pub(crate) priority: Priority,
    pub(crate) flow: Flow,
    pub(crate) started: Instant,
    /// What the charge assumed.
    pub(crate) estimate_nanos: u64,
    /// Bit `i` is set if the route's draw `i` was charged.
    pub(crate) charged: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) route: u32,
    pub(crate) priority: Priority,
    pub(crate) flow: Flow,
    pub(crate) first: u32,
    last: u32,
    /// The instance at which it waits.
    pub(crate) watch: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes {
    slab: Slab<Lane>,
    index: BTreeMap<(u32, u8, u64), u32>,
}

/// What a departure did to its lane.
pub(crate) enum Departure {
    /// Others are still in it, and the first is the same.
    Within,
    /// The first call is another one now, which has this ticket.
    NewFirst(u64),
    /// The lane is gone.
    Last,
}

impl Lanes {
    pub(crate) fn get(&self, id: u32) -> &Lane {
        &self.slab[id]
    }

    pub(crate) fn set_watch(&mut self, id: u32, instance: u32) {
        self.slab[id].watch = instance;
    }

    pub(crate) fn find(&self, route: u32, priority: Priority, flow: Flow) -> Option<u32> {
        self.index.get(&(route, priority.0, flow.id)).copied()
    }

    /// Opens an empty lane; the caller appends a call at once.
    pub(crate) fn open(&mut self, route: u32, priority: Priority, flow: Flow, watch: u32) -> u32 {
        let id = self.slab.insert(Lane { route, priority, flow, first: NONE, last: NONE, watch });
        self.index.insert((route, priority.0, flow.id), id);
        id
    }

    pub(crate) fn append(&mut self, id: u32, call: u32, calls: &mut Slab<Record>) {
        let lane = &mut self.slab[id];
        let last = core::mem::replace(&mut lane.last, call);
        if last == NONE {
            lane.first = call;
        } else if let Some(Record::Waiting(before)) = calls.get_mut(last) {
            before.next = call;
        }
        if let Some(Record::Waiting(waiting)) = calls.get_mut(call) {
            waiting.previous = last;
            waiting.next = NONE;
        }
    }

    /// Takes a call out of its lane; `gone` is its record.
    pub(crate) fn depart(&mut self, gone: &Waiting, calls: &mut Slab<Record>) -> Departure {
        let lane = &mut self.slab[gone.lane];
        if gone.next == NONE {
            lane.last = gone.previous;
        } else if let Some(Record::Waiting(after)) = calls.get_mut(gone.next) {
            after.previous = gone.previous;
        }
        if gone.previous != NONE {
            if let Some(Record::Waiting(before)) = calls.get_mut(gone.previous) {
                before.next = gone.next;
            }
            return Departure::Within;
        }
        lane.first = gone.next;
        match calls.get(gone.next) {
            Some(Record::Waiting(first)) => Departure::NewFirst(first.ticket),
            _ => {
                if let Some(lane) = self.slab.remove(gone.lane) {
                    self.index.remove(&(lane.route, lane.priority.0, lane.flow.id));
                }
                Departure::Last
            }
        }
    }
}

/// How long each tool's calls take, learned from those that ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estimates {
    nanos: alloc::vec::Vec<u64>,
}

/// What is assumed of a tool that has not been seen.
const UNSEEN: Duration = Duration::from_millis(100);

impl Estimates {
    pub(crate) fn nanos(&self, tool: ToolId) -> u64 {
        match self.nanos.get(usize::from(tool.0)) {
            None | Some(0) => crate::time::nanos(UNSEEN),
            Some(nanos) => *nanos,
        }
    }

    /// An exponentially weighted mean with factor 1/8, as TCP keeps its round-trip time.
    pub(crate) fn learn(&mut self, tool: ToolId, took_nanos: u64) {
        let index = usize::from(tool.0);
        if index >= self.nanos.len() {
            self.nanos.resize(index + 1, 0);
        }
        let mean = &mut self.nanos[index];
        let took_nanos = took_nanos.max(1);
        *mean = if *mean == 0 { took_nanos } else { *mean - *mean / 8 + took_nanos / 8 }.max(1);
    }
}
