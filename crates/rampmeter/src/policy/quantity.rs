//! Durations, rates, sizes and zones as a policy writes them: text in, quantity out, and back.

use std::time::Duration;

use super::source::{Complaint, shown};
use super::zone::{self, Zone};

/// The longest duration a policy may name.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);
/// The largest amount of a rate, and the largest cost.
pub(super) const MAX_AMOUNT: u64 = 1_000_000_000_000;
/// The largest size in bytes.
pub(super) const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// A rate's period may not be shorter: timers cannot tell such periods apart.
const MIN_PERIOD: Duration = Duration::from_millis(1);

const DURATION_UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const DURATION_SYNONYMS: [(&str, &[&str]); 6] = [
    ("d", &["day", "days"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("us", &["µs", "μs", "micros", "microseconds"]),
];

const PERIOD_WORDS: [(&str, u64); 8] = [
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("min", 60),
    ("minute", 60),
    ("h", 3_600),
    ("hour", 3_600),
    ("day", 86_400),
];

const BYTE_UNITS: [(&str, u64); 3] = [("MiB", 1024 * 1024), ("KiB", 1024), ("B", 1)];
const GIB: u64 = 1024 * 1024 * 1024;

const DURATION_HELP: &str =
    "write a whole number and a unit, as in \"250ms\", \"30s\", \"10m\", \"2h\" or \"1d\"";
const RATE_HELP: &str = "write \"N/period\", as in \"30/min\", \"5/s\", \"14400/day\" or \"40/2s\"";
const BYTES_HELP: &str = "write a whole number and a unit, as in \"512B\", \"64KiB\" or \"1MiB\"";
const ZONE_HELP: &str =
    "write zone = \"UTC\", an offset such as \"+02:00\", or a place such as \"Europe/Berlin\"";

/// Reads `"30s"`.
pub(super) fn duration(text: &str) -> Result<Duration, Complaint> {
    let wrong = |why: &str| {
        Complaint::new(format!("`{}` is not a duration: {why}", shown(text)), DURATION_HELP)
    };
    let (digits, unit) = number_and_unit(text).map_err(wrong)?;
    let factor = DURATION_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let Some(factor) = factor else {
        let message =
            format!("`{}` is not a duration: unknown unit `{}`", shown(text), shown(unit));
        let known = DURATION_SYNONYMS.iter().find(|(_, others)| others.contains(&unit));
        return Err(match known {
            Some((name, _)) => Complaint::new(message, format!("write \"{digits}{name}\"")),
            None => Complaint::new(message, DURATION_HELP),
        });
    };
    let nanos = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match nanos.map(Duration::from_nanos) {
        Some(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err(Complaint::new(
            format!("`{}` is longer than 366 days", shown(text)),
            "write a shorter duration",
        )),
    }
}

/// Reads `"20ms..80ms"`, or one duration that stands for both ends.
pub(super) fn duration_range(text: &str) -> Result<(Duration, Duration), Complaint> {
    let Some((low, high)) = text.split_once("..") else {
        return duration(text).map(|both| (both, both));
    };
    let (shortest, longest) = (duration(low.trim())?, duration(high.trim())?);
    if shortest > longest {
        return Err(Complaint::new(
            format!("the range `{}` runs backwards", shown(text)),
            format!("write \"{}..{}\"", show_duration(longest), show_duration(shortest)),
        ));
    }
    Ok((shortest, longest))
}

/// Reads `"30/min"`: an amount and the period it is for.
pub(super) fn rate(text: &str) -> Result<(u64, Duration), Complaint> {
    let wrong =
        |why: &str| Complaint::new(format!("`{}` is not a rate: {why}", shown(text)), RATE_HELP);
    let (amount, period) = text.split_once('/').ok_or_else(|| wrong("it has no period"))?;
    let (digits, rest) = number_and_unit(amount.trim()).map_err(wrong)?;
    if !rest.is_empty() {
        return Err(wrong("the amount must be a whole number without a unit"));
    }
    let period = rate_period(text, period.trim())?;
    let amount = digits.parse::<u64>().ok().filter(|amount| *amount <= MAX_AMOUNT);
    let amount = amount.ok_or_else(|| wrong("the amount is above 1000000000000"))?;
    if amount == 0 {
        return Err(Complaint::new(
            format!("the rate `{}` lets nothing through", shown(text)),
            "write an amount of at least 1, or take away the tools that draw on it",
        ));
    }
    if u128::from(amount) > period.as_nanos() {
        return Err(wrong("it is more than one a nanosecond"));
    }
    Ok((amount, period))
}

fn rate_period(rate: &str, word: &str) -> Result<Duration, Complaint> {
    if let Some((_, seconds)) = PERIOD_WORDS.iter().find(|(name, _)| *name == word) {
        return Ok(Duration::from_secs(*seconds));
    }
    if !word.starts_with(|first: char| first.is_ascii_digit()) {
        let known = match word.to_ascii_lowercase().as_str() {
            "seconds" | "secs" => Some("s"),
            "m" | "mins" | "minutes" => Some("min"),
            "hr" | "hrs" | "hours" => Some("h"),
            "d" | "days" => Some("day"),
            other => super::nearest::nearest(other, PERIOD_WORDS.iter().map(|(name, _)| *name)),
        };
        let help = known.map(|name| format!("did you mean \"/{name}\"?"));
        return Err(Complaint::new(
            format!("`{}` is not a rate: unknown period `{}`", shown(rate), shown(word)),
            help.unwrap_or_else(|| {
                "write the period as s, min, h, day or a duration such as 10m".to_owned()
            }),
        ));
    }
    let period = duration(word)?;
    if period < MIN_PERIOD {
        return Err(Complaint::new(
            format!("`{}` is not a rate: its period is shorter than 1 ms", shown(rate)),
            "write a longer period with a larger amount, as in \"1000/s\"",
        ));
    }
    Ok(period)
}

/// Reads `"1MiB"`.
pub(super) fn bytes(text: &str) -> Result<u64, Complaint> {
    bytes_up_to(text, MAX_BYTES, "it is above 1024MiB")
}

fn bytes_up_to(text: &str, most: u64, above: &'static str) -> Result<u64, Complaint> {
    let wrong =
        |why: &str| Complaint::new(format!("`{}` is not a size: {why}", shown(text)), BYTES_HELP);
    let (digits, unit) = number_and_unit(text).map_err(wrong)?;
    let Some((_, factor)) = BYTE_UNITS.iter().find(|(name, _)| *name == unit) else {
        let message = format!("`{}` is not a size: unknown unit `{}`", shown(text), shown(unit));
        let likely = match unit.to_ascii_lowercase().as_str() {
            "b" | "byte" | "bytes" => Some("B"),
            "k" | "kb" | "kib" => Some("KiB"),
            "m" | "mb" | "mib" => Some("MiB"),
            _ => None,
        };
        return Err(match likely {
            Some(unit) => Complaint::new(message, format!("write \"{digits}{unit}\"")),
            None => Complaint::new(message, BYTES_HELP),
        });
    };
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    match size {
        Some(0) => Err(wrong("it is zero")),
        Some(size) if size <= most => Ok(size),
        _ => Err(wrong(above)),
    }
}

/// Reads the memory of a machine: as [`bytes`], and `"2GiB"`.
pub(super) fn memory(text: &str) -> Result<u64, Complaint> {
    const MOST: u64 = 1024 * 1024;
    let Some(number) = text.strip_suffix("GiB") else {
        return bytes_up_to(text, MOST * GIB, "it is above 1048576GiB");
    };
    let size = number.parse().ok().filter(|number| (1..=MOST).contains(number));
    size.map(|number: u64| number * GIB).ok_or_else(|| {
        let message = format!("`{}` is not a whole number of GiB from 1 to {MOST}", shown(text));
        Complaint::new(message, "write it as in \"2GiB\" or \"512MiB\"")
    })
}

/// Reads `"50%"` or `"2.5%"`, in thousandths.
pub(super) fn share(text: &str) -> Result<u32, Complaint> {
    let number = text.strip_suffix('%').map(str::trim);
    let parts = number.map(|number| number.split_once('.').unwrap_or((number, "0")));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 3;
    let read = parts.filter(|(whole, tenth)| digits(whole) && digits(tenth) && tenth.len() == 1);
    let read = read.and_then(|(whole, tenth)| {
        Some(whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?)
    });
    read.filter(|share| (1..=1_000).contains(share)).ok_or_else(|| {
        let message = format!("`{}` is not a share of calls", shown(text));
        Complaint::new(message, "write a percentage from 0.1% to 100%, as in \"50%\"")
    })
}

/// Reads `"UTC"`, `"+02:00"` or `"Europe/Berlin"`.
pub(super) fn zone(text: &str) -> Result<Zone, Complaint> {
    if text == "UTC" {
        return Ok(Zone::UTC);
    }
    let message = format!("`{}` is not a zone", shown(text));
    let sign = match text.get(..1) {
        Some("+") => 1,
        Some("-") => -1,
        _ if ["utc", "gmt", "z"].contains(&text.to_ascii_lowercase().as_str()) => {
            return Err(Complaint::new(message, "write zone = \"UTC\""));
        }
        _ if text.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            return Zone::named(text).ok_or_else(|| unknown_place(text));
        }
        _ => return Err(Complaint::new(message, ZONE_HELP)),
    };
    let minutes = offset_minutes(text.get(1..).unwrap_or_default())
        .map(|minutes| sign * minutes)
        .ok_or_else(|| Complaint::new(message, ZONE_HELP))?;
    if !(-12 * 60..=14 * 60).contains(&minutes) {
        return Err(Complaint::new(
            format!("no zone on Earth is `{}` from UTC", shown(text)),
            "write an offset from \"-12:00\" to \"+14:00\"",
        ));
    }
    Ok(Zone::offset(minutes * 60))
}

fn unknown_place(text: &str) -> Complaint {
    let names = zone::names();
    // Most people leave out the continent, or write another word for the sea.
    let place = text.rsplit('/').next().unwrap_or(text);
    let same =
        |name: &&str| name.rsplit('/').next().is_some_and(|it| it.eq_ignore_ascii_case(place));
    let names = names.iter().map(String::as_str);
    let near = super::nearest::nearest(text, names.clone()).or_else(|| names.clone().find(same));
    let help = match near {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => ZONE_HELP.to_owned(),
    };
    Complaint::new(format!("there is no zone `{}`", shown(text)), help)
}

/// Reads `HH:MM`.
fn offset_minutes(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| {
        let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if plain { part.parse::<i32>().ok() } else { None }
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

/// Writes a duration as [`duration`] reads it, in the largest unit that is exact.
pub(super) fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let exact = |factor: u64| nanos > 0 && nanos.is_multiple_of(u128::from(factor));
    match DURATION_UNITS.iter().find(|(_, factor)| exact(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", nanos / u128::from(*factor)),
        None => "0s".to_owned(),
    }
}

/// Writes a share as [`share`] reads it.
pub(super) fn show_share(per_mille: u32) -> String {
    match (per_mille / 10, per_mille % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenth) => format!("{whole}.{tenth}%"),
    }
}

/// Writes the period of a rate as [`rate`] reads it, by its word if it has one.
pub(super) fn show_period(period: Duration) -> String {
    let word = PERIOD_WORDS.iter().find(|(_, seconds)| period == Duration::from_secs(*seconds));
    word.map_or_else(|| show_duration(period), |(word, _)| (*word).to_owned())
}

/// Writes a size as [`bytes`] reads it.
pub(super) fn show_bytes(size: u64) -> String {
    match BYTE_UNITS.iter().find(|(_, factor)| size.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", size / factor),
        None => format!("{size}B"),
    }
}

/// Writes a size as [`memory`] reads it.
pub(super) fn show_memory(size: u64) -> String {
    let has_gib = size >= GIB && size.is_multiple_of(GIB);
    if has_gib { format!("{}GiB", size / GIB) } else { show_bytes(size) }
}

/// Splits `"30s"` into its digits and what follows them.
fn number_and_unit(text: &str) -> Result<(&str, &str), &'static str> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let has_point =
        unit.starts_with(['.', ',']) && unit[1..].starts_with(|c: char| c.is_ascii_digit());
    match (number, unit) {
        ("", "") => Err("it is empty"),
        ("", _) if unit.starts_with('-') => Err("it is negative"),
        ("", _) => Err("it does not start with a number"),
        _ if has_point => Err("the number must be whole"),
        _ => Ok((number, unit)),
    }
}
