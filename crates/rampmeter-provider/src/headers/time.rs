//! The ways in which providers write times.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

const MS: u64 = 1_000_000;

/// As Go prints a duration, rounded up to milliseconds: `120ms`, `7.66s`, `2m59.56s`, `6m0s`.
pub(super) fn go_duration(ns: u64) -> String {
    let ms = ns.div_ceil(MS);
    if ms < 1_000 {
        return if ms == 0 { "0s".into() } else { format!("{ms}ms") };
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let rest = format!("{}s", decimal(ms % 60_000));
    match (hours, minutes) {
        (0, 0) => rest,
        (0, _) => format!("{minutes}m{rest}"),
        (_, _) => format!("{hours}h{minutes}m{rest}"),
    }
}

/// `34.07`, rounded up to milliseconds.
pub(super) fn seconds(ns: u64) -> String {
    decimal(ns.div_ceil(MS))
}

/// Rounded up.
pub(super) fn whole_seconds(ns: u64) -> u64 {
    ns.div_ceil(1_000 * MS)
}

/// A moment of the Unix epoch, rounded up.
pub(super) fn rfc3339(unix_ns: u64, whole: bool) -> String {
    let ms = if whole { whole_seconds(unix_ns) * 1_000 } else { unix_ns.div_ceil(MS) };
    let moment = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let printer = match whole {
        true => DateTimePrinter::new().precision(Some(0)),
        false => DateTimePrinter::new().precision(Some(3)),
    };
    printer.timestamp_to_string(&moment.unwrap_or(Timestamp::MAX))
}

/// Milliseconds as seconds, without zeros that say nothing.
fn decimal(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
