//! The engine: one decision over all of a call's limits.
//!
//! A sans-IO state machine. Every method that changes something takes `now`, returns its answer
//! and appends what follows from it to the caller's buffer. Time alone can change something only
//! at [`Engine::next_moment`]. Nothing here panics on any input.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::{Answer, Budget};
use crate::call::{Call, CallId, Flow, LimitId, Outcome, Priority, ToolId};
use crate::config::{Config, ConfigError};
use crate::decision::{Decision, Output, Outputs, Reason, Refusal, Retry};
use crate::heap::Heap;
use crate::instance::Instances;
use crate::lane::{Estimates, ExpiresBy, Lanes, Record, Running, Waiting};
use crate::patience::Patience;
use crate::route::{RouteBuilder, Routes};
use crate::slab::Slab;
use crate::time::Instant;

/// The pure state machine that decides.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) calls: Slab<Record>,
    pub(crate) routes: Routes,
    pub(crate) instances: Instances,
    pub(crate) lanes: Lanes,
    pub(crate) estimates: Estimates,
    pub(crate) patience: Patience,
    /// Waiting calls by when they expire, then by ticket.
    pub(crate) expiries: Heap<(Instant, u64)>,
    /// Instances by when time alone makes their next call ready.
    pub(crate) wakes: Heap<Instant>,
    /// Instances to look at.
    pub(crate) dirty: VecDeque<u32>,
    pub(crate) waiting: usize,
    /// Lanes and claims, wherever they are: while there is none, no call is in another's way.
    pub(crate) contended: usize,
    pub(crate) now: Instant,
    pub(crate) claims_made: u64,
    tickets: u64,
    pub(crate) builder: RouteBuilder,
}

/// A kind of call with its limits found in advance, for admissions that differ in nothing but
/// for whom and until when. Give it back with [`Engine::discard`]; until then its instances are
/// kept.
#[derive(Debug)]
pub struct Prepared(Kind);

/// What calls of one kind have in common.
#[derive(Clone, Copy, Debug)]
struct Kind {
    route: u32,
    tool: ToolId,
    /// The shortest of the queue time-out and the limits' queue ages.
    may_wait: Duration,
}

/// A call whose route has been acquired for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) route: u32,
    pub(crate) tool: ToolId,
    pub(crate) flow: Flow,
    pub(crate) priority: Priority,
    may_wait: Duration,
    deadline: Instant,
}

/// What to do with a call that cannot start now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    Wait,
    Refuse,
}

impl Engine {
    /// An engine that enforces `config`, with nothing running and nothing used.
    ///
    /// # Errors
    /// A figure that cannot be enforced: a size, rate or period of 0, or no priority at all.
    pub fn new(config: Config) -> Result<Engine, ConfigError> {
        config.check()?;
        Ok(Engine {
            instances: Instances::new(&config),
            config,
            calls: Slab::default(),
            routes: Routes::default(),
            lanes: Lanes::default(),
            estimates: Estimates::default(),
            patience: Patience::default(),
            expiries: Heap::default(),
            wakes: Heap::default(),
            dirty: VecDeque::new(),
            waiting: 0,
            contended: 0,
            now: Instant::EPOCH,
            claims_made: 1,
            tickets: 0,
            builder: RouteBuilder::default(),
        })
    }

    /// May this call start now? If not, it waits, unless it never could start or its limits'
    /// queues are full.
    pub fn admit(&mut self, now: Instant, call: &Call<'_>, out: &mut Outputs) -> Decision {
        self.decide_call(now, call, Otherwise::Wait, out)
    }

    /// May this call start now? If not, it is refused.
    pub fn try_admit(&mut self, now: Instant, call: &Call<'_>, out: &mut Outputs) -> Decision {
        self.decide_call(now, call, Otherwise::Refuse, out)
    }

    /// Finds a call's limits once for many admissions. Its flow, priority and deadline have no
    /// meaning here.
    ///
    /// # Errors
    /// What [`Engine::admit`] would refuse whatever the load.
    pub fn prepare(&mut self, now: Instant, call: &Call<'_>) -> Result<Prepared, Refusal> {
        self.now = self.now.max(now);
        let may_wait = self.build_route(call)?;
        Ok(Prepared(Kind { route: self.acquire_route(), tool: call.tool, may_wait }))
    }

    /// [`Engine::admit`] for a prepared call.
    pub fn admit_prepared(
        &mut self,
        now: Instant,
        call: &Prepared,
        flow: Flow,
        priority: Priority,
        deadline: Instant,
        out: &mut Outputs,
    ) -> Decision {
        self.decide_prepared(now, call, flow, priority, deadline, Otherwise::Wait, out)
    }

    /// [`Engine::try_admit`] for a prepared call.
    pub fn try_admit_prepared(
        &mut self,
        now: Instant,
        call: &Prepared,
        flow: Flow,
        priority: Priority,
        deadline: Instant,
        out: &mut Outputs,
    ) -> Decision {
        self.decide_prepared(now, call, flow, priority, deadline, Otherwise::Refuse, out)
    }

    /// Gives a prepared call back.
    #[allow(clippy::needless_pass_by_value)]
    pub fn discard(&mut self, call: Prepared) {
        self.release_route(call.0.route);
    }

    /// A running call has ended; its slots are free. Says whether `id` named a running call.
    pub fn release(
        &mut self,
        now: Instant,
        id: CallId,
        outcome: Outcome,
        out: &mut Outputs,
    ) -> bool {
        self.begin(now, out);
        let Some(index) = self.calls.resolve(id) else { return false };
        let Some(Record::Running(_)) = self.calls.get(index) else { return false };
        let Some(Record::Running(running)) = self.calls.remove(index) else { return false };
        self.end(&running, outcome);
        self.pump(out);
        true
    }

    /// A waiting call is given up, and nothing was used. Says whether `id` named a waiting call.
    pub fn cancel(&mut self, now: Instant, id: CallId, out: &mut Outputs) -> bool {
        self.begin(now, out);
        let Some(index) = self.calls.resolve(id) else { return false };
        let Some(Record::Waiting(_)) = self.calls.get(index) else { return false };
        self.unwait(index, out);
        self.calls.remove(index);
        self.pump(out);
        true
    }

    /// Does what has become due by `now`: expiries, and starts that time alone made possible.
    pub fn advance(&mut self, now: Instant, out: &mut Outputs) {
        self.begin(now, out);
        self.pump(out);
    }

    /// The next moment at which time alone can change something; not after the last `now` if
    /// work is left over that should be carried on at once.
    pub fn next_moment(&self) -> Option<Instant> {
        if !self.dirty.is_empty() {
            return Some(self.now);
        }
        let expiry = self.expiries.peek().map(|((at, _), _)| at).filter(|at| *at < Instant::NEVER);
        let wake = self.wakes.peek().map(|(at, _)| at);
        expiry.into_iter().chain(wake).chain(self.patience.next()).min()
    }

    /// Says when the present window of a calendar rate ends, for every instance of the limit.
    /// `budget` is a place in [`LimitConfig::budgets`](crate::LimitConfig::budgets). Returns
    /// whether there is such a rate.
    pub fn align(
        &mut self,
        now: Instant,
        limit: LimitId,
        budget: usize,
        ends: Instant,
        out: &mut Outputs,
    ) -> bool {
        self.begin(now, out);
        let Some(config) = self.config.limits.get_mut(usize::from(limit.0)) else { return false };
        let Some(crate::BudgetConfig::Rate {
            kind: crate::RateKind::Calendar { ends: configured },
            ..
        }) = config.budgets.get_mut(budget)
        else {
            return false;
        };
        *configured = ends;
        let ids: Vec<u32> = self.instances.of(limit.0).collect();
        for id in ids {
            let place = self.instances.get(id).budgets.clone();
            if let Some(Budget::Rate(rate)) = self.instances.budgets.of_mut(place).get_mut(budget) {
                rate.align(self.now, ends);
            }
            self.instances.remember(id, self.now);
            self.mark(id);
        }
        self.pump(out);
        true
    }

    /// The limit's name.
    pub fn limit_name(&self, limit: LimitId) -> &str {
        self.config.limits.get(usize::from(limit.0)).map_or("", |limit| limit.name.as_str())
    }

    /// Calls that run.
    pub fn running(&self) -> usize {
        self.calls.len() - self.waiting
    }

    /// Calls that wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    fn decide_call(
        &mut self,
        now: Instant,
        call: &Call<'_>,
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        self.begin(now, out);
        let may_wait = match self.build_route(call) {
            Ok(may_wait) => may_wait,
            Err(refusal) => return Decision::Refused(refusal),
        };
        let asked = Asked {
            route: self.acquire_route(),
            tool: call.tool,
            flow: call.flow,
            priority: call.priority,
            may_wait,
            deadline: call.deadline,
        };
        self.decide(&asked, otherwise, out)
    }

    #[allow(clippy::too_many_arguments)]
    fn decide_prepared(
        &mut self,
        now: Instant,
        Prepared(kind): &Prepared,
        flow: Flow,
        priority: Priority,
        deadline: Instant,
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        self.begin(now, out);
        if usize::from(priority.0) >= self.config.priorities.len() {
            return refused(Reason::Unsupported, None, Retry::Never);
        }
        self.routes.share(kind.route);
        let Kind { route, tool, may_wait } = *kind;
        let asked = Asked { route, tool, flow, priority, may_wait, deadline };
        self.decide(&asked, otherwise, out)
    }

    /// Decides on a call whose route has been acquired for it.
    fn decide(&mut self, call: &Asked, otherwise: Otherwise, out: &mut Outputs) -> Decision {
        let deadline = call.deadline;
        if deadline <= self.now {
            self.release_route(call.route);
            return refused(Reason::Deadline, None, Retry::Never);
        }
        let Some((blocked_at, answer)) = self.obstacle(call.route) else {
            return Decision::Granted(self.grant_at_once(call));
        };
        let timed_out = self.now.saturating_add(call.may_wait);
        let expires = deadline.min(timed_out);
        let by = if deadline <= timed_out { ExpiresBy::Deadline } else { ExpiresBy::QueueTimeout };
        let refusal =
            self.refusal_without_wait(call.route, blocked_at, answer, otherwise, expires, by);
        if let Some(refusal) = refusal {
            self.release_route(call.route);
            return Decision::Refused(refusal);
        }
        let index = self.wait(call, blocked_at, expires, by, out);
        let id = self.calls.id(index);
        self.pump_for(index, out);
        match self.calls.get(index) {
            Some(Record::Running(_)) => {
                // The decision is the answer; it is not said twice.
                let said = out.iter().rposition(|output| *output == Output::Granted(id));
                said.map(|at| out.remove(at));
                Decision::Granted(id)
            }
            _ => Decision::Waiting(id),
        }
    }

    /// What keeps a new call from starting at once: a limit without room, or one at which others
    /// wait, in whose order it must take its place.
    fn obstacle(&mut self, route: u32) -> Option<(u32, Answer)> {
        let now = self.now;
        let route = self.routes.get(route);
        if let Some(at) = self.instances.budgets.obstacle(route.takes(), now) {
            let draw = route.draw_at(at)?;
            let answer = self.instances.budgets.answer(route.takes_of(draw), now);
            return Some((draw.instance, answer));
        }
        if self.contended == 0 {
            return None;
        }
        let queue = route.draws().iter().find(|draw| {
            let instance = self.instances.get(draw.instance);
            instance.watchers > 0 || instance.claim.is_some()
        });
        queue.map(|draw| (draw.instance, Answer::OnRelease))
    }

    fn grant_at_once(&mut self, call: &Asked) -> CallId {
        self.instances.budgets.take(self.routes.get(call.route).takes(), self.now);
        let index = self.calls.insert(Record::Running(Running {
            route: call.route,
            tool: call.tool,
            priority: call.priority,
            flow: call.flow,
            started: self.now,
            estimate_nanos: 0,
            charged: 0,
        }));
        self.calls.id(index)
    }

    /// The refusals of a call that cannot start at once and shall not, or cannot usefully, wait.
    fn refusal_without_wait(
        &self,
        route: u32,
        blocked_at: u32,
        answer: Answer,
        otherwise: Otherwise,
        expires: Instant,
        expires_by: ExpiresBy,
    ) -> Option<Refusal> {
        let limit = Some(LimitId(self.instances.get(blocked_at).limit));
        let retry = match answer {
            Answer::At(at) => Retry::At(at),
            Answer::Never => Retry::Never,
            Answer::Ready | Answer::OnRelease => Retry::OnRelease,
        };
        if otherwise == Otherwise::Refuse {
            return Some(Refusal { reason: Reason::WouldWait, limit, retry });
        }
        for draw in self.routes.get(route).draws() {
            let instance = self.instances.get(draw.instance);
            if instance.queued >= self.config.limits[usize::from(instance.limit)].queue_size {
                let limit = Some(LimitId(instance.limit));
                return Some(Refusal { reason: Reason::QueueFull, limit, retry: Retry::OnRelease });
            }
        }
        match answer {
            Answer::At(at) if at >= expires => {
                Some(Refusal { reason: expires_by.reason(), limit, retry })
            }
            _ => None,
        }
    }

    fn wait(
        &mut self,
        call: &Asked,
        at: u32,
        expires: Instant,
        expires_by: ExpiresBy,
        out: &mut Outputs,
    ) -> u32 {
        let ticket = self.tickets;
        self.tickets += 1;
        for draw in self.routes.get(call.route).draws() {
            self.instances.get_mut(draw.instance).queued += 1;
        }
        let lane = self.lanes.find(call.route, call.priority, call.flow);
        let index = self.calls.insert(Record::Waiting(Waiting {
            ticket,
            arrived: self.now,
            expires,
            lane: lane.unwrap_or(crate::lane::NONE),
            previous: crate::lane::NONE,
            next: crate::lane::NONE,
            kin: crate::lane::NONE,
            kin_previous: crate::lane::NONE,
            kin_next: crate::lane::NONE,
            claim_age: u64::MAX,
            tool: call.tool,
            expires_by,
            turned_away: false,
        }));
        self.waiting += 1;
        self.expiries.set(index, (expires, ticket));
        self.patience.join(index, call.priority, call.flow, &mut self.calls);
        match lane {
            Some(lane) => self.lanes.append(lane, index, &mut self.calls),
            None => self.open_lane(call, at, index, ticket, out),
        }
        index
    }
}

fn refused(reason: Reason, limit: Option<LimitId>, retry: Retry) -> Decision {
    Decision::Refused(Refusal { reason, limit, retry })
}
