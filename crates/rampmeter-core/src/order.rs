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

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::call::{Flow, Priority};
use crate::flow_lanes::FlowLanes;
use crate::heap::Heap;
use crate::slab::Slab;
use crate::table::{Table, hash};
use crate::ticket::Ticket;
use crate::time::Instant;
use crate::units::{CapacityNanos, Virtual};

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) classes: Vec<Class>,
    clock: Virtual,
    lanes: u32,
    idle_since: Instant,
}

#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) weight: u32,
    pub(crate) start: Virtual,
    finish: Virtual,
    /// The flow level's `v`.
    pub(crate) clock: Virtual,
    pub(crate) flows: Slab<FlowQueue>,
    index: Table,
    /// Backlogged flows by start tag, then by the number of their first call's ticket: when a call
    /// arrived matters only within its flow.
    backlogged: Heap<(Virtual, u64)>,
    pub(crate) backlogged_weight: u64,
    /// Flows that nobody waits for, whose finish tag is still ahead of the clock.
    debtors: Heap<Virtual>,
    /// Calls that wait.
    pub(crate) calls: u32,
    /// What a start costs, in the mean over the last few.
    pub(crate) mean_cost: CapacityNanos,
}

#[derive(Clone, Debug)]
pub(crate) struct FlowQueue {
    pub(crate) flow: Flow,
    pub(crate) start: Virtual,
    finish: Virtual,
    lanes: FlowLanes,
    /// Calls that wait.
    pub(crate) calls: u32,
}

impl Order {
    pub(crate) fn new(weights: &[u32], now: Instant) -> Order {
        let class = |weight: &u32| Class {
            weight: (*weight).max(1),
            start: Virtual::default(),
            finish: Virtual::default(),
            clock: Virtual::default(),
            flows: Slab::default(),
            index: Table::default(),
            backlogged: Heap::default(),
            backlogged_weight: 0,
            debtors: Heap::default(),
            calls: 0,
            mean_cost: CapacityNanos::default(),
        };
        Order {
            classes: weights.iter().map(class).collect(),
            clock: Virtual::default(),
            lanes: 0,
            idle_since: now,
        }
    }

    /// Adds a lane of so many calls, the first of which has `ticket`. Returns the place of its
    /// flow, which stays until the lane is removed.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        (lane, calls, ticket): (u32, u32, Ticket),
        at: Priority,
        flow: Flow,
    ) -> u32 {
        if self.lanes == 0 {
            self.catch_up(now);
        }
        self.lanes += 1;
        let clock = self.clock;
        let class = &mut self.classes[usize::from(at.0)];
        if class.backlogged.is_empty() {
            class.start = clock.max(class.finish);
        }
        class.insert((lane, calls, ticket), flow)
    }

    /// Removes a lane of so many calls, whose first call's ticket is, or was last said to be,
    /// `ticket`.
    pub(crate) fn remove(
        &mut self,
        now: Instant,
        at: Priority,
        flow: u32,
        (calls, ticket): (u32, Ticket),
    ) {
        self.classes[usize::from(at.0)].remove(flow, calls, ticket);
        self.lanes -= 1;
        if self.lanes == 0 {
            self.idle_since = now;
        }
    }

    /// A lane has a new first call.
    pub(crate) fn retarget(&mut self, old: Ticket, new: Ticket, at: Priority, flow: u32) {
        self.classes[usize::from(at.0)].retarget(old, new, flow);
    }

    /// A lane has one call more.
    pub(crate) fn one_more(&mut self, at: Priority, flow: u32) {
        let class = &mut self.classes[usize::from(at.0)];
        class.calls += 1;
        class.flows[flow].calls += 1;
    }

    /// A lane has one call less.
    pub(crate) fn one_less(&mut self, at: Priority, flow: u32) {
        let class = &mut self.classes[usize::from(at.0)];
        class.calls -= 1;
        class.flows[flow].calls -= 1;
    }

    /// The lane whose turn it is, among the priorities that are `open`.
    #[inline]
    pub(crate) fn pick(&self, open: impl Fn(Priority) -> bool) -> Option<u32> {
        let mut next: Option<&Class> = None;
        for (class, priority) in self.classes.iter().zip(0u8..) {
            if class.backlogged.is_empty() || !open(Priority(priority)) {
                continue;
            }
            let sooner = |next: &Class| {
                (class.start, Reverse(class.weight)) < (next.start, Reverse(next.weight))
            };
            if next.is_none_or(sooner) {
                next = Some(class);
            }
        }
        let class = next?;
        let (_, flow) = class.backlogged.peek()?;
        class.flows[flow].lanes.first().map(|(_, lane)| lane)
    }

    /// Up to `most` lanes in the order of their turns, as if each were passed over, among the
    /// priorities that are `open`.
    pub(crate) fn turns(&self, open: impl Fn(Priority) -> bool, most: usize, into: &mut Vec<u32>) {
        let rank = |at: usize| {
            let class = &self.classes[at];
            (class.start, Reverse(class.weight), at)
        };
        let waits = |at: &usize| !self.classes[*at].backlogged.is_empty();
        let narrow = |at: usize| Priority(u8::try_from(at).unwrap_or(u8::MAX));
        let mut last = None;
        while into.len() < most {
            let left = (0..self.classes.len()).filter(waits).map(rank);
            let left = left.filter(|it| last.is_none_or(|last| last < *it));
            let Some(next) = left.filter(|it| open(narrow(it.2))).min() else { return };
            let class = &self.classes[next.2];
            class.backlogged.least(most - into.len(), |flow| {
                class.flows[flow].lanes.first_few(most - into.len(), into);
                into.len() < most
            });
            last = Some(next);
        }
    }

    /// Charges one start of a lane that waits here.
    pub(crate) fn charge_lane(&mut self, at: Priority, flow: u32, cost: CapacityNanos) {
        let start = self.classes[usize::from(at.0)].start;
        self.charge_class(at, start, cost);
        self.classes[usize::from(at.0)].charge_backlogged(flow, cost);
    }

    /// Charges one start of a call that did not wait here.
    pub(crate) fn charge(&mut self, at: Priority, flow: Flow, cost: CapacityNanos) {
        let class = &self.classes[usize::from(at.0)];
        let backlogged = !class.backlogged.is_empty();
        let start = if backlogged { class.start } else { self.clock.max(class.finish) };
        self.charge_class(at, start, cost);
        self.classes[usize::from(at.0)].charge(flow, cost);
    }

    fn charge_class(&mut self, at: Priority, start: Virtual, cost: CapacityNanos) {
        self.clock = self.clock.max(start);
        let class = &mut self.classes[usize::from(at.0)];
        class.finish = start + Virtual::served(cost, class.weight);
        class.start = class.finish;
        class.mean_cost = CapacityNanos(match class.mean_cost.0 {
            0 => cost.0,
            mean => mean - mean / 8 + cost.0 / 8,
        });
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

    /// The start tag last served.
    pub(crate) fn clock(&self) -> Virtual {
        self.clock
    }

    /// Calls of a flow that wait here at a priority.
    pub(crate) fn calls_of(&self, at: Priority, flow: Flow) -> u64 {
        let class = &self.classes[usize::from(at.0)];
        class.find(flow.id).map_or(0, |id| u64::from(class.flows[id].calls))
    }

    /// All calls that wait here.
    pub(crate) fn calls(&self) -> u32 {
        self.classes.iter().map(|class| class.calls).sum()
    }

    /// The weights of the priorities are others from now on.
    pub(crate) fn reweigh(&mut self, weights: &[u32]) {
        for (class, weight) in self.classes.iter_mut().zip(weights) {
            class.weight = (*weight).max(1);
        }
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
    fn insert(&mut self, (lane, calls, ticket): (u32, u32, Ticket), flow: Flow) -> u32 {
        let id = self.flow(flow);
        let queue = &mut self.flows[id];
        if queue.lanes.is_empty() {
            queue.start = self.clock.max(queue.finish);
            self.debtors.remove(id);
            self.backlogged_weight += u64::from(queue.flow.weight);
        }
        queue.lanes.insert(ticket, lane);
        queue.calls += calls;
        self.calls += calls;
        self.place(id);
        id
    }

    fn remove(&mut self, id: u32, calls: u32, ticket: Ticket) {
        let queue = &mut self.flows[id];
        queue.lanes.remove(ticket);
        queue.calls -= calls;
        self.calls -= calls;
        if !queue.lanes.is_empty() {
            self.place(id);
            return;
        }
        self.backlogged_weight -= u64::from(queue.flow.weight);
        self.backlogged.remove(id);
        self.settle(id);
    }

    fn retarget(&mut self, old: Ticket, new: Ticket, id: u32) {
        let lanes = &mut self.flows[id].lanes;
        if let Some(lane) = lanes.remove(old) {
            lanes.insert(new, lane);
            self.place(id);
        }
    }

    fn charge(&mut self, flow: Flow, cost: CapacityNanos) {
        let id = self.flow(flow);
        let queue = &mut self.flows[id];
        if !queue.lanes.is_empty() {
            return self.charge_backlogged(id, cost);
        }
        let start = self.clock.max(queue.finish);
        queue.finish = start + Virtual::served(cost, queue.flow.weight);
        queue.start = queue.finish;
        let sharing = self.backlogged_weight + u64::from(queue.flow.weight);
        self.settle(id);
        self.advance_by(start, cost, sharing);
    }

    fn charge_backlogged(&mut self, id: u32, cost: CapacityNanos) {
        let queue = &mut self.flows[id];
        let start = queue.start;
        queue.finish = start + Virtual::served(cost, queue.flow.weight);
        queue.start = queue.finish;
        self.place(id);
        self.advance_by(start, cost, self.backlogged_weight);
    }

    fn advance_by(&mut self, start: Virtual, cost: CapacityNanos, sharing: u64) {
        let fluid = Virtual::served(cost, u32::try_from(sharing).unwrap_or(u32::MAX));
        self.advance(start.max(self.clock + fluid));
    }

    fn correct(&mut self, flow: Flow, was: CapacityNanos, is: CapacityNanos) {
        let known = self.find(flow.id);
        if is <= was && known.is_none() {
            return;
        }
        let id = known.unwrap_or_else(|| self.flow(flow));
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

    pub(crate) fn find(&self, flow: u64) -> Option<u32> {
        self.index.find(hash(flow, 0), |id| self.flows[id].flow.id == flow)
    }

    /// Finds the flow's state, or makes it anew, with no debt and no credit.
    fn flow(&mut self, flow: Flow) -> u32 {
        if let Some(id) = self.find(flow.id) {
            return id;
        }
        let flow = Flow { id: flow.id, weight: flow.weight.max(1) };
        let (start, finish) = (self.clock, self.clock);
        let lanes = FlowLanes::None;
        let id = self.flows.insert(FlowQueue { flow, start, finish, lanes, calls: 0 });
        self.index.insert(hash(flow.id, 0), id);
        id
    }

    /// Puts a backlogged flow where its tag and its first call belong.
    fn place(&mut self, id: u32) {
        let queue = &self.flows[id];
        if let Some((ticket, _)) = queue.lanes.first() {
            self.backlogged.set(id, (queue.start, ticket.number));
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
            self.index.remove(hash(queue.flow.id, 0), id);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_are_served_once_are_forgotten_when_their_debts_are_worked_off() {
        let (second, at) = (CapacityNanos(1_000_000_000), Priority(0));
        let mut order = Order::new(&[1], Instant::EPOCH);
        let ticket = |number| Ticket { arrived: Instant::EPOCH, number };
        for id in 0..1_000 {
            let (flow, ticket) = (Flow { id, weight: 1 }, ticket(id));
            let place = order.insert(Instant::EPOCH, (7, 1, ticket), at, flow);
            order.charge_lane(at, place, second);
            order.remove(Instant::EPOCH, at, place, (1, ticket));
            order.charge(at, Flow { id: id + 5_000, weight: 3 }, second);
            assert!(order.classes[0].flows.len() <= 4, "{}", order.classes[0].flows.len());
        }
        let (flow, other) = (Flow { id: 0, weight: 3 }, Flow { id: 1, weight: 3 });
        let place = order.insert(Instant::EPOCH, (7, 1, ticket(2_000)), at, other);
        (0..9).for_each(|_| order.charge(at, flow, second));
        assert!(order.classes[0].find(0).is_some(), "it owes");
        order.remove(Instant::EPOCH, at, place, (1, ticket(2_000)));
        order.insert(Instant::from_millis(100_000), (7, 1, ticket(2_001)), at, other);
        assert_eq!(order.classes[0].flows.len(), 1, "nobody waited, and debts were worked off");
    }
}
