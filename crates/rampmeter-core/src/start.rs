//! A waiting call starts, and a running one ends.

use core::time::Duration;

use crate::call::{Outcome, Priority, ToolId};
use crate::decision::{Output, Outputs};
use crate::engine::Engine;
use crate::lane::{NONE, Record, Running};
use crate::route::Take;
use crate::time::Instant;
use crate::units::CapacityNanos;

impl Engine {
    /// All of a waiting call's limits have room for it.
    pub(crate) fn start(&mut self, call: u32, gap: Option<(u32, Instant)>, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let (lane_id, tool, nest) = (waiting.lane, waiting.tool, waiting.nest);
        let deadline = waiting.deadline;
        let lane = self.lanes.get(lane_id);
        let (route, flow, priority, kin) = (lane.route, lane.flow, lane.priority, lane.kin);
        let own = lane.own();
        let (watch, flow_at) = (lane.watch, lane.flow_at);
        let estimate_nanos = self.estimates.mean_nanos(tool);
        let mut paced = false;
        if nest == NONE {
            self.instances.budgets.take(self.routes.get(route).takes(), priority, self.now);
        } else {
            self.take_nested(nest, route, priority);
        }
        if self.by_outcome {
            self.probes_start(route, out);
        }
        let ends = self.now.saturating_add(Duration::from_nanos(estimate_nanos));
        let mut charged = 0;
        for (index, draw) in self.routes.get(route).draws().iter().enumerate() {
            let instance = self.instances.get_mut(draw.instance);
            if nest == NONE {
                paced |= instance.out_if_cooling(self.now, &mut self.random);
            }
            if instance.is_quiet() {
                continue;
            }
            let cost = self.cost(route, index, nest, estimate_nanos);
            let instance = self.instances.get_mut(draw.instance);
            let order = instance.order.as_deref_mut();
            if let Some(order) = order.filter(|_| instance.watchers > 0) {
                if draw.instance == watch {
                    order.charge_lane(priority, flow_at, cost);
                } else {
                    order.charge(priority, flow, cost);
                }
                charged |= 1 << index;
            }
            if let Some(tracked) = instance.ends.as_deref_mut() {
                let takes = self.routes.get(route).takes_of(*draw).iter();
                let slots = takes.filter(|take| Some(take.budget) == instance.slots);
                let slots = slots.map(|take| self.nests.owned(nest, take)).sum();
                tracked.add(call, ends, slots);
            }
        }
        self.routes.share(route);
        self.patience.started(call, kin, self.now, self.config.patience);
        self.unwait(call, out);
        if let Some((claim, until)) = gap {
            self.backfilled(claim, call, until);
        }
        self.calls[call] = Record::Running(Running {
            route,
            nest,
            flow,
            started: self.now,
            deadline,
            estimate_nanos,
            charged,
            tool,
            priority,
            own,
            backfills: gap.map_or(NONE, |(claim, _)| claim),
            settled: false,
            paced,
        });
        out.push(Output::Granted(self.calls.id(call)));
    }

    /// What one of a running call's draws costs if it holds its slots for so long. Slots that are
    /// lent to it are paid for by the lender.
    pub(crate) fn cost(
        &self,
        route: u32,
        draw: usize,
        nest: u32,
        held_nanos: u64,
    ) -> CapacityNanos {
        let route = self.routes.get(route);
        let takes = route.takes_of(route.draws()[draw]);
        if nest == NONE {
            return self.instances.budgets.cost(takes, held_nanos);
        }
        let costs = takes.iter().map(|take| {
            let own = Take { amount: self.nests.owned(nest, take), ..*take };
            self.instances.budgets.cost(&[own], held_nanos)
        });
        costs.max().unwrap_or_default()
    }

    /// A running call that nobody waits for, that makes no calls, and from which no limit learns.
    #[inline]
    pub(crate) fn is_plain(&self, running: &Running) -> bool {
        running.charged == 0 && self.contended == 0 && running.nest == NONE && !self.by_outcome
    }

    /// A running call's record has been taken out: gives back what it held, corrects what its
    /// flow was charged, and marks where others wait for it. Of a plain call the two steps that
    /// there are are written out where it ends, so that no more of its record is looked at.
    #[inline(never)]
    pub(crate) fn end(
        &mut self,
        call: u32,
        running: &Running,
        outcome: Outcome,
        out: &mut Outputs,
    ) {
        let resized = self.by_outcome && self.learn(running, outcome, out);
        let took = self.has_taken(running.tool, running.started, outcome);
        if running.charged != 0 || self.contended != 0 {
            self.settle_accounts(call, running, took, outcome, out);
        }
        if running.nest == NONE {
            self.gives_back(running.route, running.priority);
        } else {
            self.ends_as_caller(running.nest, running.route);
            self.give_nested(running.nest, running.route, running.priority);
            self.release_route(running.route);
        }
        if resized {
            self.break_cycles(out);
        }
    }

    /// A call that has started then ends now; returns what it took.
    #[inline(always)]
    pub(crate) fn has_taken(&mut self, tool: ToolId, started: Instant, outcome: Outcome) -> u64 {
        let took = self.now.as_nanos().saturating_sub(started.as_nanos());
        if outcome != Outcome::Cancelled {
            self.estimates.learn(tool, took);
        }
        took
    }

    /// A call without a lineage gives back what its route says.
    #[inline(always)]
    pub(crate) fn gives_back(&mut self, id: u32, priority: Priority) {
        let (route, unused) = self.routes.release(id);
        self.instances.budgets.give(route.takes(), priority);
        if unused {
            self.keep_route(id);
        }
    }

    fn settle_accounts(
        &mut self,
        call: u32,
        running: &Running,
        took: u64,
        outcome: Outcome,
        out: &mut Outputs,
    ) {
        if running.backfills != NONE {
            self.end_backfill(call, running.backfills);
        }
        let ends = running.started.saturating_add(Duration::from_nanos(running.estimate_nanos));
        for index in 0..self.routes.get(running.route).draws().len() {
            let draw = self.routes.get(running.route).draws()[index];
            let charged = running.charged & (1 << index) != 0;
            let costs = charged.then(|| {
                let was = self.cost(running.route, index, running.nest, running.estimate_nanos);
                (was, self.cost(running.route, index, running.nest, took))
            });
            let instance = self.instances.get_mut(draw.instance);
            if let (Some(order), Some((was, is))) = (instance.order.as_deref_mut(), costs) {
                order.correct(running.priority, running.flow, was, is);
            }
            if let Some(tracked) = instance.ends.as_deref_mut() {
                tracked.remove(call, ends);
            }
            self.mark(draw.instance);
        }
        if running.paced {
            for at in 0..self.routes.get(running.route).draws().len() {
                let id = self.routes.get(running.route).draws()[at].instance;
                self.back_where_cooling(id, running, outcome, out);
            }
        }
    }
}
