//! Where waiting calls wait: a lane watches one instance, one that refused it, as a watched literal
//! does in a SAT solver, and moves on when another is in the way.

use crate::budget::Answer;
use crate::call::{LimitId, Priority};
use crate::decision::{Output, Outputs, Refusal, Retry};
use crate::engine::Engine;
use crate::lane::{Departure, Lane, NO_CALLER, NONE, Record};
use crate::obstacle::{Obstacle, Waits};
use crate::order::Order;
use crate::ticket::Ticket;

/// Where a lane is found at the instance where it waits.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    lane: u32,
    watch: u32,
    priority: Priority,
    flow_at: u32,
    opened: u64,
    partial: bool,
    nested: bool,
}

impl Place {
    fn of(id: u32, lane: &Lane) -> Place {
        let Lane { watch, priority, flow_at, opened, partial, caller, .. } = *lane;
        let nested = caller != NO_CALLER;
        Place { lane: id, watch, priority, flow_at, opened, partial, nested }
    }
}

impl Engine {
    /// A waiting call's time is up.
    pub(crate) fn expire(&mut self, call: u32, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let watch = self.lanes.get(waiting.lane).watch;
        let reason = waiting.expires_by.reason();
        let instance = self.instances.get(watch);
        let limit = Some(LimitId(instance.limit));
        let nested = waiting.nest != NONE;
        let retry = match self.instances.standing(watch, nested, self.now) {
            Answer::Paused => Retry::OnResume,
            Answer::At(at) => Retry::At(at),
            _ => Retry::OnRelease,
        };
        self.refuse_waiting(call, Refusal { reason, limit, retry }, out);
    }

    /// Takes a waiting call out of everything that refers to it, except its record and, if it
    /// starts, its lineage.
    pub(crate) fn unwait(&mut self, call: u32, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let gone = waiting.clone();
        let lane = self.lanes.get(gone.lane);
        let (route, own, flow, kin) = (lane.route, lane.own(), lane.flow, lane.kin);
        let (priority, place) = (lane.priority, Place::of(gone.lane, lane));
        self.waiting -= 1;
        self.expiries.leave(call, gone.expiry, &mut self.calls);
        for draw in self.routes.get(route).draws() {
            let instance = self.instances.get_mut(draw.instance);
            instance.queued -= 1;
            if let Some(book) = &mut instance.book {
                book.leave(own, flow, gone.ticket);
            }
        }
        self.queues_changed(route);
        if self.routes.get(route).is_keyed() {
            self.leave_lines(route, gone.ticket, priority);
        }
        self.patience.leave(call, kin, self.now);
        self.drop_claims(route, &gone);
        let departure = self.lanes.depart(&gone, &mut self.calls, &mut self.patience);
        self.departed(&place, &departure, gone.ticket, out);
        if self.waiting == 0 {
            self.forget_ends();
        }
        self.release_route(route);
    }

    /// Where a lane is that a call is about to leave, or has joined.
    pub(crate) fn leaving(&self, lane: u32) -> Place {
        Place::of(lane, self.lanes.get(lane))
    }

    /// A call has left its lane; it had `ticket`.
    pub(crate) fn departed(
        &mut self,
        place: &Place,
        departure: &Departure,
        ticket: Ticket,
        out: &mut Outputs,
    ) {
        let Place { watch, priority, flow_at, .. } = *place;
        if let Departure::Last = departure {
            self.leave(place, (1, ticket), out);
            return;
        }
        let instance = self.instances.get_mut(watch);
        if let Some(order) = instance.order.as_deref_mut() {
            order.one_less(priority, flow_at);
        }
        if let Departure::NewFirst(new) = *departure {
            self.has_another_first(place, ticket, new);
        }
    }

    /// A lane whose first call had the ticket `old` has one with `new`.
    #[inline]
    fn has_another_first(&mut self, place: &Place, old: Ticket, new: Ticket) {
        let Place { lane, watch, priority, flow_at, nested, .. } = *place;
        let instance = self.instances.get_mut(watch);
        if let Some(order) = instance.order.as_deref_mut() {
            order.retarget(old, new, priority, flow_at);
        } else if let Some(line) = instance.line.as_deref_mut() {
            line.unwatch(old, lane, nested);
            line.watch(new, lane, nested);
        }
        self.mark(watch);
    }

    /// A call that came again stands before the one that was the first of its lane, and does what
    /// that one would have done next: it has its claim, and is rescued in its place.
    #[cold]
    pub(crate) fn stands_before(&mut self, first: u32, call: u32) {
        let Some(Record::Waiting(second)) = self.calls.get_mut(first) else { return };
        let claim = core::mem::replace(&mut second.claim, NONE);
        let (old, turned_away) = (second.ticket, second.turned_away);
        let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) else { return };
        (waiting.claim, waiting.turned_away) = (claim, turned_away);
        let (new, lane) = (waiting.ticket, waiting.lane);
        if let Some(claim) = self.claims.slab.get_mut(claim) {
            claim.call = call;
        }
        self.patience.pass_on(first, call);
        let place = self.leaving(lane);
        self.has_another_first(&place, old, new);
    }

    /// A call's turn came at `at`, but `to` is in the way: its lane waits there. The first time
    /// that is all; from the second time on it claims what it needs here, so that it cannot be
    /// passed from one limit to the other for ever.
    pub(crate) fn turn_away(
        &mut self,
        call: u32,
        at: u32,
        (to, by): (u32, Obstacle),
        out: &mut Outputs,
    ) {
        let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) else { return };
        let lane = waiting.lane;
        if core::mem::replace(&mut waiting.turned_away, true) {
            self.claim(call, at);
        }
        self.move_lane(lane, to, by, out);
    }

    /// A lane waits at another instance from now on, because of `by`.
    pub(crate) fn move_lane(&mut self, id: u32, to: u32, by: Obstacle, out: &mut Outputs) {
        let lane = self.lanes.get(id);
        let Some(Record::Waiting(first)) = self.calls.get(lane.first) else { return };
        let (ticket, from, claim) = (first.ticket, lane.watch, first.claim);
        let (place, call, opened) = (Place::of(id, lane), lane.first, lane.opened);
        self.leave(&place, (lane.calls, ticket), out);
        self.enter(to, id, ticket, out);
        let limit = LimitId(self.instances.get(to).limit);
        let waits = Waits { limit, lane: opened, obstacle: by };
        out.push(Output::Moved { call: self.calls.id(call), waits });
        if claim != NONE {
            self.instances.get_mut(from).claims_of_watchers.retain(|id| *id != claim);
            self.instances.get_mut(to).claims_of_watchers.push(claim);
            if self.instances.get(to).claim != NONE {
                self.claim(call, to);
            }
        }
        self.mark(to);
    }

    /// A lane begins to wait at an instance; its first call has `ticket`.
    pub(crate) fn enter(&mut self, at: u32, lane_id: u32, ticket: Ticket, out: &mut Outputs) {
        let lane = self.lanes.get(lane_id);
        self.contended += 1;
        let partial = self.routes.get(lane.route).is_partial(at);
        let instance = self.instances.get_mut(at);
        instance.watchers += 1;
        instance.partial += u32::from(partial);
        if instance.watchers == 1 {
            out.push(Output::Saturated { limit: LimitId(instance.limit), saturated: true });
        }
        if lane.caller != NO_CALLER {
            instance.nested.get_or_insert_default().lanes.insert(lane.opened, lane_id);
        }
        if let Some(line) = &mut instance.line {
            line.watch(ticket, lane_id, lane.caller != NO_CALLER);
            let lane = self.lanes.get_mut(lane_id);
            (lane.watch, lane.partial) = (at, partial);
            return;
        }
        let (weights, now) = (&self.config.priorities, self.now);
        let order = instance.order.get_or_insert_with(|| Order::new(weights, now).into());
        let flow_at = order.insert(now, (lane_id, lane.calls, ticket), lane.priority, lane.flow);
        let lane = self.lanes.get_mut(lane_id);
        (lane.watch, lane.flow_at, lane.partial) = (at, flow_at, partial);
    }

    /// A lane no longer waits at an instance. Those behind it may go.
    fn leave(&mut self, place: &Place, calls: (u32, Ticket), out: &mut Outputs) {
        let (at, now) = (place.watch, self.now);
        let instance = self.instances.get_mut(at);
        if let Some(line) = instance.line.as_deref_mut() {
            line.unwatch(calls.1, place.lane, place.nested);
        } else if let Some(order) = instance.order.as_deref_mut() {
            order.remove(now, place.priority, place.flow_at, calls);
        }
        if let Some(nested) = instance.nested.as_deref_mut() {
            nested.lanes.remove(&place.opened);
            if nested.lanes.is_empty() {
                instance.nested = None;
            }
        }
        instance.watchers -= 1;
        instance.partial -= u32::from(place.partial);
        self.contended -= 1;
        if instance.watchers == 0 {
            instance.ends = None;
            out.push(Output::Saturated { limit: LimitId(instance.limit), saturated: false });
            // Nobody is left to wake, and the instance may be collected before the moment.
            self.wakes.remove(at);
        }
        self.mark(at);
    }

    /// Whether a call waits, and is the first of its lane.
    pub(crate) fn is_first(&self, call: u32) -> bool {
        match self.calls.get(call) {
            Some(Record::Waiting(waiting)) => self.lanes.get(waiting.lane).first == call,
            _ => false,
        }
    }

    pub(crate) fn watches(&self, call: u32, instance: u32) -> bool {
        match self.calls.get(call) {
            Some(Record::Waiting(waiting)) => self.lanes.get(waiting.lane).watch == instance,
            _ => false,
        }
    }
}
