//! The decision on a call that comes: it starts, waits, or is refused.

use crate::budget::Answer;
use crate::call::{CallId, LimitId, Priority};
use crate::decision::{Decision, Output, Outputs, Reason, Refusal, Retry};
use crate::engine::{Asked, Engine, Otherwise, refused};
use crate::expiry::Links;
use crate::lane::{ExpiresBy, LaneKey, NONE, Record, Running, Waiting};
use crate::nest::Parent;
use crate::queue::Comes;
use crate::route::Take;
use crate::ticket::Ticket;
use crate::time::{Instant, nanos};

/// How a call that is about to wait would end its wait.
#[derive(Clone, Copy, Debug)]
struct Until {
    expires: Instant,
    by: ExpiresBy,
}

impl Engine {
    /// Decides on a call whose route has been acquired for it.
    #[inline]
    pub(crate) fn decide(
        &mut self,
        call: &Asked,
        parent: Parent,
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        if parent.nest == NONE && self.contended == 0 && call.deadline > self.now {
            let takes = self.routes.get(call.route).takes();
            let budgets = &mut self.instances.budgets;
            if budgets.try_take(takes, call.priority, self.now) {
                return Decision::Granted(self.run_at_once(call, false));
            }
        }
        // A copy, so that what is asked is in memory only from here on.
        let call = *call;
        self.decide_in_turn(&call, parent, otherwise, out)
    }

    /// Others wait, or there is no room, or a running call has made it, or it comes too late.
    #[inline(never)]
    pub(crate) fn decide_in_turn(
        &mut self,
        call: &Asked,
        parent: Parent,
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        if call.deadline <= self.now {
            self.release_route(call.route);
            return refused(Reason::Deadline, None, Retry::Never);
        }
        let nested = parent.nest != NONE;
        let open = self.contended > 0 && self.by_outcome;
        if let Some(refusal) = open.then(|| self.refusal_as_open(call.route, nested)).flatten() {
            self.release_route(call.route);
            return Decision::Refused(refusal);
        }
        match self.obstacle(call, parent).or_else(|| self.alike(call, parent)) {
            Some(block) => self.decide_to_wait(call, parent, block, otherwise, out),
            None => {
                if open {
                    self.probes_start(call.route, out);
                }
                Decision::Granted(self.grant_at_once(call, parent))
            }
        }
    }

    /// What keeps a new call from starting at once: a limit without room or paused, or one at
    /// which others wait, in whose order it must take its place.
    #[inline]
    fn obstacle(&mut self, call: &Asked, parent: Parent) -> Option<(u32, Answer)> {
        if parent.nest != NONE {
            return self.nested_obstacle(call, parent);
        }
        let (now, priority) = (self.now, call.priority);
        let route = self.routes.get(call.route);
        if let Some(at) = self.instances.budgets.obstacle(route.takes(), priority, now) {
            let draw = route.draw_at(at)?;
            let takes = route.takes_of(draw);
            return Some((
                draw.instance,
                self.instances.answer(draw.instance, takes, priority, now),
            ));
        }
        if self.contended == 0 {
            return None;
        }
        route.draws().iter().find_map(|draw| {
            let standing = self.instances.standing(draw.instance, false, now);
            if standing != Answer::Ready {
                return Some((draw.instance, standing));
            }
            let instance = self.instances.get(draw.instance);
            if let Some(line) = &instance.line {
                let ticket = Ticket::last_of(call.arrived);
                let behind = line.first_before(ticket, route.is_alone(*draw)).is_some();
                return behind.then_some((draw.instance, Answer::InLine));
            }
            let in_the_way = instance.watchers > 0 || instance.claim != NONE;
            // Who takes nothing needs no turn.
            let takes = || route.takes_of(*draw).iter().any(|take| take.amount > 0);
            (in_the_way && takes()).then_some((draw.instance, Answer::OnRelease))
        })
    }

    /// The same for a call made by a running call: claims do not bind it, and where its caller's
    /// slots are enough it has nothing to wait for.
    #[cold]
    fn nested_obstacle(&mut self, call: &Asked, parent: Parent) -> Option<(u32, Answer)> {
        for index in 0..self.routes.get(call.route).draws().len() {
            let route = self.routes.get(call.route);
            let draw = route.draws()[index];
            let takes = route.takes_of(draw);
            let (at, lineage) = (draw.instance, (&self.nests, parent.nest));
            let answer = self.instances.answer_nested(at, takes, call.priority, lineage, self.now);
            if answer != Answer::Ready {
                return Some((at, answer));
            }
            let instance = self.instances.get(at);
            let budgets = &self.instances.budgets;
            let shares =
                takes.iter().any(|it| budgets.beyond_loan(it, &self.nests, parent.nest).0 > 0);
            if instance.watchers > 0 && instance.line.is_none() && shares {
                return Some((draw.instance, Answer::OnRelease));
            }
        }
        None
    }

    /// Calls that are alike start in the order in which they came, also those that take nothing.
    fn alike(&self, call: &Asked, parent: Parent) -> Option<(u32, Answer)> {
        let Asked { route, priority, flow, .. } = *call;
        let Parent { caller, raised, .. } = parent;
        let key = LaneKey { route, priority, flow, caller, raised };
        let lane = self.lanes.find(&key)?;
        Some((self.lanes.get(lane).watch, Answer::OnRelease))
    }

    fn grant_at_once(&mut self, call: &Asked, parent: Parent) -> CallId {
        if parent.nest == NONE {
            let takes = self.routes.get(call.route).takes();
            self.instances.budgets.take(takes, call.priority, self.now);
            let paced = self.contended > 0 && self.out_where_cooling(call.route);
            return self.run_at_once(call, paced);
        }
        let id = self.run_at_once(call, false);
        let nest = self.adopt(id.index, parent);
        self.take_nested(nest, call.route, call.priority);
        if let Some(Record::Running(running)) = self.calls.get_mut(id.index) {
            running.nest = nest;
            running.own = parent.raised.own(call.priority);
        }
        id
    }

    /// A call runs that never waited; what it takes has been taken.
    #[inline]
    pub(crate) fn run_at_once(&mut self, call: &Asked, paced: bool) -> CallId {
        self.calls.insert_named(Record::Running(Running {
            route: call.route,
            nest: NONE,
            flow: call.flow,
            started: self.now,
            deadline: call.deadline,
            estimate_nanos: 0,
            charged: 0,
            tool: call.tool,
            priority: call.priority,
            own: call.priority,
            backfills: NONE,
            settled: false,
            paced,
        }))
    }

    /// A call that cannot start at once waits, unless it shall not, or that would be of no use.
    fn decide_to_wait(
        &mut self,
        call: &Asked,
        parent: Parent,
        (at, answer): (u32, Answer),
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        let timed_out = self.now.saturating_add(call.may_wait);
        let deadline = call.deadline;
        let expires = deadline.min(timed_out);
        let by = if deadline <= timed_out { ExpiresBy::Deadline } else { ExpiresBy::QueueTimeout };
        let until = Until { expires, by };
        let own = parent.raised.own(call.priority);
        let refusal = self
            .never_fits(call, own)
            .or_else(|| self.refusal_without_wait(call, (at, answer), otherwise, until))
            .or_else(|| self.refusal_as_shut(call, parent.nest != NONE, until))
            .or_else(|| self.refusal_as_pressed(call, (at, parent.nest != NONE), expires))
            .or_else(|| self.refusal_as_deadlock(call, parent, at))
            .or_else(|| {
                let (route, flow) = (call.route, call.flow);
                let ticket = Ticket::last_of(call.arrived);
                self.make_room(&Comes { route, priority: own, flow, ticket }, out)
            });
        if let Some(refusal) = refusal {
            self.release_route(call.route);
            // What was evicted may have left room for others.
            self.pump(out);
            return Decision::Refused(refusal);
        }
        let index = self.wait(call, parent, at, until, out);
        let id = self.calls.id(index);
        if self.is_first(index) {
            self.pump_for(index, out);
        } else {
            // Behind another in its lane it has no other answer than that one.
            self.pump(out);
        }
        match self.calls.resolve(id).and_then(|index| self.calls.get(index)) {
            Some(Record::Waiting(_)) => Decision::Waiting(id),
            // The decision is the answer; it is not said twice.
            _ => said(id, out),
        }
    }

    /// The limit of which the call asks for more than its priority ever gets.
    fn never_fits(&self, call: &Asked, own: Priority) -> Option<Refusal> {
        let route = self.routes.get(call.route);
        let mut takes = route.takes().iter();
        let too_large =
            takes.position(|take| take.amount > self.instances.budgets.most(take, Some(own)))?;
        let draw = route.draw_at(too_large)?;
        let limit = Some(LimitId(self.instances.get(draw.instance).limit));
        Some(Refusal { reason: Reason::TooLarge, limit, retry: Retry::Never })
    }

    fn refusal_without_wait(
        &mut self,
        call: &Asked,
        (at, answer): (u32, Answer),
        otherwise: Otherwise,
        until: Until,
    ) -> Option<Refusal> {
        let limit = Some(LimitId(self.instances.get(at).limit));
        let retry = match answer {
            Answer::At(at) => Retry::At(at),
            Answer::Never => Retry::Never,
            Answer::Paused => Retry::OnResume,
            Answer::Ready | Answer::OnRelease | Answer::InLine => Retry::OnRelease,
        };
        if otherwise == Otherwise::Refuse {
            return Some(Refusal { reason: Reason::WouldWait, limit, retry });
        }
        if let Answer::At(at) = answer
            && at >= until.expires
        {
            return Some(Refusal { reason: until.by.reason(), limit, retry });
        }
        if until.by == ExpiresBy::Deadline && answer != Answer::Paused {
            let start = self.forecast(call, at)?;
            if start > until.expires {
                let (reason, retry) = (Reason::Deadline, Retry::At(start));
                return Some(Refusal { reason, limit, retry });
            }
        }
        None
    }

    /// Wherever it would wait: another of its limits lets nobody start as long as it may wait.
    fn refusal_as_shut(&self, call: &Asked, nested: bool, until: Until) -> Option<Refusal> {
        let route = self.routes.get(call.route);
        route.draws().iter().find_map(|draw| {
            let at = self.shut_until(draw.instance, route.takes_of(*draw), nested)?;
            let limit = Some(LimitId(self.instances.get(draw.instance).limit));
            let (reason, retry) = (until.by.reason(), Retry::At(at));
            (at >= until.expires).then_some(Refusal { reason, limit, retry })
        })
    }

    /// Until when an instance cools down or is open, or a quota that is taken of is spent.
    fn shut_until(&self, instance: u32, takes: &[Take], nested: bool) -> Option<Instant> {
        let standing = match self.instances.standing(instance, nested, self.now) {
            Answer::At(at) => Some(at),
            _ => None,
        };
        let spent = takes.iter().filter(|take| take.amount > 0);
        let spent = spent.filter_map(|take| self.instances.budgets.spent_until(take.budget));
        spent.chain(standing).max()
    }

    fn refusal_as_deadlock(&mut self, call: &Asked, parent: Parent, at: u32) -> Option<Refusal> {
        if parent.nest == NONE || !self.would_deadlock(call, parent) {
            return None;
        }
        let first = self.cycle.iter().find(|step| step.call.is_none());
        let limit = first.and_then(|step| step.limit);
        let limit = limit.or(Some(LimitId(self.instances.get(at).limit)));
        Some(Refusal { reason: Reason::WouldDeadlock, limit, retry: Retry::OnRelease })
    }

    fn wait(
        &mut self,
        call: &Asked,
        parent: Parent,
        at: u32,
        until: Until,
        out: &mut Outputs,
    ) -> u32 {
        let ticket = Ticket { arrived: call.arrived, number: self.tickets };
        self.tickets += 1;
        let index = self.calls.insert(Record::Waiting(Waiting {
            ticket,
            expires: until.expires,
            deadline: call.deadline,
            lane: NONE,
            previous: NONE,
            next: NONE,
            expiry: Links::NOWHERE,
            claim: NONE,
            nest: NONE,
            tool: call.tool,
            expires_by: until.by,
            turned_away: false,
        }));
        for draw in self.routes.get(call.route).draws() {
            let instance = self.instances.get_mut(draw.instance);
            instance.queued += 1;
            if let Some(book) = &mut instance.book {
                book.join(parent.raised.own(call.priority), call.flow, ticket, index);
            }
        }
        self.queues_changed(call.route);
        if self.routes.get(call.route).is_keyed() {
            self.join_lines(call, ticket, index, parent.nest != NONE);
        }
        self.waiting += 1;
        let as_others = until.by == ExpiresBy::QueueTimeout;
        let may_wait = as_others.then(|| nanos(call.may_wait));
        self.expiries.join(index, (until.expires, ticket.number), may_wait, &mut self.calls);
        let Asked { route, priority, flow, .. } = *call;
        let Parent { caller, raised, .. } = parent;
        let key = LaneKey { route, priority, flow, caller, raised };
        let nest = self.adopt(index, parent);
        let known = self.lanes.find(&key);
        let lane = known.unwrap_or_else(|| self.lanes.open(&key, at, &mut self.patience));
        let first = self.lanes.get(lane).first;
        if let Some(Record::Waiting(waiting)) = self.calls.get_mut(index) {
            (waiting.lane, waiting.nest) = (lane, nest);
        }
        self.lanes.insert(lane, index, ticket, &mut self.calls);
        let (kin, watch, flow_at, is_first) = {
            let lane = self.lanes.get(lane);
            (lane.kin, lane.watch, lane.flow_at, lane.first == index)
        };
        self.patience.join(kin, call.arrived, self.now, self.config.patience);
        if first == NONE {
            self.enter(at, lane, ticket, out);
            return index;
        }
        if let Some(order) = self.instances.get_mut(watch).order.as_deref_mut() {
            order.one_more(priority, flow_at);
        }
        if is_first {
            self.stands_before(first, index);
        }
        index
    }
}

/// The answer to `id` that was just appended, taken off the buffer.
fn said(id: CallId, out: &mut Outputs) -> Decision {
    let about = |output: &Output| match output {
        Output::Granted(it) | Output::Refused(it, _) => *it == id,
        _ => false,
    };
    match out.iter().rposition(about).map(|at| out.remove(at)) {
        Some(Output::Refused(_, refusal)) => Decision::Refused(refusal),
        _ => Decision::Granted(id),
    }
}
