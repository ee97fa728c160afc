//! What contradicts something else in the same scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::super::regime::Regime;
use super::super::Scenario;
use super::super::types::{Arrive, Fault, FaultKind, Load};
use super::draft::Draft;
use super::load::MOST;
use super::sink::{Sink, Span};
use super::{names, nested};

/// Everything.
pub(super) fn all(draft: &Draft, sink: &Sink<'_>) {
    let Draft { scenario, places } = draft;
    names::all(scenario, sink);
    repeated(&scenario.loads, &places.loads, sink);
    for (load, place) in scenario.loads.iter().zip(&places.loads) {
        asks_in_time(load, scenario.ends, place, sink);
    }
    for (fault, place) in scenario.faults.iter().zip(&places.faults) {
        let help = "let it begin and end earlier, or let the scenario end later";
        if fault.from + fault.lasts > scenario.ends {
            sink.error(place, "a fault goes on past the scenario's end", help);
        }
    }
    crash_apart(&scenario.faults, &places.faults, sink);
    if let Some(place) = &places.sweep {
        swept(scenario, place, sink);
    }
    match nested::totals(&scenario.tools) {
        Ok(totals) => {
            let place = places.loads.first().unwrap_or(&places.about);
            not_too_many(&scenario.loads, &totals, place, sink);
        }
        Err((message, tool)) => {
            let at = scenario.tools.iter().position(|it| it.name == tool);
            let place = at.and_then(|at| places.tools.get(at)).unwrap_or(&places.about);
            sink.error(place, message, "take one of these calls away");
        }
    }
}

/// A process that is down already cannot die.
fn crash_apart(faults: &[Fault], places: &[Span], sink: &Sink<'_>) {
    let crashes = faults.iter().zip(places).filter(|(it, _)| it.kind == FaultKind::Crashes);
    let mut crashes: Vec<_> = crashes.collect();
    crashes.sort_by_key(|(fault, _)| fault.from);
    for pair in crashes.windows(2) {
        let ((before, _), (fault, place)) = (pair[0], pair[1]);
        if fault.from <= before.from + before.lasts {
            let message = "the process crashes before it is back from another crash";
            sink.error(place, message, "let it crash later, or the other crash be over earlier");
        }
    }
}

/// There is something to sweep, and what must hold under the policy as it stands is played as it stands.
fn swept(scenario: &Scenario, place: &Span, sink: &Sink<'_>) {
    let Scenario { sweep: Some(sweep), policy, holds, .. } = scenario else { return };
    let limit = policy.limits.iter().find(|limit| limit.name == sweep.limit);
    match limit.map(|limit| limit.concurrency) {
        Some(None) => {
            let message = format!("limit `{}` has no concurrency to sweep", sweep.limit);
            sink.error(place, message, "give it one in the policy, as in concurrency = 8");
        }
        Some(Some(size)) if !sweep.sizes.contains(&size) => {
            let is_swept = |it: Regime| matches!(it, Regime::Rampmeter | Regime::Semaphore);
            if holds.iter().any(|hold| is_swept(hold.regime)) {
                let message = "what must hold is never told: the policy's own size is not swept";
                sink.error(place, message, format!("add {size} to sweep.concurrency"));
            }
        }
        _ => {}
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
fn not_too_many(loads: &[Load], totals: &BTreeMap<&str, u64>, place: &Span, sink: &Sink<'_>) {
    let calls = loads.iter().fold(0u64, |sum, load| {
        let in_turn = nested::total(&load.calls, totals);
        sum.saturating_add(load.most_turns().saturating_mul(in_turn))
    });
    if calls > MOST {
        let message = format!("the loads ask for {calls} calls, and {MOST} is the most");
        sink.error(place, message, "ask for fewer turns or fewer calls in each");
    }
}
