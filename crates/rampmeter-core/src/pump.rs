//! What follows from an input: expiries, and starts of waiting calls.
//!
//! A lane waits at one instance, one that refused it, as a watched literal does in a SAT solver.
//! Whenever an instance may have gained room it is marked, and looked at: its claimant first,
//! then the lane whose turn it is. Such a call starts, or is blocked here (and then nothing else
//! starts here), or is blocked at another instance, and its lane moves there.
//!
//! Work per input is bounded; what is left stays marked, and `next_moment` says "now".

use crate::budget::Answer;
use crate::call::{LimitId, Outcome};
use crate::decision::{Output, Outputs, Refusal, Retry};
use crate::engine::{Asked, Engine};
use crate::lane::{Departure, Record, Running};
use crate::order::Order;
use crate::time::Instant;

/// Calls looked at per input before the rest is carried on.
const LOOKS_PER_INPUT: u32 = 256;

/// Where a waiting call stands.
enum Look {
    Started,
    /// Blocked at the instance that was looked at, for good or until the moment.
    Stays(Option<Instant>),
    /// Blocked at another instance.
    Moves(u32),
}

impl Engine {
    /// Takes in the time: what is due is done before the input itself. Time never runs backwards.
    pub(crate) fn begin(&mut self, now: Instant, out: &mut Outputs) {
        self.now = self.now.max(now);
        // Whatever time can change belongs to a call that waits.
        if self.waiting == 0 {
            return;
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        let expiry = self.expiries.peek().map(|((at, _), _)| at);
        let wake = self.wakes.peek().map(|(at, _)| at);
        if due(expiry) || due(wake) || due(self.patience.next()) {
            self.expire_due(out);
            self.rescue();
            while let Some((at, instance)) = self.wakes.peek() {
                if at > self.now {
                    break;
                }
                self.wakes.remove(instance);
                self.mark(instance);
            }
            self.pump(out);
        }
    }

    /// Looks at the instances that were marked, until none is or the work is enough.
    pub(crate) fn pump(&mut self, out: &mut Outputs) {
        let mut looks = LOOKS_PER_INPUT;
        while let Some(instance) = self.dirty.pop_front() {
            self.instances.unmark(instance);
            if !self.look_at(instance, &mut looks, out) {
                self.instances.get_mut(instance).dirty = true;
                self.dirty.push_front(instance);
                return;
            }
        }
    }

    /// Looks at the instance where a new call waits.
    pub(crate) fn pump_for(&mut self, call: u32, out: &mut Outputs) {
        if let Some(Record::Waiting(waiting)) = self.calls.get(call) {
            let watch = self.lanes.get(waiting.lane).watch;
            self.mark(watch);
        }
        self.pump(out);
    }

    /// Notes that an instance may have gained room.
    pub(crate) fn mark(&mut self, id: u32) {
        let instance = self.instances.get_mut(id);
        if !instance.dirty && instance.watchers > 0 {
            instance.dirty = true;
            self.dirty.push_back(id);
        }
    }

    /// Starts what can start at one instance; `false` if the work is enough for now.
    fn look_at(&mut self, id: u32, looks: &mut u32, out: &mut Outputs) -> bool {
        self.wakes.remove(id);
        loop {
            let Some(next) = self.instances.order(id).and_then(Order::pick) else { return true };
            let first = self.lanes.get(next).first;
            let claimant = self.instances.get_mut(id).claim.map(|claim| claim.call);
            let claimant = claimant.filter(|call| self.watches(*call, id));
            for call in claimant.into_iter().chain((claimant != Some(first)).then_some(first)) {
                if *looks == 0 {
                    return false;
                }
                *looks -= 1;
                match self.look(call, id, out) {
                    Look::Started => break,
                    Look::Moves(to) => {
                        self.turn_away(call, id, to, out);
                        break;
                    }
                    Look::Stays(until) => {
                        if let Some(until) = until {
                            let key = self.wakes.key(id).map_or(until, |at| at.min(until));
                            self.wakes.set(id, key);
                        }
                        if call == first {
                            self.claim_if_passed_over(call, id);
                            return true;
                        }
                    }
                }
            }
        }
    }

    /// Tries to start one waiting call.
    fn look(&mut self, call: u32, at: u32, out: &mut Outputs) -> Look {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return Look::Started };
        if waiting.expires <= self.now {
            self.expire(call, out);
            return Look::Started;
        }
        let route = self.lanes.get(waiting.lane).route;
        match self.blocked(route, waiting.claim_age, at) {
            None => {
                self.start(call, out);
                Look::Started
            }
            Some((by, answer)) if by == at => {
                let until = if let Answer::At(until) = answer { Some(until) } else { None };
                if until.is_some() {
                    self.yield_claims(call, at);
                }
                Look::Stays(until)
            }
            Some((by, _)) => Look::Moves(by),
        }
    }

    /// What keeps a waiting call from starting: `at` if that does, else another instance.
    fn blocked(&mut self, route: u32, age: u64, at: u32) -> Option<(u32, Answer)> {
        let mut other = None;
        for index in 0..self.routes.get(route).draws().len() {
            let route_data = self.routes.get(route);
            let draw = route_data.draws()[index];
            if other.is_some() && draw.instance != at {
                continue;
            }
            let takes = route_data.takes_of(draw);
            let mut answer = self.instances.budgets.answer(takes, self.now);
            if answer == Answer::Ready
                && self.instances.get(draw.instance).claim.is_some_and(|claim| claim.age < age)
                && self.withheld(route, draw.instance)
            {
                answer = Answer::OnRelease;
            }
            if answer != Answer::Ready {
                if draw.instance == at {
                    return Some((at, answer));
                }
                other = Some((draw.instance, answer));
            }
        }
        other
    }

    /// All of a waiting call's limits have room for it.
    fn start(&mut self, call: u32, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let (lane, tool) = (self.lanes.get(waiting.lane).clone(), waiting.tool);
        let estimate_nanos = self.estimates.nanos(tool);
        let mut charged = 0;
        let route = self.routes.get(lane.route);
        self.instances.budgets.take(route.takes(), self.now);
        for (index, draw) in route.draws().iter().enumerate() {
            let cost = self.instances.budgets.cost(route.takes_of(*draw), estimate_nanos);
            let instance = self.instances.get_mut(draw.instance);
            let order = instance.order.as_deref_mut();
            if let Some(order) = order.filter(|_| instance.watchers > 0) {
                order.charge(lane.priority, lane.flow, cost);
                charged |= 1 << index;
            }
        }
        self.routes.share(lane.route);
        self.patience.started(call, self.now, &self.calls);
        self.unwait(call, out);
        self.calls[call] = Record::Running(Running {
            route: lane.route,
            tool,
            priority: lane.priority,
            flow: lane.flow,
            started: self.now,
            estimate_nanos,
            charged,
        });
        out.push(Output::Granted(self.calls.id(call)));
    }

    /// A running call's record has been taken out: gives back what it held, corrects what its
    /// flow was charged, and marks where others wait for it.
    pub(crate) fn end(&mut self, running: &Running, outcome: Outcome) {
        let took = self.now.as_nanos().saturating_sub(running.started.as_nanos());
        if outcome != Outcome::Cancelled {
            self.estimates.learn(running.tool, took);
        }
        let route = self.routes.get(running.route);
        self.instances.budgets.give(route.takes());
        if running.charged != 0 || self.contended != 0 {
            for (index, draw) in route.draws().iter().enumerate() {
                let takes = route.takes_of(*draw);
                let was = self.instances.budgets.cost(takes, running.estimate_nanos);
                let is = self.instances.budgets.cost(takes, took);
                let instance = self.instances.get_mut(draw.instance);
                let order = instance.order.as_deref_mut();
                if let Some(order) = order.filter(|_| running.charged & (1 << index) != 0) {
                    order.correct(running.priority, running.flow, was, is);
                }
                if instance.watchers > 0 && !instance.dirty {
                    instance.dirty = true;
                    self.dirty.push_back(draw.instance);
                }
            }
        }
        self.release_route(running.route);
    }

    fn expire_due(&mut self, out: &mut Outputs) {
        for _ in 0..LOOKS_PER_INPUT {
            match self.expiries.peek() {
                Some(((at, _), call)) if at <= self.now => self.expire(call, out),
                _ => return,
            }
        }
    }

    /// A waiting call's time is up.
    fn expire(&mut self, call: u32, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let watch = self.lanes.get(waiting.lane).watch;
        let reason = waiting.expires_by.reason();
        let limit = Some(LimitId(self.instances.get(watch).limit));
        let id = self.calls.id(call);
        self.unwait(call, out);
        self.calls.remove(call);
        out.push(Output::Refused(id, Refusal { reason, limit, retry: Retry::OnRelease }));
    }

    /// Takes a waiting call out of everything that refers to it, except its record.
    pub(crate) fn unwait(&mut self, call: u32, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return };
        let gone = waiting.clone();
        let lane = self.lanes.get(gone.lane).clone();
        self.waiting -= 1;
        self.expiries.remove(call);
        for draw in self.routes.get(lane.route).draws() {
            self.instances.get_mut(draw.instance).queued -= 1;
        }
        self.patience.leave(call, lane.priority, lane.flow, &mut self.calls);
        self.drop_claims(call, lane.route, &gone);
        match self.lanes.depart(&gone, &mut self.calls) {
            Departure::Within => {}
            Departure::NewFirst(ticket) => {
                if let Some(order) = self.instances.get_mut(lane.watch).order.as_deref_mut() {
                    order.retarget(gone.ticket, ticket, lane.priority, lane.flow);
                }
                self.mark(lane.watch);
            }
            Departure::Last => self.leave(lane.watch, &lane, gone.ticket, out),
        }
        self.release_route(lane.route);
    }

    /// Opens the lane of a new waiting call at an instance.
    pub(crate) fn open_lane(
        &mut self,
        call: &Asked,
        at: u32,
        first: u32,
        ticket: u64,
        out: &mut Outputs,
    ) {
        let lane = self.lanes.open(call.route, call.priority, call.flow, at);
        if let Some(Record::Waiting(waiting)) = self.calls.get_mut(first) {
            waiting.lane = lane;
        }
        self.lanes.append(lane, first, &mut self.calls);
        self.join(at, lane, ticket, out);
    }

    /// A call's turn came at `at`, but `by` is in the way: its lane waits there. The first time
    /// that is all; from the second time on it claims what it needs here, so that it cannot be
    /// passed from one limit to the other for ever.
    fn turn_away(&mut self, call: u32, at: u32, by: u32, out: &mut Outputs) {
        let Some(Record::Waiting(waiting)) = self.calls.get_mut(call) else { return };
        let (lane_id, ticket) = (waiting.lane, waiting.ticket);
        if core::mem::replace(&mut waiting.turned_away, true) {
            self.claim(call, at);
        }
        let lane = self.lanes.get(lane_id).clone();
        self.leave(at, &lane, ticket, out);
        self.lanes.set_watch(lane_id, by);
        self.join(by, lane_id, ticket, out);
        self.mark(by);
    }

    /// A lane begins to wait at an instance.
    fn join(&mut self, at: u32, lane_id: u32, ticket: u64, out: &mut Outputs) {
        let lane = self.lanes.get(lane_id);
        self.contended += 1;
        let instance = self.instances.get_mut(at);
        instance.watchers += 1;
        if instance.watchers == 1 {
            out.push(Output::Saturated { limit: LimitId(instance.limit), saturated: true });
        }
        let (weights, now) = (&self.config.priorities, self.now);
        let order = instance.order.get_or_insert_with(|| Order::new(weights, now).into());
        order.insert(now, lane_id, ticket, lane.priority, lane.flow);
    }

    /// A lane no longer waits at an instance. Those behind it may go.
    fn leave(&mut self, at: u32, lane: &crate::lane::Lane, ticket: u64, out: &mut Outputs) {
        let instance = self.instances.get_mut(at);
        if let Some(order) = instance.order.as_deref_mut() {
            order.remove(self.now, ticket, lane.priority, lane.flow);
        }
        instance.watchers -= 1;
        self.contended -= 1;
        if instance.watchers == 0 {
            out.push(Output::Saturated { limit: LimitId(instance.limit), saturated: false });
            // Nobody is left to wake, and the instance may be collected before the moment.
            self.wakes.remove(at);
        }
        self.mark(at);
    }

    fn watches(&self, call: u32, instance: u32) -> bool {
        match self.calls.get(call) {
            Some(Record::Waiting(waiting)) => self.lanes.get(waiting.lane).watch == instance,
            _ => false,
        }
    }
}
