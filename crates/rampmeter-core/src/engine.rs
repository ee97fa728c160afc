//! The engine: one decision over all of a call's limits.
//!
//! A sans-IO state machine. Every method that changes something takes `now`, returns its answer
//! and appends what follows from it to the caller's buffer. Time alone can change something only
//! at [`Engine::next_moment`]. Nothing here panics on any input.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::Budget;
use crate::call::{Call, CallId, Flow, LimitId, Outcome, Priority, ToolId};
use crate::claim::Claims;
use crate::config::{Config, ConfigError};
use crate::cooldown::Random;
use crate::decision::{Decision, Outputs, Reason, Refusal, Retry};
use crate::estimate::Estimates;
use crate::expiry::Expiries;
use crate::explain::CycleStep;
use crate::heap::Heap;
use crate::instance::Instances;
use crate::lane::{Lanes, Record, Running};
use crate::nest::{Nests, Parent};
use crate::patience::Patience;
use crate::pressure::Pressing;
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
    pub(crate) claims: Claims,
    pub(crate) nests: Nests,
    pub(crate) expiries: Expiries,
    /// Instances by when time alone makes their next call ready.
    pub(crate) wakes: Heap<Instant>,
    /// Instances to look at.
    pub(crate) dirty: VecDeque<u32>,
    pub(crate) waiting: usize,
    /// Lanes, claims, limits that are paused and instances that cool down, wherever they are: while
    /// there is none, nothing is in a call's way but the budgets themselves.
    pub(crate) contended: usize,
    /// Ends are kept at some instance.
    pub(crate) tracks_ends: bool,
    /// Some limit learns from how calls end.
    pub(crate) by_outcome: bool,
    pub(crate) pressing: Pressing,
    pub(crate) now: Instant,
    pub(crate) tickets: u64,
    pub(crate) builder: RouteBuilder,
    /// Lanes that are being looked at, kept for their memory.
    pub(crate) turns: Vec<u32>,
    /// While lanes behind a claim are looked at: the claim, and when its gap ends.
    pub(crate) gap_closes: Option<(u32, Instant)>,
    pub(crate) random: Random,
    /// The last moment until which anything was ever to cool down.
    pub(crate) cools_last: Instant,
    /// What the last call that would have deadlocked would have waited for.
    pub(crate) cycle: Vec<CycleStep>,
}

/// For whom a prepared call is made, and until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Whom it is for.
    pub flow: Flow,
    /// Its class.
    pub priority: Priority,
    /// The moment by which it must have started; [`Instant::NEVER`] for none.
    pub deadline: Instant,
    /// The running call that makes this one: see [`Call::parent`].
    pub parent: Option<CallId>,
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
    pub(crate) may_wait: Duration,
    pub(crate) deadline: Instant,
    /// Not later than now when it is decided on.
    pub(crate) arrived: Instant,
}

/// What to do with a call that cannot start now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
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
            by_outcome: config.is_by_outcome(),
            random: Random(config.seed),
            cools_last: Instant::EPOCH,
            config,
            calls: Slab::default(),
            routes: Routes::default(),
            lanes: Lanes::default(),
            estimates: Estimates::default(),
            patience: Patience::default(),
            claims: Claims::default(),
            nests: Nests::default(),
            expiries: Expiries::default(),
            wakes: Heap::default(),
            dirty: VecDeque::new(),
            waiting: 0,
            contended: 0,
            tracks_ends: false,
            pressing: Pressing::default(),
            now: Instant::EPOCH,
            tickets: 0,
            builder: RouteBuilder::default(),
            turns: Vec::new(),
            gap_closes: None,
            cycle: Vec::new(),
        })
    }

    /// May this call start now? If not, it waits, unless it never could start or its limits'
    /// queues are full.
    pub fn admit(&mut self, now: Instant, call: &Call<'_>, out: &mut Outputs) -> Decision {
        self.decide_call(now, call, Otherwise::Wait, out)
    }

    /// May this call start now, and nobody waits at its limits before it? If not, it is refused.
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
        let may_wait = self.build_route(call, None)?;
        Ok(Prepared(Kind { route: self.acquire_route(), tool: call.tool, may_wait }))
    }

    /// [`Engine::admit`] for a prepared call.
    #[inline]
    pub fn admit_prepared(
        &mut self,
        now: Instant,
        call: &Prepared,
        terms: &Terms,
        out: &mut Outputs,
    ) -> Decision {
        self.decide_prepared(now, call, terms, Otherwise::Wait, out)
    }

    /// [`Engine::try_admit`] for a prepared call.
    pub fn try_admit_prepared(
        &mut self,
        now: Instant,
        call: &Prepared,
        terms: &Terms,
        out: &mut Outputs,
    ) -> Decision {
        self.decide_prepared(now, call, terms, Otherwise::Refuse, out)
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
        let Some(Record::Running(running)) = self.calls.get(index) else { return false };
        if self.is_plain(running) {
            let Running { route, tool, priority, started, .. } = *running;
            self.calls.free(index);
            self.has_taken(tool, started, outcome);
            self.gives_back(route, priority);
        } else {
            let running = *running;
            self.calls.free(index);
            self.end(index, &running, outcome, out);
        }
        self.pump(out);
        true
    }

    /// A waiting call is given up, and nothing was used. Says whether `id` named a waiting call.
    pub fn cancel(&mut self, now: Instant, id: CallId, out: &mut Outputs) -> bool {
        self.begin(now, out);
        let Some(index) = self.calls.resolve(id) else { return false };
        let Some(Record::Waiting(_)) = self.calls.get(index) else { return false };
        self.unwait(index, out);
        self.forget_waiting(index);
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
        // Written out: it is asked for with every call that waits.
        let mut next = self.expiries.next().map_or(Instant::NEVER, |(at, _)| at);
        if let Some((wake, _)) = self.wakes.peek() {
            next = next.min(wake);
        }
        if let Some(patience) = self.patience.next() {
            next = next.min(patience);
        }
        (next < Instant::NEVER).then_some(next)
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
        if self.instances.is_gone(limit.0) {
            return false;
        }
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

    /// The limit's name, or the key's.
    pub fn limit_name(&self, limit: LimitId) -> &str {
        if limit.is_key() {
            return self.key_name(limit);
        }
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
        let (mut parent, inherited) = match self.lineage(call) {
            Ok(found) => found,
            Err(refusal) => return Decision::Refused(refusal),
        };
        let may_wait = match self.build_route(&inherited, Some(inherited.priority)) {
            Ok(may_wait) => may_wait,
            Err(refusal) => return Decision::Refused(refusal),
        };
        let Call { tool, flow, deadline, .. } = inherited;
        let route = self.acquire_route();
        let priority = self.raise(&mut parent, inherited.priority);
        let arrived = call.arrived.min(self.now);
        let asked = Asked { route, tool, flow, priority, may_wait, deadline, arrived };
        self.decide(&asked, parent, otherwise, out)
    }

    /// A call's caller, and the call with what it inherits.
    fn lineage<'a>(&mut self, call: &Call<'a>) -> Result<(Parent, Call<'a>), Refusal> {
        let Some(id) = call.parent else { return Ok((Parent::NONE, *call)) };
        let parent = self.parent_of(id)?;
        let (flow, priority, deadline) = self.inherited(id, call.deadline);
        Ok((parent, Call { flow, priority, deadline, ..*call }))
    }

    #[cold]
    fn nested_terms(
        &mut self,
        id: CallId,
        deadline: Instant,
    ) -> Result<(Parent, Flow, Priority, Instant), Refusal> {
        let mut parent = self.parent_of(id)?;
        let (flow, own, deadline) = self.inherited(id, deadline);
        let priority = self.raise(&mut parent, own);
        Ok((parent, flow, priority, deadline))
    }

    #[inline]
    fn decide_prepared(
        &mut self,
        now: Instant,
        Prepared(kind): &Prepared,
        terms: &Terms,
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        self.begin(now, out);
        let Terms { flow, priority, deadline, parent } = *terms;
        if usize::from(priority.0) >= self.config.priorities.len() {
            return refused(Reason::Unsupported, None, Retry::Never);
        }
        let (Kind { route, tool, may_wait }, arrived) = (*kind, self.now);
        if let Some(parent) = parent {
            return self.decide_prepared_nested(kind, deadline, parent, otherwise, out);
        }
        let asked = Asked { route, tool, flow, priority, may_wait, deadline, arrived };
        let takes = self.routes.share(route).takes();
        if self.contended == 0
            && deadline > self.now
            && self.instances.budgets.try_take(takes, priority, self.now)
        {
            return Decision::Granted(self.run_at_once(&asked, false));
        }
        // Put together anew, so that what is asked is in memory only from here on.
        let asked = Asked { route, tool, flow, priority, may_wait, deadline, arrived };
        self.decide_in_turn(&asked, Parent::NONE, otherwise, out)
    }

    #[inline(never)]
    fn decide_prepared_nested(
        &mut self,
        kind: &Kind,
        deadline: Instant,
        id: CallId,
        otherwise: Otherwise,
        out: &mut Outputs,
    ) -> Decision {
        let (parent, flow, priority, deadline) = match self.nested_terms(id, deadline) {
            Ok(found) => found,
            Err(refusal) => return Decision::Refused(refusal),
        };
        let (Kind { route, tool, may_wait }, arrived) = (*kind, self.now);
        self.routes.share(route);
        let asked = Asked { route, tool, flow, priority, may_wait, deadline, arrived };
        self.decide_in_turn(&asked, parent, otherwise, out)
    }
}

pub(crate) fn refused(reason: Reason, limit: Option<LimitId>, retry: Retry) -> Decision {
    Decision::Refused(Refusal { reason, limit, retry })
}
