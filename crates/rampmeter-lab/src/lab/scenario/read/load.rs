//! `[[load]]`: who asks for what, and when.

use std::time::Duration;

use super::super::types::{Arrive, Calls, Load};
use super::draft::Placed;
use super::field::{Field, Section};
use super::sink::Kind;

const KEYS: [&str; 10] =
    ["name", "flow", "flows", "priority", "start", "arrive", "turns", "for", "sequence", "calls"];
const ARRIVE: &str = "write \"at once\", \"pulled\", { every = \"100ms\" }, { poisson = \"50/s\" }, \
                      { burst = 10, every = \"1s\" } or { users = 8, think = \"1s\" }";
const CALLS: &str = "write calls = \"search\", or calls = [{ tool = \"search\", count = 5 }]";

/// The most of anything that one number may ask for.
pub(super) const MOST: u64 = 1_000_000;

pub(super) fn load(load: Section<'_>) -> Option<Placed<Load>> {
    let load = load.only(&KEYS);
    let name = load.need("name", "give it one, as in name = \"users\"")?.text()?;
    let flow = load.get("flow").map_or(Some(name.clone()), |flow| flow.text())?;
    let priority = match load.get("priority") {
        Some(priority) => priority.mention(Kind::Priority)?,
        None => {
            load.sink.mention(Kind::Priority, "normal", &load.span);
            "normal".to_owned()
        }
    };
    let arrive = load.get("arrive").map_or(Some(Arrive::AtOnce), |field| arrive(&field));
    let value = Load {
        name,
        flow,
        flows: load.get("flows").map_or(Some(1), |flows| flows.whole_u32(1..=100_000))?,
        priority,
        start: load.get("start").map_or(Some(Duration::ZERO), |start| start.duration())?,
        arrive: arrive?,
        turns: whole(&load, "turns"),
        lasts: load.get("for").and_then(|lasts| lasts.period()),
        calls: calls(&load.need("calls", CALLS)?),
        sequence: load.get("sequence").is_some_and(|flag| flag.flag().unwrap_or_default()),
    };
    Some(Placed { value: ends(value, &load)?, span: load.span })
}

/// How many calls of which tool: `"search"`, or `[{ tool = "search", count = 5 }]`.
pub(super) fn calls(field: &Field<'_>) -> Vec<Calls> {
    if field.as_text().is_some() {
        let tool = field.mention(Kind::Tool);
        let one = |tool| Calls { tool, count: 1, arguments: None };
        return tool.map(one).into_iter().collect();
    }
    let elements = field.list(CALLS);
    if field.is_list() && elements.is_empty() {
        field.error(format!("`{}` asks for nothing", field.path), CALLS);
    }
    let one = |element: Field<'_>| {
        if element.as_text().is_some() {
            let tool = element.mention(Kind::Tool)?;
            return Some(Calls { tool, count: 1, arguments: None });
        }
        let calls = element.table(CALLS)?.only(&["tool", "count", "arguments"]);
        let tool = calls.need("tool", CALLS)?.mention(Kind::Tool)?;
        let count = calls.get("count").map_or(Some(1), |count| count.whole(1..=MOST))?;
        let arguments = calls.get("arguments").and_then(|field| arguments(&field));
        Some(Calls { tool, count, arguments })
    };
    elements.into_iter().filter_map(one).collect()
}

/// Arguments are an object, whatever is filled in.
fn arguments(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    let filled = super::super::expand::filled(&text, 0, 0, "a");
    match serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&filled) {
        Ok(_) => Some(text),
        Err(error) => {
            let message = format!("`{}` is no JSON object: {error}", field.path);
            field.error(message, "write it as in arguments = '{\"path\": \"{flow}/{call}\"}'");
            None
        }
    }
}

fn arrive(field: &Field<'_>) -> Option<Arrive> {
    if field.as_text().is_some() {
        return field.choice(&[("at once", Arrive::AtOnce), ("pulled", Arrive::Pulled)]);
    }
    let table = field.table(ARRIVE)?;
    let kinds = ["users", "burst", "poisson", "every"];
    let kind = kinds.into_iter().find(|kind| table.get(kind).is_some());
    let table = table.only(match kind {
        Some("users") => &["users", "think"],
        Some("burst") => &["burst", "every"],
        Some("poisson") => &["poisson"],
        Some("every") => &["every"],
        _ => &kinds,
    });
    match kind {
        Some("users") => {
            let think = table.get("think").map_or(Some(Duration::ZERO), |it| it.duration());
            Some(Arrive::Users(table.get("users")?.whole_u32(1..=100_000)?, think?))
        }
        Some("burst") => {
            let every = table.need("every", "say how often, as in every = \"1s\"")?.period()?;
            Some(Arrive::Bursts(table.get("burst")?.whole(1..=MOST)?, every))
        }
        Some("poisson") => {
            let rate = table.get("poisson")?.rate()?;
            Some(Arrive::Poisson(rate.calls as f64 / rate.period.as_secs_f64()))
        }
        Some(_) => Some(Arrive::Every(table.get("every")?.period()?)),
        None => {
            field.error("`load.arrive` does not say how", ARRIVE);
            None
        }
    }
}

/// Every load comes to an end that is known before anything is played.
fn ends(mut value: Load, load: &Section<'_>) -> Option<Load> {
    let goes_on = match value.arrive {
        Arrive::Every(_) | Arrive::Poisson(_) | Arrive::Bursts(..) => true,
        Arrive::AtOnce => {
            value.turns = value.turns.or(Some(1));
            false
        }
        Arrive::Users(..) | Arrive::Pulled => false,
    };
    if let (false, Some(lasts)) = (goes_on, load.get("for")) {
        let message = "`load.for` means nothing to turns that do not come by the clock";
        lasts.error(message, "write how many there are, as in turns = 100");
        return None;
    }
    if let (Arrive::Pulled, true, Some(field)) =
        (value.arrive, value.sequence, load.get("sequence"))
    {
        let message = "turns that are `pulled` have all their calls at once, not in sequence";
        field.error(message, "remove one of the two");
        return None;
    }
    if value.turns.is_none() && value.lasts.is_none() && load.get("turns").is_none() {
        let help = match goes_on {
            true => "write turns = 100, or for = \"30s\"",
            false => "write how many there are, as in turns = 100",
        };
        load.sink.error(&load.span, format!("load `{}` has no end", value.name), help);
        return None;
    }
    Some(value)
}

fn whole(load: &Section<'_>, key: &str) -> Option<u64> {
    load.get(key).and_then(|field| field.whole(1..=MOST))
}
