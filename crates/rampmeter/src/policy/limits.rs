//! `[limits.NAME]` and `[providers.NAME]`: budgets.

use super::field::Field;
use super::rates::{Counter, rates};
use super::section::{Named, Section, not_enforced};
use super::source::Sink;
use super::types::{LimitPolicy, ProviderPolicy, QueuePolicy};

/// The most slots a limit may have.
pub(super) const MAX_SLOTS: u64 = 1_000_000_000;

const MAX_LIMITS: usize = 10_000;
const MAX_INSTANCES: u32 = 1_000_000;
const MAX_WAITING: u64 = 10_000_000;
const DEFAULT_INSTANCES: u32 = 10_000;
const DEFAULT_WAITING: u64 = 10_000;

const KEYS: [&str; 6] = ["concurrency", "requests", "tokens", "per", "instances", "queue"];
const PROVIDER_KEYS: [&str; 3] = ["concurrency", "requests", "tokens"];

/// All limits, or `None` if they cannot be told.
pub(super) fn limits(root: &Section<'_>, sink: &mut Sink<'_>) -> Option<Vec<Named<LimitPolicy>>> {
    let Some(field) = root.get("limits") else { return Some(Vec::new()) };
    let help = "write [limits.NAME] above the settings of each limit";
    let table = field.table(sink, help)?;
    Some(table.named(sink, MAX_LIMITS, |field, sink| Some(limit(field, sink))))
}

/// All providers, or `None` if they cannot be told.
pub(super) fn providers(
    root: &Section<'_>,
    sink: &mut Sink<'_>,
) -> Option<Vec<Named<ProviderPolicy>>> {
    let Some(field) = root.get("providers") else { return Some(Vec::new()) };
    let help = "write [providers.NAME] above the settings of each provider";
    let table = field.table(sink, help)?;
    Some(table.named(sink, MAX_LIMITS, |field, sink| Some(provider(field, sink))))
}

/// A limit with errors is still a limit by its name: no tool that draws on it is wrong.
fn limit(field: &Field<'_>, sink: &mut Sink<'_>) -> LimitPolicy {
    let mut limit = LimitPolicy {
        name: field.name.to_owned(),
        concurrency: None,
        rates: Vec::new(),
        per: None,
        instances: DEFAULT_INSTANCES,
        queue: QueuePolicy { size: DEFAULT_WAITING, age: None },
    };
    let help = format!("write [{}] and its settings below", field.path);
    let Some(section) = field.section(sink, &KEYS, &help) else { return limit };
    limit.concurrency = concurrency(&section, sink);
    limit.rates = rates(&section, Counter::Limit, sink);
    let budgets = ["concurrency", "requests", "tokens"];
    if budgets.iter().all(|key| section.get(key).is_none()) {
        let message = format!("`{}` has no budget", section.path);
        sink.error(&field.name_span, message, "add concurrency, requests or tokens, or remove it");
    }
    limit.per = section.get("per").and_then(|per| per.name_text(sink, "write per = \"LABEL\""));
    if let Some(instances) = section.get("instances") {
        let help = "write the most values of the `per` label to keep apart";
        if let Some(number) = instances.whole_u32(sink, &(1..=MAX_INSTANCES), help) {
            limit.instances = number;
        }
        if section.get("per").is_none() {
            let message = format!("`{}` means nothing without `per`", instances.path);
            sink.error(&instances.name_span, message, "add per = \"LABEL\", or remove it");
        }
    }
    if let Some(queue) = section.get("queue") {
        limit.queue = read_queue(&queue, sink).unwrap_or(limit.queue);
    }
    limit
}

fn provider(field: &Field<'_>, sink: &mut Sink<'_>) -> ProviderPolicy {
    let name = field.name.to_owned();
    let help = format!("write [{}] and its settings below", field.path);
    match field.section(sink, &PROVIDER_KEYS, &help) {
        None => ProviderPolicy { name, rates: Vec::new(), concurrency: None },
        Some(section) => {
            let rates = rates(&section, Counter::Provider, sink);
            ProviderPolicy { name, rates, concurrency: concurrency(&section, sink) }
        }
    }
}

fn concurrency(section: &Section<'_>, sink: &mut Sink<'_>) -> Option<u64> {
    let help = "write how many may run at once, as in concurrency = 8; leave it out for no limit";
    section.get("concurrency")?.whole(sink, &(1..=MAX_SLOTS), help)
}

fn read_queue(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<QueuePolicy> {
    let help = "write queue = { size = 10000, age = \"60s\" }";
    let section = field.section(sink, &["size", "age", "overflow"], help)?;
    let help = "write how many calls may wait; 0 lets none wait";
    let size = section.get("size").map(|size| size.whole(sink, &(0..=MAX_WAITING), help));
    let age = section.get("age").map(|age| {
        age.duration(sink, "write how long a call may wait, or size = 0 to let none wait")
    });
    if let Some(overflow) = section.get("overflow") {
        let choices = [("refuse", false), ("evict", true)];
        if overflow.choice(sink, &choices) == Some(true) {
            not_enforced(&overflow.span, "overflow = \"evict\"", sink);
        }
    }
    let size = size.unwrap_or(Some(DEFAULT_WAITING))?;
    Some(QueuePolicy { size, age: age.flatten() })
}
