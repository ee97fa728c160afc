//! Reserve and settle: a call is charged an estimate when it starts, and the truth once it is known.
//!
//! The correction goes into the window that was charged, also when that is another one than the
//! present: what a call took in the last minute says nothing about this one. A call that is never
//! settled keeps its charge.

use crate::budget::Budget;
use crate::call::{CallId, Cost, ToolId, Unit};
use crate::config::Counts;
use crate::decision::Outputs;
use crate::engine::Engine;
use crate::lane::{Record, Running};
use crate::time::Instant;

impl Engine {
    /// A running call took so much, whatever it was charged. Units that are not named keep their
    /// charge; of one that is named twice the first counts. Says whether `id` named a running call
    /// that was not settled before.
    pub fn settle(&mut self, now: Instant, id: CallId, costs: &[Cost], out: &mut Outputs) -> bool {
        self.begin(now, out);
        let Some(index) = self.calls.resolve(id) else { return false };
        let Some(Record::Running(running)) = self.calls.get_mut(index) else { return false };
        if core::mem::replace(&mut running.settled, true) {
            return false;
        }
        let running = *running;
        for cost in costs {
            self.estimates.learn_amount(running.tool, *cost);
        }
        for at in 0..self.routes.get(running.route).draws().len() {
            self.settle_draw((id, &running), at, costs);
        }
        self.pump(out);
        true
    }

    /// What a call of the tool should take of a unit: nineteen of twenty of those that were settled
    /// took no more. `None` if none was.
    pub fn expected(&mut self, tool: ToolId, unit: Unit) -> Option<u64> {
        self.estimates.amount(tool, unit)
    }

    fn settle_draw(&mut self, (id, running): (CallId, &Running), at: usize, costs: &[Cost]) {
        let route = self.routes.get(running.route);
        let draw = route.draws()[at];
        let mut takes = route.takes_of(draw).to_vec();
        let mut changed = false;
        for take in &mut takes {
            let Budget::Rate(rate) = self.instances.budgets.one_mut(take.budget) else { continue };
            let Counts::Unit(unit) = rate.counts else { continue };
            let Some(cost) = costs.iter().find(|cost| cost.unit == unit) else { continue };
            if cost.amount != take.amount {
                let call = (id, running.started);
                rate.settle(take.amount, cost.amount, call, self.now);
                (take.amount, changed) = (cost.amount, true);
            }
        }
        if !changed {
            return;
        }
        if running.charged & (1 << at) != 0 {
            let held = running.estimate_nanos;
            let was = self.cost(running.route, at, running.nest, held);
            let is = self.instances.budgets.cost(&takes, held);
            if let Some(order) = self.instances.get_mut(draw.instance).order.as_deref_mut() {
                order.correct(running.priority, running.flow, was, is);
            }
        }
        self.mark(draw.instance);
    }
}
