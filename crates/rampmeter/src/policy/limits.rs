//! `[limits.NAME]` and `[providers.NAME]`: budgets.

use super::breaker::breaker;
use super::field::Field;
use super::queue;
use super::rates::{Counter, rates};
use super::section::{Named, Section};
use super::slots::{Slots, concurrency, slots};
use super::source::Sink;
use super::types::{LimitPolicy, PriorityPolicy, ProviderPolicy};

const MAX_LIMITS: usize = 10_000;
const MAX_INSTANCES: u32 = 1_000_000;
const DEFAULT_INSTANCES: u32 = 10_000;

const KEYS: [&str; 11] = [
    "concurrency",
    "reserved",
    "requests",
    "tokens",
    "input_tokens",
    "output_tokens",
    "per",
    "instances",
    "queue",
    "feedback",
    "breaker",
];
const PROVIDER_KEYS: [&str; 3] = ["concurrency", "requests", "tokens"];

/// All limits, or `None` if they cannot be told.
pub(super) fn limits(
    root: &Section<'_>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> Option<Vec<Named<LimitPolicy>>> {
    let Some(field) = root.get("limits") else { return Some(Vec::new()) };
    let help = "write [limits.NAME] above the settings of each limit";
    let table = field.table(sink, help)?;
    Some(table.named(sink, MAX_LIMITS, |field, sink| Some(limit(field, priorities, sink))))
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
fn limit(
    field: &Field<'_>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> LimitPolicy {
    let mut limit = LimitPolicy {
        name: field.name.to_owned(),
        concurrency: None,
        adaptive: None,
        lend: true,
        reserved: Vec::new(),
        rates: Vec::new(),
        per: None,
        instances: DEFAULT_INSTANCES,
        queue: queue::DEFAULT,
        feedback: false,
        breaker: None,
    };
    let help = format!("write [{}] and its settings below", field.path);
    let Some(section) = field.section(sink, &KEYS, &help) else { return limit };
    let Slots { size, adaptive, lend, reserved } = slots(&section, priorities, sink);
    (limit.concurrency, limit.adaptive) = (size, adaptive);
    (limit.lend, limit.reserved) = (lend, reserved);
    limit.rates = rates(&section, Counter::Limit, sink);
    // Whoever has a rate to keep to is the one who says that it is not kept to.
    let feedback = section.get("feedback").and_then(|field| field.flag(sink));
    limit.feedback = feedback.unwrap_or(!limit.rates.is_empty());
    limit.breaker = breaker(&section, sink);
    let budgets = ["concurrency", "requests", "tokens", "input_tokens", "output_tokens", "breaker"];
    if budgets.iter().all(|key| section.get(key).is_none()) {
        let message = format!("`{}` has no budget", section.path);
        sink.error(
            &field.name_span,
            message,
            "add concurrency, requests or tokens, or a breaker, or remove it",
        );
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
    limit.queue = queue::queue(&section, sink);
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
