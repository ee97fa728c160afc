//! What providers say of their quotas in their headers, and of delays in 429s.
//!
//! Delays and moments are real time. Where the clock runs faster than the real one, delays that
//! real providers tell in whole seconds are told in fractions, as a whole second could be many
//! windows; where a form knows whole numbers only, it is rounded up.

mod time;

use crate::config::Style;
use crate::desk::Standing;
use crate::quota::{DAY_NS, Unit};
use time::{go_duration, rfc3339, seconds, whole_seconds};

/// Names and values, in lower case names.
pub(crate) type Headers = Vec<(String, String)>;

/// What is told of time: delays in real time, and what the provider takes the moment to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) unix_ns: u64,
    /// Delays of whole seconds are told as such.
    pub(crate) whole_seconds: bool,
}

/// What every answer says. Each standing's reset and period are real time.
pub(crate) fn standing(style: Style, standings: &[Standing], told: Told) -> Headers {
    match style {
        Style::Openai => openai(standings, false),
        Style::Groq => openai(standings, true),
        Style::Anthropic => anthropic(standings, told),
        Style::Gemini => Vec::new(),
        Style::Github => github(standings, told),
        Style::IetfOld => ietf_old(standings),
        Style::IetfNew => ietf_new(standings),
    }
}

/// What a call that is turned away is told to wait, in real time.
pub(crate) fn delay(style: Style, wait_ns: u64, told: Told) -> Headers {
    let mut headers = Headers::new();
    if style != Style::Gemini {
        let value = match told.whole_seconds {
            true => whole_seconds(wait_ns).to_string(),
            false => seconds(wait_ns),
        };
        headers.push(("retry-after".into(), value));
    }
    if style == Style::Openai {
        headers.push(("retry-after-ms".into(), wait_ns.div_ceil(1_000_000).to_string()));
    }
    headers
}

/// As Gemini's `RetryInfo` writes a delay.
pub(crate) fn proto_duration(wait_ns: u64) -> String {
    format!("{}s", seconds(wait_ns))
}

fn openai(standings: &[Standing], a_day: bool) -> Headers {
    let mut headers = Headers::new();
    let requests = match a_day {
        true => of(standings, Unit::Requests).max_by_key(|it| it.quota.period_ns),
        false => of(standings, Unit::Requests).min_by_key(|it| it.quota.period_ns),
    };
    let tokens = of(standings, Unit::Tokens).min_by_key(|it| it.quota.period_ns);
    for (unit, standing) in [("requests", requests), ("tokens", tokens)] {
        let Some(standing) = standing else { continue };
        let name = |what: &str| format!("x-ratelimit-{what}-{unit}");
        headers.push((name("limit"), standing.quota.amount.to_string()));
        headers.push((name("remaining"), standing.remaining.to_string()));
        headers.push((name("reset"), go_duration(standing.reset_ns)));
    }
    if a_day {
        // By this a client can tell whose headers these are, and so what the requests are counted by.
        headers.push(("x-groq-region".into(), "mock".into()));
    }
    headers
}

fn anthropic(standings: &[Standing], told: Told) -> Headers {
    let mut headers = Headers::new();
    let units = [
        (Unit::Requests, "requests"),
        (Unit::Tokens, "tokens"),
        (Unit::InputTokens, "input-tokens"),
        (Unit::OutputTokens, "output-tokens"),
    ];
    for (unit, in_names) in units {
        let Some(standing) = tightest(of(standings, unit)) else { continue };
        let name = |what: &str| format!("anthropic-ratelimit-{in_names}-{what}");
        headers.push((name("limit"), standing.quota.amount.to_string()));
        headers.push((name("remaining"), standing.remaining.to_string()));
        let at_ns = told.unix_ns.saturating_add(standing.reset_ns);
        headers.push((name("reset"), rfc3339(at_ns, told.whole_seconds)));
    }
    headers
}

fn github(standings: &[Standing], told: Told) -> Headers {
    let Some(standing) = tightest(of(standings, Unit::Requests)) else { return Headers::new() };
    let limit = standing.quota.amount;
    let reset = whole_seconds(told.unix_ns.saturating_add(standing.reset_ns));
    let values = [
        ("limit", limit.to_string()),
        ("remaining", standing.remaining.min(limit).to_string()),
        ("used", limit.saturating_sub(standing.remaining).to_string()),
        ("reset", reset.to_string()),
        ("resource", "core".to_owned()),
    ];
    values.map(|(what, value)| (format!("x-ratelimit-{what}"), value)).into()
}

fn ietf_old(standings: &[Standing]) -> Headers {
    let Some(standing) = tightest(standings.iter()) else { return Headers::new() };
    let values = [
        ("limit", standing.quota.amount),
        ("remaining", standing.remaining),
        ("reset", whole_seconds(standing.reset_ns)),
    ];
    values.map(|(what, value)| (format!("ratelimit-{what}"), value.to_string())).into()
}

/// `RateLimit: "default";r=50;t=30` and `RateLimit-Policy: "default";q=100;w=60`, one member each
/// quota; a quota of tokens says so in `qu`.
fn ietf_new(standings: &[Standing]) -> Headers {
    let (mut limits, mut policies) = (Vec::new(), Vec::new());
    for standing in standings {
        let quota = standing.quota;
        let name = match (standings.len(), quota.period_ns >= DAY_NS) {
            (1, _) => "default".to_owned(),
            (_, true) => format!("{}-a-day", quota.unit.name()),
            (_, false) => quota.unit.name().to_owned(),
        };
        let reset = whole_seconds(standing.reset_ns);
        limits.push(format!("\"{name}\";r={};t={reset}", standing.remaining));
        let window = whole_seconds(standing.period_ns);
        let unit = match quota.unit {
            Unit::Requests => String::new(),
            unit => format!(";qu=\"{}\"", unit.name()),
        };
        policies.push(format!("\"{name}\";q={}{unit};w={window}", quota.amount));
    }
    if limits.is_empty() {
        return Headers::new();
    }
    vec![("ratelimit".into(), limits.join(", ")), ("ratelimit-policy".into(), policies.join(", "))]
}

fn of(standings: &[Standing], unit: Unit) -> impl Iterator<Item = &Standing> {
    standings.iter().filter(move |standing| standing.quota.unit == unit)
}

/// The one of which the smallest share is left.
fn tightest<'a>(standings: impl Iterator<Item = &'a Standing>) -> Option<&'a Standing> {
    let share = |it: &Standing| it.remaining as f64 / it.quota.size().max(1) as f64;
    standings.min_by(|a, b| share(a).total_cmp(&share(b)))
}

#[cfg(test)]
mod tests;
