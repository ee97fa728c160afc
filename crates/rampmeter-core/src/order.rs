//! Who goes first at one limit: start-time fair queueing for a server that runs many at once,
//! SFQ(D) (Jin, Chase, Kaur: "Interposed Proportional Sharing for a Storage Service Utility",
//! SIGMETRICS 2004), in two levels: priorities by weight, then the flows of that priority by
//! weight, then order of arrival.
//!
//! Each class (and, within it, each flow) has a start tag `S = max(v, F)` from when it becomes
//! backlogged, where `v` is the start tag last served and `F` the finish tag it was last given.
//! The least `S` is served; then `F = S + cost / weight`. A backlogged class gets at least
//! `weight / sum of weights`: while two are backlogged, what each was served, divided by its
//! weight, differs by at most `(2D + 1) (c1 / w1 + c2 / w2)`, where `c` is a largest cost and `D`
//! the depth in slots (the paper has `D + 1`; the other `D` is for running calls whose cost is
//! still an estimate).
//!
//! What differs here:
//! - cost is capacity-nanoseconds: for how long the call takes the whole limit (slot-seconds over
//!   slots, or units over the rate, whichever is the greater: the dominant resource of Ghodsi et
//!   al., SIGCOMM 2012). It is estimated at the start and corrected at the end, as Kubernetes'
//!   API Priority & Fairness does;
//! - flows come and go by the thousand, and a flow that is served once would never move `v`. So
//!   `v` also advances by the service given over the weights backlogged, as the fluid model's
//!   clock does, and by real time while nobody waits. A flow's state is dropped once `v` has
//!   passed its `F`: its debt is worked off, and idleness earns no credit.

use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;

use crate::call::{Flow, Priority};
use crate::heap::Heap;
use crate::slab::Slab;
use crate::time::Instant;
use crate::units::{CapacityNanos, Virtual};

#[derive(Clone, Debug)]
pub(crate) struct Order {
    classes: Vec<Class>,
    clock: Virtual,
    lanes: u32,
    idle_since: Instant,
}

#[derive(Clone, Debug)]
struct Class {
    weight: u32,
    start: Virtual,
    finish: Virtual,
    /// The flow level's `v`.
    clock: Virtual,
    flows: Slab<FlowQueue>,
    index: BTreeMap<u64, u32>,
    /// Backlogged flows by start tag, then by their first call's ticket.
    backlogged: Heap<(Virtual, u64)>,
    backlogged_weight: u64,
    /// Flows that nobody waits for, whose finish tag is still ahead of the clock.
    debtors: Heap<Virtual>,
}

#[derive(Clone, Debug)]
struct FlowQueue {
    flow: Flow,
    start: Virtual,
    finish: Virtual,
    /// Lanes by the ticket of their first call.
    lanes: BTreeMap<u64, u32>,
}

impl Order {
    pub(crate) fn new(weights: &[u32], now: Instant) -> Order {
        let class = |weight: &u32| Class {
            weight: (*weight).max(1),
            start: Virtual::default(),
            finish: Virtual::default(),
            clock: Virtual::default(),
            flows: Slab::default(),
            index: BTreeMap::new(),
            backlogged: Heap::default(),
            backlogged_weight: 0,
            debtors: Heap::default(),
        };
        Order {
            classes: weights.iter().map(class).collect(),
            clock: Virtual::default(),
            lanes: 0,
            idle_since: now,
        }
    }

    /// Adds a lane whose first call has `ticket`.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        lane: u32,
        ticket: u64,
        at: Priority,
        flow: Flow,
    ) {
        if self.lanes == 0 {
            self.catch_up(now);
        }
        self.lanes += 1;
        let clock = self.clock;
        let class = &mut self.classes[usize::from(at.0)];
        if class.backlogged.is_empty() {
            class.start = clock.max(class.finish);
        }
        class.insert(lane, ticket, flow);
    }

    /// Removes a lane; its first call's ticket is, or was last said to be, `ticket`.
    pub(crate) fn remove(&mut self, now: Instant, ticket: u64, at: Priority, flow: Flow) {
        if self.classes[usize::from(at.0)].remove(ticket, flow) {
            self.lanes -= 1;
            if self.lanes == 0 {
                self.idle_since = now;
            }
        }
    }

    /// A lane has a new first call.
    pub(crate) fn retarget(&mut self, old: u64, new: u64, at: Priority, flow: Flow) {
        self.classes[usize::from(at.0)].retarget(old, new, flow);
    }

    /// The lane whose turn it is.
    pub(crate) fn pick(&self) -> Option<u32> {
        let waiting = self.classes.iter().filter(|class| !class.backlogged.is_empty());
        let class = waiting.min_by_key(|class| (class.start, Reverse(class.weight)))?;
        let (_, flow) = class.backlogged.peek()?;
        class.flows[flow].lanes.first_key_value().map(|(_, lane)| *lane)
    }

    /// Charges one start.
    pub(crate) fn charge(&mut self, at: Priority, flow: Flow, cost: CapacityNanos) {
        let class = &mut self.classes[usize::from(at.0)];
        let backlogged = !class.backlogged.is_empty();
        let start = if backlogged { class.start } else { self.clock.max(class.finish) };
        self.clock = self.clock.max(start);
        class.finish = start + Virtual::served(cost, class.weight);
        class.start = class.finish;
        class.charge(flow, cost);
    }

    /// A start that was charged `was` has turned out to cost `is`.
    pub(crate) fn correct(
        &mut self,
        at: Priority,
        flow: Flow,
        was: CapacityNanos,
        is: CapacityNanos,
    ) {
        let class = &mut self.classes[usize::from(at.0)];
        class.finish = moved(class.finish, was, is, class.weight);
        class.start = moved(class.start, was, is, class.weight);
        class.correct(flow, was, is);
    }

    /// While nobody waited, the limit kept up: debts were worked off in real time.
    fn catch_up(&mut self, now: Instant) {
        let idle = now.as_nanos().saturating_sub(self.idle_since.as_nanos());
        let idle = Virtual::of_nanos(idle);
        self.clock = self.clock + idle;
        for class in &mut self.classes {
            class.advance(class.clock + idle);
        }
    }
}

impl Class {
    fn insert(&mut self, lane: u32, ticket: u64, flow: Flow) {
        let id = self.flow(flow);
        let queue = &mut self.flows[id];
        if queue.lanes.is_empty() {
            queue.start = self.clock.max(queue.finish);
            self.debtors.remove(id);
            self.backlogged_weight += u64::from(queue.flow.weight);
        }
        queue.lanes.insert(ticket, lane);
        self.place(id);
    }

    fn remove(&mut self, ticket: u64, flow: Flow) -> bool {
        let Some(&id) = self.index.get(&flow.id) else { return false };
        let queue = &mut self.flows[id];
        if queue.lanes.remove(&ticket).is_none() {
            return false;
        }
        if !queue.lanes.is_empty() {
            self.place(id);
            return true;
        }
        self.backlogged_weight -= u64::from(queue.flow.weight);
        self.backlogged.remove(id);
        self.settle(id);
        true
    }

    fn retarget(&mut self, old: u64, new: u64, flow: Flow) {
        let Some(&id) = self.index.get(&flow.id) else { return };
        let queue = &mut self.flows[id];
        if let Some(lane) = queue.lanes.remove(&old) {
            queue.lanes.insert(new, lane);
            self.place(id);
        }
    }

    fn charge(&mut self, flow: Flow, cost: CapacityNanos) {
        let id = self.flow(flow);
        let queue = &mut self.flows[id];
        let weight = u64::from(queue.flow.weight);
        let backlogged = !queue.lanes.is_empty();
        let start = if backlogged { queue.start } else { self.clock.max(queue.finish) };
        queue.finish = start + Virtual::served(cost, queue.flow.weight);
        queue.start = queue.finish;
        let sharing = self.backlogged_weight + if backlogged { 0 } else { weight };
        let fluid = Virtual::served(cost, u32::try_from(sharing).unwrap_or(u32::MAX));
        let clock = start.max(self.clock + fluid);
        if backlogged {
            self.place(id);
        } else {
            self.settle(id);
        }
        self.advance(clock);
    }

    fn correct(&mut self, flow: Flow, was: CapacityNanos, is: CapacityNanos) {
        if is <= was && !self.index.contains_key(&flow.id) {
            return;
        }
        let id = self.flow(flow);
        let queue = &mut self.flows[id];
        let weight = queue.flow.weight;
        queue.finish = moved(queue.finish, was, is, weight);
        if queue.lanes.is_empty() {
            self.settle(id);
        } else {
            queue.start = moved(queue.start, was, is, weight);
            self.place(id);
        }
    }

    /// Finds the flow's state, or makes it anew, with no debt and no credit.
    fn flow(&mut self, flow: Flow) -> u32 {
        if let Some(&id) = self.index.get(&flow.id) {
            return id;
        }
        let flow = Flow { id: flow.id, weight: flow.weight.max(1) };
        let (start, finish) = (self.clock, self.clock);
        let id = self.flows.insert(FlowQueue { flow, start, finish, lanes: BTreeMap::new() });
        self.index.insert(flow.id, id);
        id
    }

    /// Puts a backlogged flow where its tag and its first call belong.
    fn place(&mut self, id: u32) {
        let queue = &self.flows[id];
        if let Some((ticket, _)) = queue.lanes.first_key_value() {
            self.backlogged.set(id, (queue.start, *ticket));
        }
    }

    /// A flow that nobody waits for is remembered only while it owes.
    fn settle(&mut self, id: u32) {
        let queue = &self.flows[id];
        if queue.finish > self.clock {
            self.debtors.set(id, queue.finish);
        } else {
            self.debtors.remove(id);
            self.forget(id);
        }
    }

    fn advance(&mut self, clock: Virtual) {
        self.clock = self.clock.max(clock);
        while let Some((finish, id)) = self.debtors.peek() {
            if finish > self.clock {
                break;
            }
            self.debtors.remove(id);
            self.forget(id);
        }
    }

    fn forget(&mut self, id: u32) {
        if let Some(queue) = self.flows.remove(id) {
            self.index.remove(&queue.flow.id);
        }
    }
}

/// A tag moved by the difference of two costs.
fn moved(tag: Virtual, was: CapacityNanos, is: CapacityNanos, weight: u32) -> Virtual {
    if is >= was {
        tag + Virtual::served(CapacityNanos(is.0 - was.0), weight)
    } else {
        tag.saturating_sub(Virtual::served(CapacityNanos(was.0 - is.0), weight))
    }
}
