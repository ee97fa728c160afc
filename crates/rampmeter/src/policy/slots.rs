//! `concurrency` and `reserved`: the slots of a limit, whether their number is learned, and for whom
//! some of them are kept.

use super::field::Field;
use super::nearest::did_you_mean;
use super::section::Section;
use super::source::{Sink, shown};
use super::types::{AdaptivePolicy, AdaptiveRule, PriorityPolicy, ReservedPolicy};

/// The most slots a limit may have.
pub(super) const MAX_SLOTS: u64 = 1_000_000_000;

const HELP: &str = "write how many may run at once, as in concurrency = 8; leave it out for no \
                    limit";

/// The rules by which slots can be learned, as they are written.
pub(super) const RULES: [(&str, AdaptiveRule); 2] =
    [("aimd", AdaptiveRule::Aimd), ("vegas", AdaptiveRule::Vegas)];

/// Learned slots grow to so many times those they start with, unless the policy says otherwise.
const GROWTH: u64 = 10;

/// Slots as they are written.
pub(super) struct Slots {
    pub(super) size: Option<u64>,
    pub(super) adaptive: Option<AdaptivePolicy>,
    pub(super) lend: bool,
    pub(super) reserved: Vec<ReservedPolicy>,
}

impl Slots {
    /// None, and what there were of them would be lent.
    const LENT: Slots = Slots { size: None, adaptive: None, lend: true, reserved: Vec::new() };
}

/// The slots of a limit. Where the priorities cannot be told, none is missing.
pub(super) fn slots(
    limit: &Section<'_>,
    priorities: Option<&[PriorityPolicy]>,
    sink: &mut Sink<'_>,
) -> Slots {
    let field = limit.get("concurrency");
    let mut slots = match &field {
        Some(field) if field.is_table() => sized(field, sink),
        Some(field) => Slots { size: plain(field, sink), ..Slots::LENT },
        None => Slots::LENT,
    };
    let said = limit.get("reserved");
    if let (Some(reserved), None) = (&said, &field) {
        let message = format!("`{}` means nothing without `concurrency`", reserved.path);
        sink.error(&reserved.name_span, message, "add concurrency = N, or remove it");
        return slots;
    }
    if let Some(field) = said {
        slots.reserved = reserved(&field, slots.size, priorities, sink);
    }
    slots
}

/// The slots of whoever keeps none for anybody.
pub(super) fn concurrency(section: &Section<'_>, sink: &mut Sink<'_>) -> Option<u64> {
    plain(&section.get("concurrency")?, sink)
}

fn plain(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<u64> {
    field.whole(sink, &(1..=MAX_SLOTS), HELP)
}

fn sized(field: &Field<'_>, sink: &mut Sink<'_>) -> Slots {
    let help = "write concurrency = { size = 4096, lend = false }";
    let keys = ["size", "adaptive", "min", "max", "lend"];
    let Some(section) = field.section(sink, &keys, help) else { return Slots::LENT };
    let size = match section.get("size") {
        Some(size) => plain(&size, sink),
        None => {
            sink.error(&section.span, format!("`{}` says no size", section.path), help);
            None
        }
    };
    let lend = section.get("lend").and_then(|lend| lend.flag(sink)).unwrap_or(true);
    let adaptive = adaptive(&section, size, sink);
    Slots { size, adaptive, lend, reserved: Vec::new() }
}

/// Whether and between which bounds the number of slots is learned.
fn adaptive(
    section: &Section<'_>,
    size: Option<u64>,
    sink: &mut Sink<'_>,
) -> Option<AdaptivePolicy> {
    let Some(rule) = section.get("adaptive") else {
        for bound in ["min", "max"].into_iter().filter_map(|key| section.get(key)) {
            let message = format!("`{}` means nothing without `adaptive`", bound.path);
            sink.error(&bound.name_span, message, "add adaptive = \"aimd\", or remove it");
        }
        return None;
    };
    let rule = rule.choice(sink, &RULES);
    let bound = |key, range, default, help, sink: &mut Sink<'_>| match section.get(key) {
        Some(field) => field.whole(sink, &range, help),
        None => Some(default),
    };
    let size = size?;
    let help = "write the fewest slots, from 1 to the size that they start with";
    let min = bound("min", 1..=size, 1, help, sink);
    let most = size.saturating_mul(GROWTH).min(MAX_SLOTS);
    let help = "write the most slots, from the size that they start with on";
    let max = bound("max", size..=MAX_SLOTS, most, help, sink);
    Some(AdaptivePolicy { rule: rule?, min: min?, max: max? })
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
