//! Lanes: waiting calls that are alike (same route, priority, flow and caller) and so move as one.
//!
//! Only the first call of a lane ever needs a look; the others have no other answer. The calls
//! are linked through their own records, in the order of their tickets, so that any one of them
//! leaves in constant time. One that comes again finds its place from the front. Lanes of
//! one flow and priority are kin, linked as well, for the sake of rescue.

use alloc::vec::Vec;

use crate::call::{Flow, Priority, ToolId};
use crate::decision::Reason;
use crate::inherit::Raised;
use crate::patience::Patience;
use crate::slab::Slab;
use crate::table::{Table, hash};
use crate::ticket::Ticket;
use crate::time::Instant;

pub(crate) const NONE: u32 = u32::MAX;

/// Calls of its lane that one that comes again is put behind. If more arrived before it, it gets a
/// lane of its own, which has its place in its flow.
pub(crate) const MOST_BEFORE: u32 = 256;

/// What the engine keeps of a call.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Waiting(Waiting),
    Running(Running),
}

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) expires: Instant,
    pub(crate) deadline: Instant,
    pub(crate) lane: u32,
    pub(crate) previous: u32,
    pub(crate) next: u32,
    /// Its place in the list of calls that may wait as long, and its neighbours there.
    pub(crate) expiry: crate::expiry::Links,
    /// Its claim, if it has one.
    pub(crate) claim: u32,
    /// Its lineage, if it was made by a running call.
    pub(crate) nest: u32,
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

#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) route: u32,
    /// Its lineage, if it was made by a running call or has made one.
    pub(crate) nest: u32,
    pub(crate) flow: Flow,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    /// What the charge assumed.
    pub(crate) estimate_nanos: u64,
    /// Bit `i` is set if the route's draw `i` was charged.
    pub(crate) charged: u64,
    pub(crate) tool: ToolId,
    /// At which it started, and so took its slots.
    pub(crate) priority: Priority,
    /// Without what it inherited.
    pub(crate) own: Priority,
    /// The claim in whose gap it started, or [`NONE`].
    pub(crate) backfills: u32,
    /// What it really took has been told.
    pub(crate) settled: bool,
    /// It is one of those that were let out where limits cool down.
    pub(crate) paced: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) route: u32,
    pub(crate) priority: Priority,
    pub(crate) flow: Flow,
    /// The caller of its calls, as a number that is never used again; [`u64::MAX`] for none.
    pub(crate) caller: u64,
    pub(crate) raised: Raised,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) calls: u32,
    /// The instance at which it waits.
    pub(crate) watch: u32,
    /// The place of its flow in that instance's order.
    pub(crate) flow_at: u32,
    /// It takes nothing of one of the budgets there.
    pub(crate) partial: bool,
    /// When it was opened, among all lanes.
    pub(crate) opened: u64,
    pub(crate) kin: u32,
    pub(crate) kin_previous: u32,
    pub(crate) kin_next: u32,
}

/// The caller of calls that have none.
pub(crate) const NO_CALLER: u64 = u64::MAX;

/// What makes calls alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LaneKey {
    pub(crate) route: u32,
    pub(crate) priority: Priority,
    pub(crate) flow: Flow,
    pub(crate) caller: u64,
    pub(crate) raised: Raised,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes {
    slab: Slab<Lane>,
    index: Table,
    opened: u64,
}

/// What a departure did to its lane.
pub(crate) enum Departure {
    /// Others are still in it, and the first is the same.
    Within,
    /// The first call is another one now, which has this ticket.
    NewFirst(Ticket),
    /// The lane is empty, and closed.
    Last,
}

impl LaneKey {
    fn hash(&self) -> u32 {
        let kind = u64::from(self.route) << 8 | u64::from(self.priority.0);
        hash(self.flow.id ^ self.caller.rotate_left(17) ^ self.raised.mark(), kind)
    }
}

impl Lane {
    pub(crate) fn key(&self) -> LaneKey {
        let Lane { route, priority, flow, caller, raised, .. } = *self;
        LaneKey { route, priority, flow, caller, raised }
    }

    /// Its calls' priority without what they inherited.
    #[inline]
    pub(crate) fn own(&self) -> Priority {
        self.raised.own(self.priority)
    }
}

impl Lanes {
    #[inline]
    pub(crate) fn get(&self, id: u32) -> &Lane {
        &self.slab[id]
    }

    /// The lanes that wait at an instance.
    pub(crate) fn at(&self, instance: u32) -> Vec<u32> {
        self.slab.iter().filter(|(_, lane)| lane.watch == instance).map(|(id, _)| id).collect()
    }

    /// The first call of each.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = u32> + '_ {
        self.slab.iter().map(|(_, lane)| lane.first)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> &mut Lane {
        &mut self.slab[id]
    }

    pub(crate) fn find(&self, key: &LaneKey) -> Option<u32> {
        self.index.find(key.hash(), |id| {
            let lane = &self.slab[id];
            lane.route == key.route
                && lane.priority == key.priority
                && lane.raised == key.raised
                && lane.flow.id == key.flow.id
                && lane.caller == key.caller
        })
    }

    /// Opens an empty lane; the caller inserts a call at once.
    pub(crate) fn open(&mut self, key: &LaneKey, watch: u32, patience: &mut Patience) -> u32 {
        self.opened += 1;
        let kin = patience.kin_of(key.raised.own(key.priority), key.flow);
        let kin_next = core::mem::replace(&mut patience.kin_mut(kin).lanes, NONE);
        let id = self.slab.insert(Lane {
            route: key.route,
            priority: key.priority,
            raised: key.raised,
            flow: key.flow,
            caller: key.caller,
            first: NONE,
            last: NONE,
            calls: 0,
            watch,
            flow_at: NONE,
            partial: false,
            opened: self.opened,
            kin,
            kin_previous: NONE,
            kin_next,
        });
        if kin_next != NONE {
            self.slab[kin_next].kin_previous = id;
        }
        patience.kin_mut(kin).lanes = id;
        self.index.insert(key.hash(), id);
        id
    }

    /// Behind which call of a lane one with this ticket belongs, if that is found in
    /// [`MOST_BEFORE`] steps; [`NONE`] for before all.
    pub(crate) fn place(&self, id: u32, ticket: Ticket, calls: &Slab<Record>) -> Option<u32> {
        let Lane { first, last, .. } = self.slab[id];
        let is_before = |call: u32| match calls.get(call) {
            Some(Record::Waiting(waiting)) => (waiting.ticket < ticket).then_some(waiting.next),
            _ => None,
        };
        if is_before(last).is_some() {
            return Some(last);
        }
        // Of those that arrived before a call that has run most have run as well.
        let (mut behind, mut at) = (NONE, first);
        for _ in 0..MOST_BEFORE {
            let Some(next) = is_before(at) else { return Some(behind) };
            (behind, at) = (at, next);
        }
        None
    }

    /// Puts a call behind another one of a lane, or before all if that is [`NONE`].
    pub(crate) fn insert(&mut self, id: u32, call: u32, behind: u32, calls: &mut Slab<Record>) {
        let lane = &mut self.slab[id];
        lane.calls += 1;
        let next = match calls.get_mut(behind) {
            Some(Record::Waiting(before)) => core::mem::replace(&mut before.next, call),
            _ => core::mem::replace(&mut lane.first, call),
        };
        match calls.get_mut(next) {
            Some(Record::Waiting(after)) => after.previous = call,
            _ => lane.last = call,
        }
        if let Some(Record::Waiting(waiting)) = calls.get_mut(call) {
            (waiting.previous, waiting.next) = (behind, next);
        }
    }

    /// Takes a call out of its lane; `gone` is its record.
    pub(crate) fn depart(
        &mut self,
        gone: &Waiting,
        calls: &mut Slab<Record>,
        patience: &mut Patience,
    ) -> Departure {
        let lane = &mut self.slab[gone.lane];
        lane.calls -= 1;
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
                self.close(gone.lane, patience);
                Departure::Last
            }
        }
    }

    fn close(&mut self, id: u32, patience: &mut Patience) {
        let Some(lane) = self.slab.remove(id) else { return };
        self.index.remove(lane.key().hash(), id);
        if lane.kin_next != NONE {
            self.slab[lane.kin_next].kin_previous = lane.kin_previous;
        }
        if lane.kin_previous != NONE {
            self.slab[lane.kin_previous].kin_next = lane.kin_next;
        } else if lane.kin_next != NONE {
            patience.kin_mut(lane.kin).lanes = lane.kin_next;
        } else {
            patience.disband(lane.kin);
        }
    }
}
