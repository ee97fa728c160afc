//! What contradicts something else in the same scenario.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::Scenario;
use super::super::types::{Arrive, Calls, Load, ToolSpec};
use super::draft::Draft;
use super::load::MOST;
use super::nearest::did_you_mean;
use super::sink::{Kind, Mention, Sink, Span};

/// Everything.
pub(super) fn all(draft: &Draft, sink: &Sink<'_>) {
    let Draft { scenario, places } = draft;
    for mention in sink.mentions() {
        exists(&mention, scenario, sink);
    }
    repeated(&scenario.loads, &places.loads, sink);
    let in_circles = circles(&scenario.tools, &places.tools, sink);
    for (load, place) in scenario.loads.iter().zip(&places.loads) {
        asks_in_time(load, scenario.ends, place, sink);
    }
    for (fault, place) in scenario.faults.iter().zip(&places.faults) {
        let help = "let it begin and end earlier, or let the scenario end later";
        if fault.from + fault.lasts > scenario.ends {
            sink.error(place, "a fault goes on past the scenario's end", help);
        }
    }
    if let (Some(sweep), Some(place)) = (&scenario.sweep, &places.sweep) {
        let limit = scenario.policy.limits.iter().find(|limit| limit.name == sweep.limit);
        if limit.is_some_and(|limit| limit.concurrency.is_none()) {
            let message = format!("limit `{}` has no concurrency to sweep", sweep.limit);
            sink.error(place, message, "give it one in the policy, as in concurrency = 8");
        }
    }
    if !in_circles {
        not_too_many(scenario, places.loads.first().unwrap_or(&places.about), sink);
    }
}

/// Whatever is named is there.
fn exists(mention: &Mention, scenario: &Scenario, sink: &Sink<'_>) {
    let Mention { kind, name, span } = mention;
    let (what, plural, names): (_, _, Vec<&str>) = match kind {
        Kind::Tool => {
            ("tool", "tools", scenario.tools.iter().map(|tool| tool.name.as_str()).collect())
        }
        Kind::Server => {
            let servers = scenario.servers.iter().map(|server| server.name.as_str());
            ("server", "servers", servers.collect())
        }
        Kind::Limit => {
            let limits = scenario.policy.limits.iter().map(|limit| limit.name.as_str());
            ("limit", "limits in the policy", limits.collect())
        }
        Kind::Priority => {
            let priorities = scenario.policy.priorities.iter();
            let names = priorities.map(|priority| priority.name.as_str());
            ("priority", "priorities in the policy", names.collect())
        }
    };
    if !names.contains(&name.as_str()) {
        let help = did_you_mean(name, names.iter().copied(), plural);
        sink.error(span, format!("there is no {what} `{name}`"), help);
    }
}

fn repeated(loads: &[Load], places: &[Span], sink: &Sink<'_>) {
    let mut seen = BTreeSet::new();
    for (load, place) in loads.iter().zip(places) {
        if !seen.insert(&load.name) {
            let message = format!("there are two loads `{}`", load.name);
            sink.error(place, message, "give each load a name of its own");
        }
    }
}

/// Tools that call each other without end; whether there are any.
fn circles(tools: &[ToolSpec], places: &[Span], sink: &Sink<'_>) -> bool {
    let mut found = false;
    for (tool, place) in tools.iter().zip(places) {
        let mut path = vec![tool.name.as_str()];
        if let Some(circle) = circle(tools, &mut path) {
            found = true;
            let message = format!("tools call each other in a circle: {circle}");
            sink.error(place, message, "take one of these calls away");
            break;
        }
    }
    found
}

/// The first way from the last tool of `path` back to its first.
fn circle<'a>(tools: &'a [ToolSpec], path: &mut Vec<&'a str>) -> Option<String> {
    let last = *path.last()?;
    let tool = tools.iter().find(|tool| tool.name == last)?;
    for next in &tool.calls {
        let next = next.tool.as_str();
        if path.first() == Some(&next) {
            return Some(format!("{} → {next}", path.join(" → ")));
        }
        if path.contains(&next) {
            continue;
        }
        path.push(next);
        if let Some(found) = circle(tools, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// Every turn comes before the scenario ends, if all goes as its load says.
fn asks_in_time(load: &Load, ends: Duration, place: &Span, sink: &Sink<'_>) {
    let period = match load.arrive {
        Arrive::Every(period) | Arrive::Bursts(_, period) => period.as_secs_f64(),
        Arrive::Poisson(rate) => 1.0 / rate,
        Arrive::AtOnce | Arrive::Users(..) | Arrive::Pulled => 0.0,
    };
    let at_once = if let Arrive::Bursts(together, _) = load.arrive { together } else { 1 };
    let periods = load.most_turns().saturating_sub(1) / at_once;
    let last = load.start.as_secs_f64() + period * periods as f64;
    if last >= ends.as_secs_f64() {
        let message = format!(
            "load `{}` still asks {last:.0} s after the beginning, and the scenario ends at {} s",
            load.name,
            ends.as_secs_f64()
        );
        sink.error(place, message, "ask less, or earlier, or let the scenario end later");
    }
}

/// A script holds every call, so there is an end to how many there may be.
fn not_too_many(scenario: &Scenario, place: &Span, sink: &Sink<'_>) {
    let calls = scenario.loads.iter().fold(0u64, |sum, load| {
        sum.saturating_add(
            load.most_turns().saturating_mul(with_nested(&load.calls, &scenario.tools)),
        )
    });
    if calls > MOST {
        let message = format!("the loads ask for {calls} calls, and {MOST} is the most");
        sink.error(place, message, "ask for fewer turns or fewer calls in each");
    }
}

/// How many calls these are with all that they make themselves. Tools call in no circle.
fn with_nested(calls: &[Calls], tools: &[ToolSpec]) -> u64 {
    calls.iter().fold(0, |sum: u64, calls| {
        let tool = tools.iter().find(|tool| tool.name == calls.tool);
        let nested = tool.map_or(0, |tool| with_nested(&tool.calls, tools));
        sum.saturating_add(calls.count.saturating_mul(nested.saturating_add(1)))
    })
}
