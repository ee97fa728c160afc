//! The metrics there are, and what each event counts.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use rampmeter_core::{BudgetSnapshot, Snapshot};

use crate::event::{CallInfo, Event, EventKind};
use crate::refusal::key_name;

/// Tools that have series of their own. A model may make names up.
const MAX_TOOLS: usize = 100;
const MAX_PRIORITIES: usize = 32;

/// Upper bounds of waits and runs, in seconds.
const BUCKETS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

type Labels<const N: usize> = [(&'static str, Text); N];
type Seconds = Family<Labels<2>, Histogram, fn() -> Histogram>;

/// The value of a label.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Text(Arc<str>);

pub(super) struct Families {
    registry: Registry,
    /// By event, tool and priority.
    calls: Family<Labels<3>, Counter>,
    /// By reason, tool and priority.
    refusals: Family<Labels<3>, Counter>,
    /// By event and limit.
    limits: Family<Labels<2>, Counter>,
    /// Calls that began to wait there, by obstacle and limit.
    queued: Family<Labels<2>, Counter>,
    /// By tool and priority.
    waits: Seconds,
    runs: Seconds,
    missed: Counter,
    now: Family<Labels<1>, Gauge>,
    slots: Family<Labels<1>, Gauge>,
    held: Family<Labels<1>, Gauge>,
    waiting: Family<Labels<1>, Gauge>,
    tools: HashSet<Arc<str>>,
    priorities: HashSet<Arc<str>>,
}

impl Families {
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts one event.
    pub(super) fn count(&mut self, event: &Event) {
        let Some(call) = &event.call else {
            if let Some(limit) = &event.limit {
                let labels = [("event", event.kind.as_str().into()), ("limit", limit_of(limit))];
                self.limits.get_or_create(&labels).inc();
            }
            return;
        };
        let (tool, priority) = self.names(call, event.place.is_some());
        let of_call = [("tool", tool.clone()), ("priority", priority.clone())];
        let by = |name: &'static str, word: &'static str| {
            [(name, word.into()), ("tool", tool.clone()), ("priority", priority.clone())]
        };
        self.calls.get_or_create(&by("event", event.kind.as_str())).inc();
        match (event.kind, event.took) {
            (EventKind::Started, Some(waited)) => observe(&self.waits, &of_call, waited),
            (EventKind::Completed | EventKind::Failed, Some(ran)) => {
                observe(&self.runs, &of_call, ran);
            }
            (EventKind::Refused, _) => {
                let reason = event.reason.map_or("", |reason| reason.as_str());
                self.refusals.get_or_create(&by("reason", reason)).inc();
            }
            (EventKind::Queued | EventKind::Moved, _) => {
                if let (Some(limit), Some(obstacle)) = (&event.limit, event.obstacle) {
                    let obstacle = obstacle.as_str().into();
                    let labels = [("limit", limit_of(limit)), ("obstacle", obstacle)];
                    self.queued.get_or_create(&labels).inc();
                }
            }
            _ => {}
        }
    }

    /// So many events could not be counted so far.
    pub(super) fn missed(&mut self, all: u64) {
        self.missed.inc_by(all.saturating_sub(self.missed.get()));
    }

    /// What is so now.
    pub(super) fn show(&mut self, snapshot: &Snapshot) {
        for (state, calls) in [("running", snapshot.running), ("waiting", snapshot.waiting)] {
            self.now.get_or_create(&[("state", state.into())]).set(whole(calls));
        }
        // A limit may have been removed since.
        [&self.slots, &self.held, &self.waiting].into_iter().for_each(Family::clear);
        for limit in &snapshot.limits {
            let label = [("limit", Text(limit.name.as_str().into()))];
            let waiting = limit.instances.iter().map(|it| u64::from(it.waiting)).sum();
            self.waiting.get_or_create(&label).set(whole(waiting));
            let budgets = limit.instances.iter().flat_map(|instance| &instance.budgets);
            for budget in budgets {
                if let BudgetSnapshot::Concurrency { size, held, .. } = budget {
                    self.slots.get_or_create(&label).inc_by(whole(*size));
                    self.held.get_or_create(&label).inc_by(whole(*held));
                }
            }
        }
    }

    /// The tool and the priority of a call. Names that models and turns make up come only as far as
    /// being refused, and take no place of one that there is.
    fn names(&mut self, call: &CallInfo, is_real: bool) -> (Text, Text) {
        let tool = bounded(&mut self.tools, &call.tool, if is_real { MAX_TOOLS } else { 0 });
        let most = if is_real { MAX_PRIORITIES } else { 0 };
        (tool, bounded(&mut self.priorities, &call.priority, most))
    }
}

/// The name, if it is known or there is room for it.
fn bounded(known: &mut HashSet<Arc<str>>, name: &Arc<str>, most: usize) -> Text {
    if !known.contains(name) {
        if known.len() >= most {
            return "other".into();
        }
        known.insert(name.clone());
    }
    Text(name.clone())
}

impl Default for Families {
    fn default() -> Families {
        let seconds = || Seconds::new_with_constructor(|| Histogram::new(BUCKETS));
        let mut registry = Registry::with_prefix("rampmeter");
        let (calls, refusals, limits, queued) = Default::default();
        let (waits, runs, missed) = (seconds(), seconds(), Counter::default());
        let (now, slots, held, waiting) = Default::default();
        let families = Families {
            registry: Registry::default(),
            calls,
            refusals,
            limits,
            queued,
            waits,
            runs,
            missed,
            now,
            slots,
            held,
            waiting,
            tools: HashSet::new(),
            priorities: HashSet::new(),
        };
        registry.register("call_events", "Events of calls", families.calls.clone());
        registry.register("refusals", "Calls that were refused", families.refusals.clone());
        registry.register("limit_events", "Events of limits", families.limits.clone());
        let help = "Calls, or lanes of them, that began to wait at a limit";
        registry.register("limit_waits", help, families.queued.clone());
        let help = "How long calls waited that were admitted";
        registry.register_with_unit("wait", help, Unit::Seconds, families.waits.clone());
        let help = "How long calls ran that did not end by being given up";
        registry.register_with_unit("run", help, Unit::Seconds, families.runs.clone());
        let help = "Events that came faster than they were counted";
        registry.register("events_missed", help, families.missed.clone());
        registry.register("calls", "Calls that run or wait now", families.now.clone());
        registry.register(
            "limit_slots",
            "Slots there are, of all instances",
            families.slots.clone(),
        );
        registry.register("limit_slots_held", "Slots held now", families.held.clone());
        registry.register("limit_waiting", "Calls that wait and need it", families.waiting.clone());
        Families { registry, ..families }
    }
}

fn observe(family: &Seconds, labels: &Labels<2>, took: Duration) {
    family.get_or_create(labels).observe(took.as_secs_f64());
}

/// Keys are made of arguments, and there is no end of them.
fn limit_of(name: &Arc<str>) -> Text {
    if key_name(name).is_some() { "key".into() } else { Text(name.clone()) }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.into())
    }
}

impl EncodeLabelValue for Text {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}
