//! `breaker = { … }`: when a limit lets nothing through because its calls fail.

use std::time::Duration;

use super::quantity::{self, show_duration, show_share};
use super::section::Section;
use super::source::Sink;
use super::types::{BreakerPolicy, WhenOpen};

const MAX_CALLS: u32 = 1_000_000;

const HELP: &str = "write breaker = { failures = \"50%\", over = \"30s\", open = \"30s\" }";

/// A breaker of which nothing is said.
const DEFAULT: BreakerPolicy = BreakerPolicy {
    failures_per_mille: 500,
    over: Duration::from_secs(30),
    min_calls: 20,
    open: Duration::from_secs(30),
    probes: 3,
    when_open: WhenOpen::Refuse,
};

/// The words of [`WhenOpen`].
const WHEN_OPEN: [(&str, WhenOpen); 2] = [("refuse", WhenOpen::Refuse), ("wait", WhenOpen::Wait)];

/// The breaker of a limit.
pub(super) fn breaker(limit: &Section<'_>, sink: &mut Sink<'_>) -> Option<BreakerPolicy> {
    let field = limit.get("breaker")?;
    let keys = ["failures", "over", "min_calls", "open", "probes", "when_open"];
    let section = field.section(sink, &keys, HELP)?;
    let failures = section.get("failures");
    let failures = failures.map(|it| it.quantity(sink, "write it as in \"50%\"", quantity::share));
    let over = section.get("over");
    let over = over.map(|it| it.duration(sink, "write how far back ends of calls count"));
    let open = section.get("open");
    let open = open.map(|it| it.duration(sink, "write for how long nothing starts"));
    let mut number = |key, help| {
        let field = section.get(key);
        field.map(|field| field.whole_u32(sink, &(1..=MAX_CALLS), help))
    };
    let min_calls = number("min_calls", "write how many calls must have ended before it opens");
    let probes = number("probes", "write how many calls must succeed before it closes");
    let when_open = section.get("when_open").map(|it| it.choice(sink, &WHEN_OPEN));
    Some(BreakerPolicy {
        failures_per_mille: failures.unwrap_or(Some(DEFAULT.failures_per_mille))?,
        over: over.unwrap_or(Some(DEFAULT.over))?,
        min_calls: min_calls.unwrap_or(Some(DEFAULT.min_calls))?,
        open: open.unwrap_or(Some(DEFAULT.open))?,
        probes: probes.unwrap_or(Some(DEFAULT.probes))?,
        when_open: when_open.unwrap_or(Some(DEFAULT.when_open))?,
    })
}

/// The breaker as it is written.
pub(super) fn written(breaker: &BreakerPolicy) -> String {
    let BreakerPolicy { failures_per_mille, over, min_calls, open, probes, when_open } = *breaker;
    let failures = show_share(failures_per_mille);
    let (over, open) = (show_duration(over), show_duration(open));
    let words = WHEN_OPEN.iter().find(|(_, it)| *it == when_open);
    let when_open = words.map_or("refuse", |(word, _)| word);
    format!(
        "{{ failures = \"{failures}\", over = \"{over}\", min_calls = {min_calls}, \
         open = \"{open}\", probes = {probes}, when_open = \"{when_open}\" }}"
    )
}
