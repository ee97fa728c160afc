//! A stage for short histories, told call by call: each line asks, ends, or lets time pass, and
//! says what must follow.

use std::time::Duration;

use rampmeter_core::*;

pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) now: Instant,
    pub(crate) out: Outputs,
}

/// A call of flow 1 at priority 0, until said otherwise.
#[derive(Clone)]
pub(crate) struct Ask {
    tool: u16,
    flow: Flow,
    priority: u8,
    label: Option<String>,
    draws: Vec<(u16, u64)>,
    keys: Vec<(String, KeyAccess)>,
    tokens: u64,
    bytes: u64,
    parent: Option<CallId>,
    deadline: Instant,
    may_wait: Duration,
    arrived: Instant,
}

/// One slot of each of these limits.
pub(crate) fn on(limits: &[u16]) -> Ask {
    Ask {
        tool: 0,
        flow: Flow { id: 1, weight: 1 },
        priority: 0,
        label: None,
        draws: limits.iter().map(|limit| (*limit, 1)).collect(),
        keys: Vec::new(),
        tokens: 0,
        bytes: 0,
        parent: None,
        deadline: Instant::NEVER,
        may_wait: Duration::from_secs(1_000_000),
        arrived: Instant::NEVER,
    }
}

impl Ask {
    pub(crate) fn weight(mut self, weight: u64) -> Ask {
        self.draws.iter_mut().for_each(|draw| draw.1 = weight);
        self
    }

    /// And so much of another limit.
    pub(crate) fn and(mut self, limit: u16, weight: u64) -> Ask {
        self.draws.push((limit, weight));
        self
    }

    /// And it reads this key.
    pub(crate) fn reads(mut self, key: &str) -> Ask {
        self.keys.push((key.into(), KeyAccess::Shared));
        self
    }

    /// And it writes this key.
    pub(crate) fn writes(mut self, key: &str) -> Ask {
        self.keys.push((key.into(), KeyAccess::Exclusive));
        self
    }

    pub(crate) fn flow(mut self, id: u64) -> Ask {
        self.flow.id = id;
        self
    }

    pub(crate) fn share(mut self, weight: u32) -> Ask {
        self.flow.weight = weight;
        self
    }

    pub(crate) fn priority(mut self, priority: u8) -> Ask {
        self.priority = priority;
        self
    }

    pub(crate) fn tool(mut self, tool: u16) -> Ask {
        self.tool = tool;
        self
    }

    pub(crate) fn tokens(mut self, tokens: u64) -> Ask {
        self.tokens = tokens;
        self
    }

    /// What it costs in the second unit.
    pub(crate) fn bytes(mut self, bytes: u64) -> Ask {
        self.bytes = bytes;
        self
    }

    pub(crate) fn label(mut self, value: &str) -> Ask {
        self.label = Some(value.into());
        self
    }

    pub(crate) fn made_by(mut self, parent: CallId) -> Ask {
        self.parent = Some(parent);
        self
    }

    pub(crate) fn until(mut self, millis: u64) -> Ask {
        self.deadline = Instant::from_millis(millis);
        self
    }

    pub(crate) fn may_wait(mut self, millis: u64) -> Ask {
        self.may_wait = Duration::from_millis(millis);
        self
    }

    /// It comes again, and was asked for first then.
    pub(crate) fn arrived(mut self, millis: u64) -> Ask {
        self.arrived = Instant::from_millis(millis);
        self
    }
}

impl Stage {
    pub(crate) fn new(config: Config) -> Stage {
        Stage { engine: Engine::new(config).unwrap(), now: Instant::EPOCH, out: Outputs::new() }
    }

    /// Limits of one budget each, and three priorities of weight 16, 4 and 1.
    pub(crate) fn of(budgets: &[BudgetConfig]) -> Stage {
        Stage::new(config(budgets))
    }

    pub(crate) fn ask(&mut self, ask: &Ask) -> Decision {
        self.out.clear();
        let (now, mut out) = (self.now, core::mem::take(&mut self.out));
        let decision = self.with(ask, |engine, call| engine.admit(now, call, &mut out));
        self.out = out;
        decision
    }

    /// Asks for a call that does not want to wait.
    pub(crate) fn tries(&mut self, ask: &Ask) -> Decision {
        self.out.clear();
        let (now, mut out) = (self.now, core::mem::take(&mut self.out));
        let decision = self.with(ask, |engine, call| engine.try_admit(now, call, &mut out));
        self.out = out;
        decision
    }

    pub(crate) fn with<R>(
        &mut self,
        ask: &Ask,
        then: impl FnOnce(&mut Engine, &Call<'_>) -> R,
    ) -> R {
        let cost = |unit, amount| Cost { unit: Unit(unit), amount };
        let costs = [cost(0, ask.tokens), cost(1, ask.bytes)];
        let draw = |(limit, weight): &(u16, u64)| Draw {
            limit: LimitId(*limit),
            weight: *weight,
            costs: &costs,
        };
        let draws: Vec<_> = ask.draws.iter().map(draw).collect();
        let labels: Vec<_> = ask.label.iter().map(|it| (LabelId(0), it.as_str())).collect();
        let keys: Vec<_> = ask.keys.iter().map(|(key, access)| (key.as_str(), *access)).collect();
        let call = Call {
            tool: ToolId(ask.tool),
            flow: ask.flow,
            priority: Priority(ask.priority),
            labels: &labels,
            draws: &draws,
            keys: &keys,
            parent: ask.parent,
            deadline: ask.deadline,
            queue_timeout: ask.may_wait,
            arrived: ask.arrived,
        };
        then(&mut self.engine, &call)
    }

    pub(crate) fn runs(&mut self, ask: &Ask) -> CallId {
        match self.ask(ask) {
            Decision::Granted(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn waits(&mut self, ask: &Ask) -> CallId {
        match self.ask(ask) {
            Decision::Waiting(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn refused(&mut self, ask: &Ask) -> Refusal {
        match self.ask(ask) {
            Decision::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    /// Ends a call; returns those that start.
    pub(crate) fn end(&mut self, id: CallId) -> Vec<CallId> {
        self.end_as(id, Outcome::Succeeded)
    }

    pub(crate) fn end_as(&mut self, id: CallId, outcome: Outcome) -> Vec<CallId> {
        self.out.clear();
        assert!(self.engine.release(self.now, id, outcome, &mut self.out));
        self.started()
    }

    /// Gives a waiting call up; returns those that start.
    pub(crate) fn gives_up(&mut self, id: CallId) -> Vec<CallId> {
        self.out.clear();
        assert!(self.engine.cancel(self.now, id, &mut self.out));
        self.started()
    }

    /// Lets time pass up to `millis`, and at each moment that the engine names; returns those
    /// that start.
    pub(crate) fn at(&mut self, millis: u64) -> Vec<CallId> {
        let until = Instant::from_millis(millis);
        self.out.clear();
        for _ in 0..10_000 {
            match self.engine.next_moment().filter(|at| *at <= until) {
                Some(at) => self.engine.advance(at.max(self.now), &mut self.out),
                None => {
                    self.engine.advance(until, &mut self.out);
                    self.now = until;
                    return self.started();
                }
            }
        }
        panic!("a busy loop before {millis} ms");
    }

    pub(crate) fn edit(&mut self, edits: Vec<Edit>) -> Vec<CallId> {
        self.out.clear();
        let _ = self.engine.edit(edits).unwrap().commit(self.now, &mut self.out);
        self.started()
    }

    /// Ends `running`, then each call that starts, `every` milliseconds apart, as long as there
    /// are any; returns them in order.
    pub(crate) fn one_by_one(&mut self, running: CallId, every: u64) -> Vec<CallId> {
        let (mut all, mut next) = (Vec::new(), Some(running));
        while let Some(id) = next {
            let millis = self.now.as_nanos() / 1_000_000 + every;
            assert_eq!(self.at(millis), [], "somebody starts while none ends");
            let started = self.end(id);
            assert!(started.len() <= 1, "one ends, and one starts: {started:?}");
            next = started.first().copied();
            all.extend(next);
        }
        all
    }

    pub(crate) fn explain(&mut self, id: CallId) -> Explanation {
        self.engine.explain(self.now, id).unwrap()
    }

    pub(crate) fn budget(&self, limit: usize, budget: usize) -> BudgetSnapshot {
        self.engine.snapshot(self.now).limits[limit].instances[0].budgets[budget].clone()
    }

    /// What is held, or counts against a rate.
    pub(crate) fn used(&self, limit: usize, budget: usize) -> u64 {
        match self.budget(limit, budget) {
            BudgetSnapshot::Concurrency { held, .. } => held,
            BudgetSnapshot::Rate { used, .. } => used,
        }
    }

    pub(crate) fn refusals(&self) -> Vec<(CallId, Reason)> {
        let refused = self.out.iter().filter_map(|output| match output {
            Output::Refused(id, refusal) => Some((*id, refusal.reason)),
            _ => None,
        });
        refused.collect()
    }

    fn started(&self) -> Vec<CallId> {
        let started = self.out.iter().filter_map(|output| match output {
            Output::Granted(id) => Some(*id),
            _ => None,
        });
        started.collect()
    }
}

pub(crate) fn config(budgets: &[BudgetConfig]) -> Config {
    let limit =
        |it: &BudgetConfig| LimitConfig { budgets: vec![it.clone()], ..LimitConfig::default() };
    Config {
        limits: budgets.iter().map(limit).collect(),
        priorities: vec![16, 4, 1],
        ..Config::default()
    }
}

/// A rate of calls.
pub(crate) fn rate(amount: u64, millis: u64, kind: RateKind) -> BudgetConfig {
    let period = Duration::from_millis(millis);
    BudgetConfig::Rate { counts: Counts::Calls, amount, period, kind }
}

/// A rate of tokens.
pub(crate) fn tokens(amount: u64, millis: u64, kind: RateKind) -> BudgetConfig {
    let (counts, period) = (Counts::Unit(Unit(0)), Duration::from_millis(millis));
    BudgetConfig::Rate { counts, amount, period, kind }
}

pub(crate) const SLIDING: RateKind = RateKind::Sliding { transit: Duration::ZERO };
