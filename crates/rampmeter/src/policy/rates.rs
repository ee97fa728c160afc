//! Rates, as a limit or a simulated provider states them: a string, a table, or a list of these.

use std::time::Duration;

use super::field::Field;
use super::quantity::{self, MAX_AMOUNT};
use super::section::Section;
use super::source::{Complaint, Sink};
use super::types::{RateKind, RatePolicy, Unit};
use super::zone::Zone;

/// Rates one key may list.
const MAX_RATES: usize = 8;

const KEYS: [&str; 5] = ["rate", "kind", "transit", "burst", "zone"];

const HELP: &str = "write \"30/min\", or a table such as { rate = \"30/min\", kind = \"bucket\" }";

/// Who counts: that decides what a sliding window must allow for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Counter {
    /// A limit of ours: calls leave here and are counted elsewhere, some time later.
    Limit,
    /// A provider: it counts calls where they arrive.
    Provider,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sliding,
    Bucket,
    Calendar,
}

const KINDS: [(&str, Kind); 3] =
    [("sliding", Kind::Sliding), ("bucket", Kind::Bucket), ("calendar", Kind::Calendar)];

/// The rates of `requests` and of each kind of tokens, in this order.
pub(super) fn rates(
    section: &Section<'_>,
    counter: Counter,
    sink: &mut Sink<'_>,
) -> Vec<RatePolicy> {
    let mut rates = Vec::new();
    for unit in [Unit::Requests].into_iter().chain(Unit::COSTS) {
        let Some(field) = section.get(unit.key()) else { continue };
        if !field.is_list() {
            rates.extend(rate(&field, unit, counter, sink));
            continue;
        }
        let elements = field.list(sink, HELP).unwrap_or_default();
        if elements.is_empty() {
            sink.error(&field.span, format!("`{}` is an empty list", field.path), HELP);
        }
        if elements.len() > MAX_RATES {
            let message = format!("`{}` lists {} rates", field.path, elements.len());
            sink.error(&field.span, message, format!("keep at most {MAX_RATES}"));
        }
        let read = elements.iter().take(MAX_RATES);
        rates.extend(read.filter_map(|element| rate(element, unit, counter, sink)));
    }
    rates
}

fn rate(
    field: &Field<'_>,
    unit: Unit,
    counter: Counter,
    sink: &mut Sink<'_>,
) -> Option<RatePolicy> {
    if !field.is_table() {
        let help = "write \"N/period\", as in \"30/min\"";
        let (amount, period) = field.quantity(sink, help, quantity::rate)?;
        let kind = RateKind::Sliding { transit: default_transit(period, counter) };
        return Some(RatePolicy { unit, amount, period, kind });
    }
    let table = field.section(sink, &KEYS, HELP)?;
    let kind = match table.get("kind") {
        None => Some(Kind::Sliding),
        Some(kind) => kind_of(&kind, sink),
    };
    let Some(stated) = table.get("rate") else {
        sink.error(&table.span, format!("`{}` says no rate", field.path), HELP);
        return None;
    };
    let stated_rate = stated.quantity(sink, "write it as in \"30/min\"", quantity::rate);
    let kind = kind?;
    refuse_keys_of_others(&table, kind, sink);
    let (amount, period) = stated_rate?;
    let kind = match kind {
        Kind::Sliding => RateKind::Sliding { transit: transit(&table, period, counter, sink)? },
        Kind::Bucket => {
            let help = "write how many a full bucket holds, as in burst = 10";
            let burst = table.get("burst").map(|burst| burst.whole(sink, &(1..=MAX_AMOUNT), help));
            RateKind::Bucket { burst: burst.unwrap_or(Some(amount))? }
        }
        Kind::Calendar => {
            check_calendar_period(&stated, period, sink)?;
            RateKind::Calendar { zone: zone(&table, counter, sink)? }
        }
    };
    Some(RatePolicy { unit, amount, period, kind })
}

fn kind_of(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<Kind> {
    let help = "write kind = \"sliding\", \"bucket\" or \"calendar\"";
    if field.text(sink, help)? == "adaptive" {
        let message = format!("`{}`: slots are learned, and rates are not", field.path);
        sink.error(&field.span, message, "write concurrency = { size = 20, adaptive = \"aimd\" }");
        return None;
    }
    field.choice(sink, &KINDS)
}

/// A key that belongs to another kind would be read and never enforced.
fn refuse_keys_of_others(table: &Section<'_>, kind: Kind, sink: &mut Sink<'_>) {
    let owners = [("transit", Kind::Sliding), ("burst", Kind::Bucket), ("zone", Kind::Calendar)];
    for (key, owner) in owners {
        let Some(field) = table.get(key).filter(|_| kind != owner) else { continue };
        let name = KINDS.iter().find(|(_, kind)| *kind == owner).map_or("", |(name, _)| name);
        let message = format!("`{}` means nothing here: only kind = \"{name}\" has it", field.path);
        sink.error(&field.name_span, message, format!("write kind = \"{name}\", or remove it"));
    }
}

fn transit(
    table: &Section<'_>,
    period: Duration,
    counter: Counter,
    sink: &mut Sink<'_>,
) -> Option<Duration> {
    let Some(field) = table.get("transit") else { return Some(default_transit(period, counter)) };
    if counter == Counter::Provider {
        let message = format!("`{}` means nothing to a provider", field.path);
        sink.error(&field.name_span, message, "remove it: calls are counted where they arrive");
        return None;
    }
    let transit = field.quantity(sink, "write it as in \"100ms\"", quantity::duration)?;
    if transit > period {
        let message = format!("`{}` is longer than the period of its rate", field.path);
        let most = quantity::show_duration(period);
        sink.error(&field.span, message, format!("write at most \"{most}\""));
        return None;
    }
    Some(transit)
}

fn default_transit(period: Duration, counter: Counter) -> Duration {
    match counter {
        Counter::Limit => period / 128,
        Counter::Provider => Duration::ZERO,
    }
}

fn zone(table: &Section<'_>, counter: Counter, sink: &mut Sink<'_>) -> Option<Zone> {
    let Some(field) = table.get("zone") else { return Some(Zone::UTC) };
    let zone = field.quantity(sink, "write zone = \"UTC\"", quantity::zone)?;
    if counter == Counter::Provider && zone.offset_seconds().is_none() {
        let message =
            format!("`{}`: the clocks of simulated providers are never changed", field.path);
        sink.error(&field.span, message, "write an offset such as \"+02:00\"");
        return None;
    }
    Some(zone)
}

/// Windows are counted from midnight, so a whole number of them must make a day.
fn check_calendar_period(rate: &Field<'_>, period: Duration, sink: &mut Sink<'_>) -> Option<()> {
    const DAY_SECONDS: u64 = 86_400;
    let seconds = period.as_secs();
    let whole = period.subsec_nanos() == 0 && seconds > 0 && DAY_SECONDS.is_multiple_of(seconds);
    if !whole {
        let what = quantity::show_duration(period);
        let complaint = Complaint::new(
            format!("a calendar day is not a whole number of windows of {what}"),
            "write a period such as s, min, 15m, h or day, or leave kind = \"calendar\" out",
        );
        sink.complain(&rate.span, &rate.path, complaint);
    }
    whole.then_some(())
}
