//! What a history is made from: a config, and calls that arrive, run and are given up as planned.

use std::time::Duration;

use rampmeter_core::{
    Call, Config, Cost, Draw, Flow, Instant, LabelId, LimitId, Outcome, Priority, ToolId,
};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SEC: u64 = 1_000 * MS;
pub(crate) const FOREVER: Duration = Duration::from_secs(1_000_000);

/// A call in values of its own.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) tool: u16,
    pub(crate) flow: Flow,
    pub(crate) priority: u8,
    pub(crate) labels: Vec<(LabelId, String)>,
    pub(crate) takes: Vec<Take>,
    pub(crate) queue_timeout: Duration,
}

/// What it draws on one limit.
#[derive(Clone, Debug)]
pub(crate) struct Take {
    pub(crate) limit: u16,
    pub(crate) weight: u64,
    pub(crate) costs: Vec<Cost>,
}

/// By which of the engine's doors a call comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    Admit,
    TryAdmit,
    Prepared,
    TryPrepared,
}

/// One call of a history, and what its caller will do.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) at: u64,
    pub(crate) spec: Spec,
    /// Calls of one kind differ in nothing but flow, priority and times.
    pub(crate) kind: usize,
    pub(crate) via: Via,
    pub(crate) runs: u64,
    pub(crate) outcome: Outcome,
    /// Given up, if it still waits, after so long.
    pub(crate) patience: Option<u64>,
    pub(crate) deadline: Instant,
    /// When it starts before this moment, another of its kind arrives: a backlog.
    pub(crate) again_until: u64,
}

/// The caller says when a calendar window ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Align {
    pub(crate) at: u64,
    pub(crate) limit: LimitId,
    pub(crate) budget: usize,
    pub(crate) ends: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) config: Config,
    pub(crate) calls: Vec<Planned>,
    pub(crate) aligns: Vec<Align>,
    /// The most by which a timer is late.
    pub(crate) late: u64,
    /// In percent of inputs: stale ids, a clock that runs backwards, snapshots, trials on a copy.
    pub(crate) mischief: u64,
}

impl World {
    /// A quiet world: timers are punctual and nobody does what they should not.
    pub(crate) fn new(seed: u64, config: Config, calls: Vec<Planned>) -> World {
        World { seed, config, calls, aligns: Vec::new(), late: 0, mischief: 0 }
    }
}

impl Spec {
    /// A call of flow 1 that takes one of each of these limits.
    pub(crate) fn on(limits: &[u16]) -> Spec {
        let take = |limit: &u16| Take { limit: *limit, weight: 1, costs: Vec::new() };
        Spec {
            tool: 0,
            flow: Flow { id: 1, weight: 1 },
            priority: 0,
            labels: Vec::new(),
            takes: limits.iter().map(take).collect(),
            queue_timeout: FOREVER,
        }
    }

    pub(crate) fn flow(mut self, id: u64, weight: u32) -> Spec {
        self.flow = Flow { id, weight };
        self
    }

    pub(crate) fn priority(mut self, priority: u8) -> Spec {
        self.priority = priority;
        self
    }

    pub(crate) fn tool(mut self, tool: u16) -> Spec {
        self.tool = tool;
        self
    }

    pub(crate) fn weight(mut self, weight: u64) -> Spec {
        self.takes.iter_mut().for_each(|take| take.weight = weight);
        self
    }

    /// Hands the call to `then` as the engine wants it.
    pub(crate) fn with<R>(&self, deadline: Instant, then: impl FnOnce(&Call<'_>) -> R) -> R {
        let labels: Vec<_> = self.labels.iter().map(|(id, value)| (*id, value.as_str())).collect();
        let takes = self.takes.iter();
        let draws: Vec<Draw<'_>> = takes
            .map(|take| Draw {
                limit: LimitId(take.limit),
                weight: take.weight,
                costs: &take.costs,
            })
            .collect();
        then(&Call {
            tool: ToolId(self.tool),
            flow: self.flow,
            priority: Priority(self.priority),
            labels: &labels,
            draws: &draws,
            keys: &[],
            parent: None,
            deadline,
            queue_timeout: self.queue_timeout,
            arrived: Instant::NEVER,
        })
    }

    /// It arrives at `at`, runs for `runs` and is patient.
    pub(crate) fn at(self, at: u64, runs: u64) -> Planned {
        Planned {
            at,
            spec: self,
            kind: 0,
            via: Via::Admit,
            runs,
            outcome: Outcome::Succeeded,
            patience: None,
            deadline: Instant::NEVER,
            again_until: 0,
        }
    }
}

impl Planned {
    pub(crate) fn again_until(mut self, until: u64) -> Planned {
        self.again_until = until;
        self
    }
}
