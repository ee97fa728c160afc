//! What runs at once, counted inside the tools and apart from the gate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rampmeter::Invocation;
use rampmeter::policy::Policy;

/// Counts calls while they run. Clones share the counts.
#[derive(Clone, Debug)]
pub(crate) struct Tracker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: Policy,
    counts: Mutex<Counts>,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    all: Gauge,
    tools: BTreeMap<String, Gauge>,
    /// By limit and by the value of the label that it is per.
    limits: BTreeMap<(String, String), Gauge>,
}

/// How many now, and the most at once.
#[derive(Clone, Copy, Debug, Default)]
struct Gauge {
    now: u64,
    peak: u64,
    calls: u64,
}

/// A call that runs; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    tracker: Tracker,
    pattern: usize,
    call: Invocation,
}

impl Tracker {
    /// A tracker of the limits that `policy` has, whether or not they are enforced.
    pub(crate) fn new(policy: &Policy) -> Tracker {
        Tracker(Arc::new(Shared { policy: policy.clone(), counts: Mutex::default() }))
    }

    /// A call of the policy's tool `pattern` starts.
    pub(crate) fn start(&self, pattern: usize, call: &Invocation) -> Running {
        self.each(pattern, call, Gauge::add);
        Running { tracker: self.clone(), pattern, call: call.clone() }
    }

    /// The most calls that ran at once.
    pub(crate) fn peak(&self) -> u64 {
        self.counts().all.peak
    }

    /// Each tool that ran: its name, its calls, and the most of them at once.
    pub(crate) fn tools(&self) -> Vec<(String, u64, u64)> {
        let counts = self.counts();
        counts.tools.iter().map(|(name, it)| (name.clone(), it.calls, it.peak)).collect()
    }

    /// The most slots of a limit that were taken at once in any one instance of it.
    pub(crate) fn limit_peak(&self, limit: &str) -> u64 {
        let counts = self.counts();
        let instances = counts.limits.iter().filter(|((name, _), _)| name == limit);
        instances.map(|(_, gauge)| gauge.peak).max().unwrap_or(0)
    }

    /// Changes every gauge that the call counts on, by its weight there.
    fn each(&self, pattern: usize, call: &Invocation, change: fn(&mut Gauge, u64)) {
        let policy = &self.0.policy;
        let mut counts = self.counts();
        change(&mut counts.all, 1);
        change(counts.tools.entry(call.name.to_string()).or_default(), 1);
        let draws = policy.tools.get(pattern).map(|tool| tool.draws.as_slice()).unwrap_or_default();
        for draw in draws {
            let limit = policy.limits.iter().find(|limit| limit.name == draw.limit);
            let label = limit.and_then(|limit| limit.per.as_deref());
            let value = call.labels.iter().find(|(name, _)| Some(name.as_str()) == label);
            let value = value.map(|(_, value)| value.clone()).unwrap_or_default();
            change(counts.limits.entry((draw.limit.clone(), value)).or_default(), draw.weight);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gauge {
    fn add(&mut self, weight: u64) {
        self.calls += 1;
        self.now += weight;
        self.peak = self.peak.max(self.now);
    }

    fn remove(&mut self, weight: u64) {
        self.now = self.now.saturating_sub(weight);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tracker.each(self.pattern, &self.call, Gauge::remove);
    }
}
