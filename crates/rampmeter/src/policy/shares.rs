//! `[priorities]`, `[flows]` and `[labels.NAME]`: who goes first, and what must not be shown.

use super::field::Field;
use super::section::{Named, Section};
use super::source::Sink;
use super::types::{FlowPolicy, LabelPolicy, PriorityPolicy};

const MAX_PRIORITIES: usize = 16;
const MAX_FLOWS: usize = 100_000;
const MAX_LABELS: usize = 1_000;
const MAX_WEIGHT: u32 = 1_000_000;

const DEFAULT_PRIORITIES: [(&str, u32); 4] =
    [("critical", 64), ("high", 16), ("normal", 4), ("low", 1)];

/// All priorities, heaviest first, or `None` if they cannot be told.
pub(super) fn priorities(root: &Section<'_>, sink: &mut Sink<'_>) -> Option<Vec<PriorityPolicy>> {
    let Some(field) = root.get("priorities") else {
        let defaults = DEFAULT_PRIORITIES.into_iter();
        return Some(
            defaults.map(|(name, weight)| PriorityPolicy { name: name.into(), weight }).collect(),
        );
    };
    let table = field.table(sink, "write [priorities] and below it lines such as normal = 4")?;
    let read = table.named(sink, MAX_PRIORITIES, |field, sink| {
        let weight = weight(field, sink).unwrap_or(1);
        Some(PriorityPolicy { name: field.name.to_owned(), weight })
    });
    if read.is_empty() {
        let help = "name at least one, or remove the section to get critical, high, normal and low";
        sink.error(&table.span, "`priorities` names no priority", help);
        return None;
    }
    let mut priorities: Vec<PriorityPolicy> = read.into_iter().map(|named| named.value).collect();
    priorities.sort_by_key(|priority| std::cmp::Reverse(priority.weight));
    Some(priorities)
}

/// The flows that have a weight of their own.
pub(super) fn flows(root: &Section<'_>, sink: &mut Sink<'_>) -> Vec<FlowPolicy> {
    let help = "write [flows] and below it lines such as \"tenant-7\" = { weight = 3 }";
    let table = root.get("flows").and_then(|field| field.table(sink, help));
    let Some(table) = table else { return Vec::new() };
    let flows = table.named(sink, MAX_FLOWS, |field, sink| {
        let section = field.section(sink, &["weight"], "write { weight = 3 }")?;
        let weight = section.get("weight").map_or(Some(1), |field| weight(&field, sink))?;
        Some(FlowPolicy { name: field.name.to_owned(), weight })
    });
    flows.into_iter().map(|named| named.value).collect()
}

/// A label, and whether the file itself says if it is secret.
pub(super) struct LabelRead {
    pub(super) label: LabelPolicy,
    pub(super) said: bool,
}

pub(super) fn labels(root: &Section<'_>, sink: &mut Sink<'_>) -> Vec<Named<LabelRead>> {
    let help = "write [labels.NAME] and below it secret = true";
    let table = root.get("labels").and_then(|field| field.table(sink, help));
    let Some(table) = table else { return Vec::new() };
    table.named(sink, MAX_LABELS, |field, sink| {
        let section = field.section(sink, &["secret"], help)?;
        let said = section.get("secret");
        let secret = said.as_ref().map_or(Some(false), |field| field.flag(sink))?;
        let label = LabelPolicy { name: field.name.to_owned(), secret };
        Some(LabelRead { label, said: said.is_some() })
    })
}

fn weight(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<u32> {
    let help = "write a weight from 1 to 1000000; its share is the weight over the sum of weights";
    field.whole_u32(sink, &(1..=MAX_WEIGHT), help)
}
