//! What a run came to, as one object.

use std::collections::BTreeMap;
use std::time::Duration;

use rampmeter::policy::{Policy, RunPolicy, Unit};
use rampmeter::{BudgetSnapshot, EventKind, Gate, LimitSnapshot, Status};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Regime;
use super::build::Tools;
use super::drive::{CallRecord, Driven};
use super::errors::ErrorSummary;

/// The summary. Its JSON is documented in `docs/run.md`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) regime: &'static str,
    pub(crate) turns: u64,
    pub(crate) broken_lines: u64,
    pub(crate) calls: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) throttled: u64,
    pub(crate) cancelled: u64,
    /// Calls whose work outlasted their grace.
    pub(crate) abandoned: u64,
    /// Calls whose work came to an answer when they were over.
    pub(crate) late: u64,
    pub(crate) elapsed_ms: f64,
    /// The least time in which the simulated providers' quotas let all these calls through.
    pub(crate) quotas_allow_ms: Option<f64>,
    /// The most calls at once, counted inside the tools.
    pub(crate) peak: u64,
    pub(crate) limits: Map<String, Value>,
    pub(crate) tools: Map<String, Value>,
    pub(crate) priorities: BTreeMap<String, PrioritySummary>,
    pub(crate) flows: BTreeMap<String, FlowSummary>,
    pub(crate) providers: Map<String, Value>,
    pub(crate) errors: Vec<ErrorSummary>,
    pub(crate) events_missed: u64,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PrioritySummary {
    pub(crate) calls: u64,
    pub(crate) succeeded: u64,
    pub(crate) wait_ms: Waits,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FlowSummary {
    pub(crate) calls: u64,
    pub(crate) succeeded: u64,
    /// The flow's part of the time that all tools ran.
    pub(crate) share: f64,
    pub(crate) wait_ms: Waits,
}

/// Of the calls that were admitted; all 0 if none was.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Waits {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// Whether the limits were enforced.
    pub(crate) fn limited(&self) -> bool {
        self.regime == Regime::Limited.name()
    }

    /// Of a limit with slots: the most in use, counted in the tools, and the size.
    pub(crate) fn slots(&self, limit: &str) -> (u64, u64) {
        let slots = self.limits.get(limit).and_then(|it| it.get("concurrency"));
        let of = |key| slots.and_then(|it| it[key].as_u64()).unwrap_or(0);
        (of("peak_in_tools"), of("size"))
    }
}

/// Sums up a run of `policy`, whose limits were enforced or not.
pub(crate) fn sum_up(
    policy: &Policy,
    regime: &'static str,
    driven: &Driven,
    tools: &Tools,
    gate: &Gate,
    start_ns: u64,
) -> Summary {
    let (snapshot, counters) = (gate.snapshot(), gate.counters());
    let count = |status| driven.calls.iter().filter(|call| call.status == status).count() as u64;
    let limits = policy.limits.iter().map(|limit| {
        let enforced = snapshot.limits.iter().find(|it| it.name == limit.name);
        let mut entry = Map::new();
        // Of slots that are learned it is the most that there may be.
        if let Some(size) = limit.most_slots() {
            let in_tools = tools.tracker.limit_peak(&limit.name);
            // Where the gate enforces nothing, it counts nothing either.
            let peak = enforced.and_then(|it| it.peaks.first()).copied().unwrap_or(in_tools);
            let slots = json!({"size": size, "peak": peak, "peak_in_tools": in_tools});
            entry.insert("concurrency".into(), slots);
        }
        for (unit, name) in [(Unit::Requests, "requests"), (Unit::Tokens, "tokens")] {
            if limit.counts(unit) {
                entry.insert(name.into(), rates(policy, &limit.name, unit, enforced));
            }
        }
        (limit.name.clone(), Value::Object(entry))
    });
    let used = tools.tracker.tools().into_iter();
    let used = used.map(|(name, calls, peak)| (name, json!({"calls": calls, "peak": peak})));
    let providers = tools.providers.iter().map(|it| {
        let figures = json!({
            "accepted": it.accepted(),
            "throttled": it.throttled(),
            "peak": it.peak_running(),
        });
        (it.name().to_owned(), figures)
    });
    Summary {
        regime,
        turns: driven.turns,
        broken_lines: driven.broken_lines,
        calls: driven.calls.len() as u64,
        succeeded: count(Status::Succeeded),
        failed: count(Status::Failed),
        refused: count(Status::Refused),
        throttled: count(Status::Throttled),
        cancelled: count(Status::Cancelled),
        abandoned: counters.of(EventKind::Abandoned),
        late: counters.of(EventKind::Late),
        elapsed_ms: millis(driven.elapsed),
        quotas_allow_ms: quotas_allow(policy, driven, tools, start_ns),
        peak: tools.tracker.peak(),
        limits: limits.collect(),
        tools: used.collect(),
        priorities: priorities(driven),
        flows: flows(driven),
        providers: providers.collect(),
        errors: driven.errors.most(),
        events_missed: 0,
    }
}

fn rates(policy: &Policy, limit: &str, unit: Unit, enforced: Option<&LimitSnapshot>) -> Value {
    let Some(declared) = policy.limits.iter().find(|it| it.name == limit) else {
        return Value::Null;
    };
    let slots = usize::from(declared.concurrency.is_some());
    let rates = declared.rates.iter().enumerate().filter(|(_, rate)| rate.unit == unit);
    let rates = rates.map(|(at, rate)| {
        let budgets = enforced.iter().flat_map(|limit| &limit.instances);
        let used = budgets.filter_map(|it| match it.budgets.get(slots + at) {
            Some(BudgetSnapshot::Rate { used, .. }) => Some(*used),
            _ => None,
        });
        let used = enforced.map(|_| used.max().unwrap_or(0));
        json!({"size": rate.amount, "period_ms": millis(rate.period), "used": used})
    });
    rates.collect()
}

/// The slowest provider decides; `None` if no call asked one.
fn quotas_allow(policy: &Policy, driven: &Driven, tools: &Tools, start_ns: u64) -> Option<f64> {
    let finishes = tools.providers.iter().filter_map(|provider| {
        // What was malformed or came too late to be asked for would never reach a provider.
        let asked = driven.calls.iter().filter(|call| call.priority.is_some());
        let costs = asked.filter_map(|call| match &policy.tool(&call.tool)?.run {
            Some(RunPolicy::Simulate { provider: Some(name), tokens, .. }) => {
                (name == provider.name()).then_some(*tokens)
            }
            _ => None,
        });
        let costs: Vec<u64> = costs.collect();
        let finish = provider.best_finish_from_ns(start_ns, &costs);
        (!costs.is_empty()).then(|| millis(Duration::from_nanos(finish)))
    });
    finishes.max_by(f64::total_cmp)
}

fn priorities(driven: &Driven) -> BTreeMap<String, PrioritySummary> {
    let mut priorities: BTreeMap<String, (PrioritySummary, Vec<f64>)> = BTreeMap::new();
    for call in &driven.calls {
        let Some(name) = &call.priority else { continue };
        let (priority, waits) = priorities.entry(name.to_string()).or_default();
        priority.calls += 1;
        priority.succeeded += u64::from(call.status == Status::Succeeded);
        waits.extend(call.waited.map(millis));
    }
    let summed = priorities.into_iter().map(|(name, (priority, waits))| {
        (name, PrioritySummary { wait_ms: Waits::of(waits), ..priority })
    });
    summed.collect()
}

fn flows(driven: &Driven) -> BTreeMap<String, FlowSummary> {
    let ran = |call: &CallRecord| call.ran.map_or(0.0, millis);
    let all: f64 = driven.calls.iter().map(ran).sum();
    let mut flows: BTreeMap<String, (FlowSummary, Vec<f64>)> = BTreeMap::new();
    for call in &driven.calls {
        let (flow, waits) = flows.entry(call.flow.to_string()).or_default();
        flow.calls += 1;
        flow.succeeded += u64::from(call.status == Status::Succeeded);
        flow.share += if all > 0.0 { ran(call) / all } else { 0.0 };
        waits.extend(call.waited.map(millis));
    }
    let summed = flows.into_iter().map(|(name, (flow, waits))| {
        let share = (flow.share * 10_000.0).round() / 10_000.0;
        (name, FlowSummary { share, wait_ms: Waits::of(waits), ..flow })
    });
    summed.collect()
}

impl Waits {
    fn of(mut waits: Vec<f64>) -> Waits {
        waits.sort_by(f64::total_cmp);
        let rank = |percent: usize| {
            // Nearest rank: the least value that `percent` of all do not exceed.
            let at = (waits.len() * percent).div_ceil(100).saturating_sub(1);
            waits.get(at).copied().unwrap_or(0.0)
        };
        Waits { p50: rank(50), p95: rank(95), max: rank(100) }
    }
}

/// Milliseconds to the microsecond.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let waits = Waits::of((1..=20).rev().map(f64::from).collect());
        assert_eq!((waits.p50, waits.p95, waits.max), (10.0, 19.0, 20.0));
        let none = Waits::of(Vec::new());
        assert_eq!((none.p50, none.p95, none.max), (0.0, 0.0, 0.0));
    }
}
