//! `retry` and `idempotent` of a tool, and `[retries]`: what may be tried again, how often, and how
//! many retries there may be over all tools.

use std::time::Duration;

use super::diagnostic::Severity;
use super::field::Field;
use super::quantity::{self, show_duration, show_share};
use super::section::Section;
use super::source::Sink;

const MAX_ATTEMPTS: u32 = 16;
const MAX_RETRIES: u32 = 1_000_000;

const HELP: &str = "write retry = 3, or retry = { attempts = 3, base = \"200ms\", max = \"10s\" }";

/// Retries of a tool of which nothing else is said.
const DEFAULT: RetryPolicy =
    RetryPolicy { attempts: 3, base: Duration::from_millis(200), max: Duration::from_secs(10) };

/// How often the calls of a tool are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// In all, the first time included: 1 to 16.
    pub attempts: u32,
    /// The most that a call waits before its first retry; twice as long before each other one.
    pub base: Duration,
    /// The most that it waits before any.
    pub max: Duration,
}

/// How many retries there may be over all tools: in `t` seconds with `n` first attempts at most
/// `burst + n * ratio + t * min_per_second`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetriesPolicy {
    /// So many for a thousand first attempts.
    pub ratio_per_mille: u32,
    /// So many a second, whatever the load.
    pub min_per_second: u32,
    /// The most that are saved up.
    pub burst: u32,
}

impl Default for RetriesPolicy {
    fn default() -> RetriesPolicy {
        RetriesPolicy { ratio_per_mille: 200, min_per_second: 1, burst: 20 }
    }
}

/// What a tool says of retries.
pub(super) struct Said {
    pub(super) retry: Option<RetryPolicy>,
    pub(super) idempotent: Option<bool>,
}

/// `retry` and `idempotent` of a tool.
pub(super) fn of_tool(tool: &Section<'_>, sink: &mut Sink<'_>) -> Said {
    let field = tool.get("retry");
    let retry = field.as_ref().and_then(|field| retry(field, sink));
    let said = tool.get("idempotent");
    let idempotent = said.as_ref().and_then(|field| field.flag(sink));
    if let (Some(said), None) = (&said, &field) {
        let message = format!("`{}` changes nothing without `retry`", said.path);
        sink.remark(Severity::Warning, &said.name_span, message, "add retry = 3, or remove it");
    }
    Said { retry, idempotent }
}

fn retry(field: &Field<'_>, sink: &mut Sink<'_>) -> Option<RetryPolicy> {
    let attempts = |field: &Field<'_>, sink: &mut Sink<'_>| {
        let help = "write how often a call is tried in all, the first time included";
        field.whole_u32(sink, &(1..=MAX_ATTEMPTS), help)
    };
    if !field.is_table() {
        if !field.is_whole() {
            return field.mismatch(sink, "a whole number or a table", HELP);
        }
        return Some(RetryPolicy { attempts: attempts(field, sink)?, ..DEFAULT });
    }
    let section = field.section(sink, &["attempts", "base", "max"], HELP)?;
    let mut retry = DEFAULT;
    if let Some(field) = section.get("attempts") {
        retry.attempts = attempts(&field, sink)?;
    }
    let zero = "write how long a call waits at the most before it is tried again";
    if let Some(field) = section.get("base") {
        retry.base = field.duration(sink, zero)?;
    }
    match section.get("max") {
        Some(field) => {
            retry.max = field.duration(sink, zero)?;
            if retry.max < retry.base {
                let message = format!("`{}` is shorter than `base`", field.path);
                let help = format!("write at least \"{}\"", show_duration(retry.base));
                sink.error(&field.span, message, help);
            }
        }
        None => retry.max = retry.max.max(retry.base),
    }
    Some(retry)
}

/// `[retries]`.
pub(super) fn retries(root: &Section<'_>, sink: &mut Sink<'_>) -> RetriesPolicy {
    let mut retries = RetriesPolicy::default();
    let help = "write [retries] and below it lines such as ratio = \"20%\"";
    let keys = ["ratio", "min_per_second", "burst"];
    let section = root.get("retries").and_then(|field| field.section(sink, &keys, help));
    let Some(section) = section else { return retries };
    if let Some(field) = section.get("ratio") {
        let help = "write it as in \"20%\": retries for a hundred first attempts";
        let said = field.quantity(sink, help, quantity::share);
        retries.ratio_per_mille = said.unwrap_or(retries.ratio_per_mille);
    }
    if let Some(field) = section.get("min_per_second") {
        let help = "write how many retries a second there may be whatever the load; 0 for none";
        let said = field.whole_u32(sink, &(0..=MAX_RETRIES), help);
        retries.min_per_second = said.unwrap_or(retries.min_per_second);
    }
    if let Some(field) = section.get("burst") {
        let help = "write how many retries may be saved up";
        retries.burst = field.whole_u32(sink, &(1..=MAX_RETRIES), help).unwrap_or(retries.burst);
    }
    retries
}

/// The retries of a tool as they are written.
pub(super) fn written(retry: &RetryPolicy) -> String {
    let RetryPolicy { attempts, base, max } = *retry;
    let (base, max) = (show_duration(base), show_duration(max));
    format!("{{ attempts = {attempts}, base = \"{base}\", max = \"{max}\" }}")
}

/// The lines below `[retries]`.
pub(super) fn lines(retries: &RetriesPolicy) -> [String; 3] {
    let RetriesPolicy { ratio_per_mille, min_per_second, burst } = *retries;
    [
        format!("ratio = \"{}\"", show_share(ratio_per_mille)),
        format!("min_per_second = {min_per_second}"),
        format!("burst = {burst}"),
    ]
}
