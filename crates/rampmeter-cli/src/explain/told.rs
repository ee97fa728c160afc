//! Why one call waited, in words.

use std::fmt::Write;

use super::ahead::{Ahead, Crowd};
use super::fold::{Limit, Run};
use super::pick::name;
use super::story::{Call, Stretch};

/// All that is known of the wait of the call at `at`.
pub(super) fn told(run: &Run, at: usize) -> String {
    let call = &run.calls[at];
    let mut text = format!(
        "call {} (#{}) of {}, flow {}, priority {}\n  {}\n",
        name(run, at),
        at + 1,
        call.tool,
        call.flow,
        call.priority,
        life(run, call)
    );
    for stretch in call.stretches(run) {
        let _ = writeln!(
            text,
            "\n  {} at {}, from {} to {}: {}",
            span(stretch.to_us - stretch.from_us),
            limit_name(stretch.limit),
            moment(stretch.from_us),
            moment(stretch.to_us),
            waits_for(run, &stretch),
        );
        around(&mut text, run, at, &stretch);
    }
    text
}

/// What happened to it, in one line.
fn life(run: &Run, call: &Call) -> String {
    let again = match call.attempt {
        1 => String::new(),
        attempt => format!("attempt {attempt}, "),
    };
    let mut text = format!("{again}asked for at {}", moment(call.asked_us));
    if call.queued_us.is_some() {
        let _ = write!(text, ", waited {}", span(call.waited_us(run)));
    } else if call.started_us.is_some() {
        text.push_str(", did not wait");
    }
    if let Some(started) = call.started_us {
        let _ = write!(text, ", started at {}", moment(started));
    }
    let Some(end) = &call.end else {
        text.push_str("; the events end before it does");
        return text;
    };
    if let Some(started) = call.started_us {
        let _ = write!(text, ", ran {}", span(end.at_us.saturating_sub(started)));
    }
    let ended = match end.event.as_str() {
        "tool.completed" => "succeeded",
        "tool.failed" => "failed",
        "tool.cancelled" => "was given up",
        _ => "was refused",
    };
    let _ = write!(text, ", {ended}");
    match end.by.as_deref() {
        Some("flight") => text.push_str(" with the run of a call like it"),
        Some("cache") => text.push_str(" with what was kept"),
        _ => {}
    }
    if let Some(reason) = &end.reason {
        let by = end.limit.as_deref().map(|limit| format!("by {}: ", limit_name(Some(limit))));
        let _ = write!(text, " {}{reason}", by.unwrap_or_default());
    }
    text
}

/// What it was that it waited for.
fn waits_for(run: &Run, stretch: &Stretch<'_>) -> String {
    let Some(limit) = stretch.limit else {
        return "the events do not say for what".into();
    };
    let own = match stretch.obstacle {
        Some("turn") | None => "for its turn",
        Some(obstacle) => return in_words(obstacle).into(),
    };
    // Behind others it waits for what the first of them waits for.
    let known = run.limits.get(limit).map(|limit| limit.obstacles.as_slice()).unwrap_or_default();
    let first = known.partition_point(|(at, _)| *at <= stretch.from_us).saturating_sub(1);
    let during = known.iter().skip(first).take_while(|(at, _)| *at < stretch.to_us);
    let mut short: Vec<_> = during.map(|(_, obstacle)| in_words(obstacle)).collect();
    short.sort_unstable();
    short.dedup();
    match short.as_slice() {
        [] => own.into(),
        short => format!("{own}, behind others who waited {}", short.join(" and ")),
    }
}

fn in_words(obstacle: &str) -> &str {
    match obstacle {
        "turn" => "for their turn",
        "slots" => "for slots that others held",
        "rate" => "for the rate",
        "key" => "for the key, which others had or stood in line for",
        "cool_down" => "for the end of a cool-down",
        "breaker" => "for the breaker",
        "claim" => "for room that was kept for a call that had waited for more",
        "paused" => "for the limit to be resumed",
        other => other,
    }
}

/// Who was before it there, and when the limit let nobody start.
fn around(text: &mut String, run: &Run, at: usize, stretch: &Stretch<'_>) {
    let Some(limit) = stretch.limit else { return };
    let ahead = Ahead::of(run, at, stretch);
    let mut tell = |what: &str, crowd: &Crowd| {
        if crowd.calls > 0 {
            let _ = writeln!(text, "    {what}: {}", crowd.in_words());
        }
    };
    tell("waited there before it", &ahead.there);
    tell("of those that waited there, started while it did", &ahead.went);
    tell("of these, had been asked for later", &ahead.passed);
    let stops = run.limits.get(limit).map(|Limit { stops, .. }| stops.as_slice());
    for stop in stops.unwrap_or_default() {
        let to = stop.to_us.unwrap_or(run.until_us);
        if stop.from_us < stretch.to_us && to > stretch.from_us {
            let (from, to) = (moment(stop.from_us), moment(to));
            let _ = writeln!(text, "    the limit {} from {from} to {to}", stop.why);
        }
    }
}

/// "limit NAME" or "key NAME".
pub(super) fn limit_name(limit: Option<&str>) -> String {
    match limit {
        Some(key) if key.starts_with("key ") => key.into(),
        Some(limit) => format!("limit {limit}"),
        None => "a place that the events do not name".into(),
    }
}

pub(super) fn moment(at_us: u64) -> String {
    format!("{}.{:06} s", at_us / 1_000_000, at_us % 1_000_000)
}

pub(super) fn span(us: u64) -> String {
    format!("{:.1?}", std::time::Duration::from_micros(us))
}
