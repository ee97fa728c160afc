//! When a waiting call should start, from what is ahead of it and how long calls take.
//!
//! At one limit, in its capacity-nanoseconds: the calls of its own flow ahead of it; of the other
//! flows of its priority what they are served until its own start tag comes up, and no more than
//! they have; of the other priorities likewise. That is the fluid model of the order's fair
//! queueing, read at one moment: later arrivals of others make it come true later, and those who
//! give up make it sooner. Claims, reserved slots and loans are not foreseen.

use crate::budget::Answer;
use crate::call::{Flow, Priority};
use crate::engine::{Asked, Engine};
use crate::order::Order;
use crate::time::Instant;
use crate::units::{CapacityNanos, Virtual};

impl Order {
    /// What will be served before a call of this priority and flow that has `own` calls of its
    /// flow ahead of it, and until a place is free for it; `None` while nothing is known of what
    /// calls cost.
    pub(crate) fn work_ahead(&self, at: Priority, flow: Flow, own: u64) -> Option<CapacityNanos> {
        let class = self.classes.get(usize::from(at.0))?;
        let known = self.classes.iter().map(|class| class.mean_cost.0).filter(|mean| *mean > 0);
        let any = known.max()?;
        let mean_of = |mean: CapacityNanos| if mean.0 > 0 { mean.0 } else { any };
        let mean = mean_of(class.mean_cost);

        let queue = class.find(flow.id).map(|id| &class.flows[id]);
        let weight = queue.map_or(flow.weight.max(1), |queue| queue.flow.weight);
        let of_flow = queue.map_or(0, |queue| u64::from(queue.calls));
        let own = CapacityNanos(own.saturating_mul(mean));
        let start = queue.map_or(class.clock, |queue| class.clock.max(queue.start));
        let lag = (start + Virtual::served(own, weight)).saturating_sub(class.clock);
        let own_weight = if of_flow > 0 { u64::from(weight) } else { 0 };
        let theirs = class.backlogged_weight.saturating_sub(own_weight);
        let others = u64::from(class.calls).saturating_sub(of_flow).saturating_mul(mean);
        let in_class = own.0.saturating_add(others.min(lag.work_of(theirs)));

        let tag =
            class.start.max(self.clock()) + Virtual::served(CapacityNanos(in_class), class.weight);
        let others = self.classes.iter().enumerate().filter(|(it, _)| *it != usize::from(at.0));
        let others = others.map(|(_, other)| {
            let has = u64::from(other.calls).saturating_mul(mean_of(other.mean_cost));
            has.min(tag.saturating_sub(other.start).work_of(u64::from(other.weight)))
        });
        let all = others.fold(in_class, u64::saturating_add);
        // And then one of those that run must end.
        Some(CapacityNanos(all.saturating_add(mean)))
    }
}

impl Engine {
    /// When a new call would start that would have to wait at `at`.
    pub(crate) fn forecast(&mut self, call: &Asked, at: u32) -> Option<Instant> {
        if !self.estimates.knows(call.tool) {
            return None;
        }
        let order = self.instances.get(at).order.as_deref()?;
        // Before one that comes again nobody of its flow is who arrived later: most of them did.
        let comes_again = call.arrived < self.now;
        let own = if comes_again { 0 } else { order.calls_of(call.priority, call.flow) };
        self.forecast_at(call.route, at, call.priority, call.flow, own)
    }

    /// When a call with `own` calls of its flow ahead of it at `at` should start.
    pub(crate) fn forecast_at(
        &mut self,
        route: u32,
        at: u32,
        priority: Priority,
        flow: Flow,
        own: u64,
    ) -> Option<Instant> {
        let order = self.instances.get(at).order.as_deref()?;
        let ahead = order.work_ahead(priority, flow, own);
        let answer = self.instances.answer_all(self.routes.get(route), priority, self.now);
        let served =
            ahead.map(|it| self.now.saturating_add(core::time::Duration::from_nanos(it.0)));
        match answer {
            Answer::At(ready) => Some(served.map_or(ready, |served| served.max(ready))),
            Answer::Ready | Answer::OnRelease | Answer::InLine => served,
            Answer::Paused | Answer::Never => None,
        }
    }
}
