//! What a tool draws on: `limits = ["groq"]` or `limits = { groq = { weight = 2, tokens = 900 } }`.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::Severity;
use super::field::Field;
use super::nearest::did_you_mean;
use super::quantity::MAX_AMOUNT;
use super::section::{Named, Section};
use super::slots::MAX_SLOTS;
use super::source::{Sink, Span, shown};
use super::spelling::key;
use super::types::{DrawPolicy, LimitPolicy, PriorityPolicy, Unit};

const KEYS: [&str; 4] = ["weight", "tokens", "input_tokens", "output_tokens"];

const HELP: &str = "write limits = [\"NAME\"] or limits = { NAME = { weight = 2 } }";

/// The limits that there are, by name.
pub(super) type KnownLimits<'a> = BTreeMap<&'a str, &'a Named<LimitPolicy>>;

/// A draw as written.
struct Draft<'a> {
    limit: &'a str,
    span: Span,
    path: String,
    weight: Option<(u64, Span)>,
    costs: Vec<(Unit, u64, Span)>,
}

/// The priority of the tool's calls, among all that there are.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) priority: &'a str,
    pub(super) priorities: &'a [PriorityPolicy],
}

/// What `tool` draws on. Where the limits cannot be told, nothing is said of missing ones.
pub(super) fn draws(
    tool: &Section<'_>,
    limits: Option<&KnownLimits<'_>>,
    at: Option<At<'_>>,
    sink: &mut Sink<'_>,
) -> Vec<DrawPolicy> {
    let Some(field) = tool.get("limits") else { return Vec::new() };
    let drafts = if field.is_list() { listed(&field, sink) } else { tabled(&field, sink) };
    let mut draws = Vec::new();
    for draft in drafts {
        if let Some(limits) = limits {
            check(&draft, limits, at, sink);
        }
        let weight = draft.weight.map_or(1, |(weight, _)| weight);
        let costs = draft.costs.iter().map(|(unit, amount, _)| (*unit, *amount)).collect();
        draws.push(DrawPolicy { limit: draft.limit.to_owned(), weight, costs });
    }
    draws
}

fn listed<'a>(field: &Field<'a>, sink: &mut Sink<'_>) -> Vec<Draft<'a>> {
    let mut seen = BTreeSet::new();
    let mut drafts = Vec::new();
    for element in field.list(sink, HELP).unwrap_or_default() {
        let Some(limit) = element.text(sink, HELP) else { continue };
        let (span, path) = (element.span, element.path);
        if !seen.insert(limit) {
            let message = format!("`{path}` lists `{}` twice", shown(limit));
            let help = "keep one; write { NAME = { weight = 2 } } to take more of it";
            sink.error(&span, message, help);
            continue;
        }
        drafts.push(Draft { limit, span, path, weight: None, costs: Vec::new() });
    }
    drafts
}

fn tabled<'a>(field: &Field<'a>, sink: &mut Sink<'_>) -> Vec<Draft<'a>> {
    if !field.is_table() {
        field.mismatch::<()>(sink, "a list or a table of limits", HELP);
        return Vec::new();
    }
    let Some(table) = field.table(sink, HELP) else { return Vec::new() };
    let read = |field: Field<'a>| {
        let help = format!("write {} = {{ weight = 2 }}", shown(&key(field.name)));
        let section = field.section(sink, &KEYS, &help)?;
        let mut number = |key, range, help| {
            let field = section.get(key)?;
            Some((field.whole(sink, &range, help)?, field.span))
        };
        let weight = number("weight", 1..=MAX_SLOTS, "write how many slots a call takes");
        let costs = Unit::COSTS.into_iter().filter_map(|unit| {
            let help = "write how many tokens a call takes";
            let (amount, span) = number(unit.key(), 0..=MAX_AMOUNT, help)?;
            Some((unit, amount, span))
        });
        let costs: Vec<_> = costs.collect();
        // What is there and wrong was reported; that it is missing would be one error too many.
        let said = Unit::COSTS.iter().filter(|unit| section.get(unit.key()).is_some()).count();
        let complete = weight.is_some() == section.get("weight").is_some() && costs.len() == said;
        let (limit, span, path) = (field.name, field.name_span, field.path);
        complete.then_some(Draft { limit, span, path, weight, costs })
    };
    table.fields().into_iter().filter_map(read).collect()
}

fn check(draft: &Draft<'_>, limits: &KnownLimits<'_>, at: Option<At<'_>>, sink: &mut Sink<'_>) {
    let name = shown(draft.limit);
    let Some(limit) = limits.get(draft.limit) else {
        let message = format!("`{}`: there is no limit `{name}`", draft.path);
        sink.error_with(&draft.span, message, || {
            did_you_mean(draft.limit, limits.keys().copied(), "limits")
        });
        return;
    };
    if limit.sound {
        check_weight(draft, &limit.value, at, sink);
        check_costs(draft, &limit.value, sink);
    }
}

fn check_weight(draft: &Draft<'_>, limit: &LimitPolicy, at: Option<At<'_>>, sink: &mut Sink<'_>) {
    let name = shown(draft.limit);
    let (weight, span) =
        draft.weight.as_ref().map_or((1, &draft.span), |(weight, span)| (*weight, span));
    let kept = at.and_then(|at| {
        let (left, kept) = limit.kept_from(at.priority, at.priorities)?;
        Some((at.priority, left, kept))
    });
    match limit.most_slots() {
        None if weight > 1 => {
            let message = format!("`{}`: limit `{name}` has no slots to weigh", draft.path);
            let help = format!("remove the weight, or give limit `{name}` a concurrency");
            sink.error(span, message, help);
        }
        Some(slots) if weight > slots => {
            let message = format!(
                "`{}`: weight {weight} never fits, limit `{name}` has {slots} slots",
                draft.path
            );
            sink.error(span, message, format!("write a weight of at most {slots}"));
        }
        Some(slots) => {
            let Some((priority, left, kept)) = kept.filter(|(_, left, _)| weight > *left) else {
                return;
            };
            let (priority, kept_for) = (shown(priority), shown(&kept.priority));
            let message = format!(
                "`{}`: weight {weight} never fits at priority `{priority}`, limit `{name}` keeps \
                 {} of {slots} slots for `{kept_for}`",
                draft.path, kept.slots
            );
            let help = match left {
                0 => format!("keep fewer slots for `{kept_for}`, or raise the tool's priority"),
                left => format!("write a weight of at most {left}, or keep fewer slots"),
            };
            sink.error(span, message, help);
        }
        None => {}
    }
}

/// What is not said is learned; what is more than there ever is borrows.
fn check_costs(draft: &Draft<'_>, limit: &LimitPolicy, sink: &mut Sink<'_>) {
    let name = shown(draft.limit);
    for (unit, amount, span) in &draft.costs {
        let key = unit.key();
        let rates = limit.rates.iter().filter(|rate| rate.unit == *unit);
        let Some(most) = rates.map(super::types::RatePolicy::capacity).min() else {
            let message = format!("`{}`: limit `{name}` counts no {key}", draft.path);
            let help = format!("remove them, or give limit `{name}` a rate of {key}");
            sink.error(span, message, help);
            continue;
        };
        if *amount > most {
            let message = format!(
                "`{}`: limit `{name}` holds {most} {key} at once, so a call of {amount} borrows the \
                 rest and nothing else starts until it is paid back",
                draft.path
            );
            let help = format!("write at most {key} = {most} if that is not meant");
            sink.remark(Severity::Warning, span, message, help);
        }
    }
}
