//! Lanes: waiting calls that are alike (same route, priority, flow and caller) and so move as one.
//!
//! Only the first call of a lane ever needs a look; the others have no other answer. The calls
//! are linked through their own records, in the order of their tickets, so that any one of them
//! leaves in constant time. One that comes again, and belongs before the last of those, stands in
//! a list of its own, where it finds its place however many there are; the first of a lane is the
//! earlier of both lists' first. Lanes of one flow and priority are kin, linked as well, for the
//! sake of rescue.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::call::{Flow, Priority, ToolId};
use crate::decision::Reason;
use crate::inherit::Raised;
use crate::patience::Patience;
use crate::slab::Slab;
use crate::table::{Table, hash};
use crate::ticket::Ticket;
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
    /// The call that arrived first, and so is the next to start.
    pub(crate) first: u32,
    /// The ends of the list of those that were put behind all others.
    front: u32,
    back: u32,
    /// Those that came again when somebody waited who had arrived later.
    again: BTreeMap<Ticket, u32>,
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
            front: NONE,
            back: NONE,
            again: BTreeMap::new(),
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

    /// Puts a call into a lane, by its ticket.
    pub(crate) fn insert(&mut self, id: u32, call: u32, ticket: Ticket, calls: &mut Slab<Record>) {
        let lane = &mut self.slab[id];
        lane.calls += 1;
        let mut previous = NONE;
        match calls.get_mut(lane.back) {
            Some(Record::Waiting(last)) if last.ticket < ticket => {
                last.next = call;
                previous = core::mem::replace(&mut lane.back, call);
            }
            Some(Record::Waiting(_)) => _ = lane.again.insert(ticket, call),
            _ => (lane.front, lane.back) = (call, call),
        }
        if let Some(Record::Waiting(waiting)) = calls.get_mut(call) {
            (waiting.previous, waiting.next) = (previous, NONE);
        }
        if previous == NONE && ticket_of(lane.first, calls).is_none_or(|first| ticket < first) {
            lane.first = call;
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
        if lane.again.is_empty() || lane.again.remove(&gone.ticket).is_none() {
            if gone.next == NONE {
                lane.back = gone.previous;
            } else if let Some(Record::Waiting(after)) = calls.get_mut(gone.next) {
                after.previous = gone.previous;
            }
            if gone.previous != NONE {
                if let Some(Record::Waiting(before)) = calls.get_mut(gone.previous) {
                    before.next = gone.next;
                }
                return Departure::Within;
            }
            lane.front = gone.next;
        }
        let front = ticket_of(lane.front, calls).map(|ticket| (ticket, lane.front));
        let again = lane.again.first_key_value().map(|(ticket, call)| (*ticket, *call));
        match front.into_iter().chain(again).min() {
            None => {
                self.close(gone.lane, patience);
                Departure::Last
            }
            Some((ticket, _)) if ticket < gone.ticket => Departure::Within,
            Some((ticket, call)) => {
                lane.first = call;
                Departure::NewFirst(ticket)
            }
        }
    }

    /// The call of a lane that arrived last.
    pub(crate) fn last(&self, id: u32, calls: &Slab<Record>) -> u32 {
        let Lane { back, ref again, .. } = self.slab[id];
        match again.last_key_value() {
            Some((ticket, call)) if ticket_of(back, calls).is_none_or(|it| it < *ticket) => *call,
            _ => back,
        }
    }

    /// So many calls of a lane, `most` at the most, arrived before one with this ticket.
    pub(crate) fn ahead(&self, id: u32, ticket: Ticket, most: u32, calls: &Slab<Record>) -> u32 {
        let Lane { front, ref again, .. } = self.slab[id];
        let mut at = front;
        let listed = core::iter::from_fn(|| match calls.get(at) {
            Some(Record::Waiting(waiting)) if waiting.ticket < ticket => {
                at = waiting.next;
                Some(())
            }
            _ => None,
        });
        let again = again.range(..ticket).map(|_| ());
        again.chain(listed).zip(0..most).fold(0, |ahead, _| ahead + 1)
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

fn ticket_of(call: u32, calls: &Slab<Record>) -> Option<Ticket> {
    match calls.get(call) {
        Some(Record::Waiting(waiting)) => Some(waiting.ticket),
        _ => None,
    }
}
