//! `concurrency` and `reserved`: the slots of a limit, and for whom some of them are kept.

use super::field::Field;
use super::nearest::did_you_mean;
use super::section::Section;
use super::source::{Sink, shown};
use super::types::{PriorityPolicy, ReservedPolicy};

/// The most slots a limit may have.
pub(super) const MAX_SLOTS: u64 = 1_000_000_000;

const HELP: &str = "write how many may run at once, as in concurrency = 8; leave it out for no \
                    limit";

/// Slots as they are written.
pub(super) struct Slots {
    pub(super) size: Option<u64>,
    pub(super) lend: bool,
    pub(super) reserved: Vec<ReservedPolicy>,
}

/// The slots of a limit. Where the priorities cannot be told, none is missing.
pub(super) fn slots(
    limit: &Section<'_>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> Slots {
    let field = limit.get("concurrency");
    let (size, lend) = match &field {
        Some(field) if field.is_table() => sized(field, sink),
        Some(field) => (plain(field, sink), true),
        None => (None, true),
    };
    let said = limit.get("reserved");
    if let (Some(reserved), None) = (&said, &field) {
        let message = format!("`{}` means nothing without `concurrency`", reserved.path);
        sink.error(&reserved.name_span, message, "add concurrency = N, or remove it");
        return Slots { size, lend, reserved: Vec::new() };
    }
    let reserved = said.map(|field| reserved(&field, size, priorities, sink));
    Slots { size, lend, reserved: reserved.unwrap_or_default() }
}

/// The slots of whoever keeps none for anybody.
pub(super) fn concurrency(section: &Section<'_>, sink: &mut Sink<'_>) -> Option<u64> {
    plain(&section.get("concurrency")?, sink)
}

fn plain(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<u64> {
    field.whole(sink, &(1..=MAX_SLOTS), HELP)
}

fn sized(field: &Field<'_>, sink: &mut Sink<'_>) -> (Option<u64>, bool) {
    let help = "write concurrency = { size = 4096, lend = false }";
    let Some(section) = field.section(sink, &["size", "lend"], help) else { return (None, true) };
    let size = match section.get("size") {
        Some(size) => plain(&size, sink),
        None => {
            sink.error(&section.span, format!("`{}` says no size", section.path), help);
            None
        }
    };
    let lend = section.get("lend").and_then(|lend| lend.flag(sink));
    (size, lend.unwrap_or(true))
}

fn reserved(
    field: &Field<'_>,
    size: Option<u64>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> Vec<ReservedPolicy> {
    let help = "write reserved = { critical = 4 }: 4 slots for that priority and those above it";
    let Some(table) = field.table(sink, help) else { return Vec::new() };
    let mut reserved = Vec::new();
    for field in table.fields() {
        let known = priorities.is_none_or(|all| all.iter().any(|it| it.name == field.name));
        if !known {
            let message = format!("`{}`: there is no priority `{}`", field.path, shown(field.name));
            let names = priorities.unwrap_or_default().iter().map(|it| it.name.as_str());
            sink.error_with(&field.name_span, message, || {
                did_you_mean(field.name, names, "priorities")
            });
        }
        let help = "write how many slots are kept";
        let Some(slots) = field.whole(sink, &(1..=MAX_SLOTS), help) else { continue };
        if let Some(size) = size.filter(|size| slots > *size) {
            let message = format!("`{}` keeps {slots} slots, and the limit has {size}", field.path);
            sink.error(&field.span, message, format!("write at most {size}"));
        }
        reserved.push(ReservedPolicy { priority: field.name.to_owned(), slots });
    }
    reserved
}
