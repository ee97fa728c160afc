//! `queue = { … }`: how many calls may wait at a limit, how long, and who makes room.

use super::field::Field;
use super::section::Section;
use super::source::Sink;
use super::types::{Overflow, QueuePolicy};

const MAX_WAITING: u64 = 10_000_000;

/// A queue of which nothing is said.
pub(super) const DEFAULT: QueuePolicy =
    QueuePolicy { size: 10_000, per_flow: None, age: None, overflow: Overflow::Refuse };

/// The words of [`Overflow`].
pub(super) const OVERFLOW: [(&str, Overflow); 2] =
    [("refuse", Overflow::Refuse), ("evict", Overflow::Evict)];

/// The queue of a limit.
pub(super) fn queue(limit: &Section<'_>, sink: &mut Sink<'_>) -> QueuePolicy {
    let Some(field) = limit.get("queue") else { return DEFAULT };
    let help = "write queue = { size = 10000, age = \"60s\" }";
    let keys = ["size", "age", "per_flow", "overflow"];
    let Some(section) = field.section(sink, &keys, help) else { return DEFAULT };
    let mut queue = DEFAULT;
    if let Some(size) = section.get("size") {
        let help = "write how many calls may wait; 0 lets none wait";
        queue.size = size.whole(sink, &(0..=MAX_WAITING), help).unwrap_or(DEFAULT.size);
    }
    queue.age = section.get("age").and_then(|age| {
        age.duration(sink, "write how long a call may wait, or size = 0 to let none wait")
    });
    let overflow = section.get("overflow");
    queue.overflow =
        overflow.and_then(|field| evicting(&field, queue.size, sink)).unwrap_or_default();
    queue.per_flow = section.get("per_flow").and_then(|field| per_flow(&field, queue.size, sink));
    queue
}

fn evicting(field: &Field<'_>, size: u64, sink: &mut Sink<'_>) -> Option<Overflow> {
    let overflow = field.choice(sink, &OVERFLOW)?;
    if overflow == Overflow::Evict && size == 0 {
        let message = format!("`{}`: no call waits here that could be evicted", field.path);
        sink.error(&field.span, message, "write a size of at least 1, or remove it");
    }
    Some(overflow)
}

fn per_flow(field: &Field<'_>, size: u64, sink: &mut Sink<'_>) -> Option<u64> {
    let help = "write how many calls of one flow may wait";
    let per_flow = field.whole(sink, &(1..=MAX_WAITING), help)?;
    if per_flow > size {
        let message =
            format!("`{}` is {per_flow}, and no more than {size} may wait at all", field.path);
        sink.error(&field.span, message, "write at most the queue's size, or remove it");
    }
    Some(per_flow)
}
