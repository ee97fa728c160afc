//! A text that says when, read as a delay from now.
//!
//! Dates are RFC 3339 or one of the three forms of RFC 9110. Durations are written as Go writes them
//! (`6m0s`, `2m59.56s`, `20ms`). A bare number may be a delay or a time, in four units, and nothing
//! but its magnitude tells which. The bands do not overlap for any date from 1973 to 5138:
//!
//! | the number | is |
//! | --- | --- |
//! | below 10⁸ | a delay in seconds (milliseconds where the header says so, below 10¹¹) |
//! | 10⁸ to 10¹¹ | seconds since 1970 |
//! | 10¹¹ to 10¹⁴ | milliseconds since 1970 |
//! | 10¹⁴ to 10¹⁷ | microseconds since 1970 |
//! | 10¹⁷ to 10²⁰ | nanoseconds since 1970 |
//!
//! So a delay that a server means in milliseconds without saying so is read as seconds: too long
//! rather than too short. Delays above 366 days are no delays.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

use super::{DAY, LONGEST};

const SECOND_NS: u128 = 1_000_000_000;
const MILLISECOND_NS: u128 = 1_000_000;
const AGREED_NS: i128 = 2_000_000_000;

/// By whose time of day absolute dates become delays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    now_ns: i128,
}

impl Clock {
    /// The server's own clock if its `Date` is known and differs by more than its whole seconds and
    /// the way here explain; ours if it does not, or if the two are more than a day apart.
    pub(super) fn new(now: SystemTime, server_date: Option<&str>) -> Clock {
        let now_ns = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => signed(since),
            Err(before) => -signed(before.duration()),
        };
        let server_ns = server_date.and_then(date_ns).filter(|server_ns| {
            let apart = (server_ns - now_ns).abs();
            apart > AGREED_NS && apart <= signed(DAY)
        });
        Clock { now_ns: server_ns.unwrap_or(now_ns) }
    }

    /// The delay that a text says; bare numbers are seconds unless their magnitude says otherwise.
    pub(super) fn delay(&self, text: &str) -> Option<Duration> {
        self.delay_in(text, SECOND_NS)
    }

    /// The same where bare numbers are milliseconds.
    pub(super) fn delay_ms(&self, text: &str) -> Option<Duration> {
        self.delay_in(text, MILLISECOND_NS)
    }

    fn delay_in(&self, text: &str, unit_ns: u128) -> Option<Duration> {
        let text = text.trim();
        let delay_ns = match scaled(text, 1) {
            Some(number) if number >= 10_u128.pow(8) && !is_delay(number, unit_ns) => {
                self.until(epoch_ns(text, number)?)?
            }
            Some(_) => scaled(text, unit_ns)?,
            None => match units_ns(text) {
                Some(ns) => ns,
                None => self.until(date_ns(text)?)?,
            },
        };
        let delay = Duration::from_nanos(u64::try_from(delay_ns).ok()?);
        (!delay.is_zero() && delay <= LONGEST).then_some(delay)
    }

    fn until(&self, at_ns: i128) -> Option<u128> {
        u128::try_from(at_ns.checked_sub(self.now_ns)?).ok()
    }
}

fn is_delay(number: u128, unit_ns: u128) -> bool {
    unit_ns == MILLISECOND_NS && number < 10_u128.pow(11)
}

fn epoch_ns(text: &str, number: u128) -> Option<i128> {
    let unit_ns = match number {
        _ if number < 10_u128.pow(11) => SECOND_NS,
        _ if number < 10_u128.pow(14) => MILLISECOND_NS,
        _ if number < 10_u128.pow(17) => 1_000,
        _ if number < 10_u128.pow(20) => 1,
        _ => return None,
    };
    i128::try_from(scaled(text, unit_ns)?).ok()
}

/// A decimal number of units, rounded up to whole nanoseconds. No signs, no exponents.
fn scaled(number: &str, unit_ns: u128) -> Option<u128> {
    const DIGITS: usize = 12;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let kept = &fraction[..fraction.len().min(DIGITS)];
    let dropped = u128::from(fraction[kept.len()..].bytes().any(|byte| byte != b'0'));
    let parts = if kept.is_empty() { 0 } else { kept.parse::<u128>().ok()? };
    let of = 10_u128.pow(u32::try_from(kept.len()).ok()?);
    let parts_ns = (parts + dropped).checked_mul(unit_ns)?.div_ceil(of);
    whole.checked_mul(unit_ns)?.checked_add(parts_ns)
}

/// `6m0s` and the like: numbers with units, one after the other.
fn units_ns(text: &str) -> Option<u128> {
    let mut total_ns: u128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit_ns = match unit.trim() {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => MILLISECOND_NS,
            "s" | "sec" | "secs" | "second" | "seconds" => SECOND_NS,
            "m" | "min" | "mins" | "minute" | "minutes" => 60 * SECOND_NS,
            "h" | "hr" | "hour" | "hours" => 3_600 * SECOND_NS,
            "d" | "day" | "days" => DAY.as_nanos(),
            _ => return None,
        };
        total_ns = total_ns.checked_add(scaled(number, unit_ns)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total_ns)
}

fn date_ns(text: &str) -> Option<i128> {
    const IMF: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let text = text.trim();
    let stamp = text.parse::<Timestamp>().ok();
    let stamp = stamp.or_else(|| IMF.parse_timestamp(text).ok());
    // The weekday says nothing that the date does not, and a wrong one is no reason to come early.
    let stamp = stamp.or_else(|| civil("%d-%b-%y %H:%M:%S GMT", text.split_once(',')?.1));
    let stamp = stamp.or_else(|| civil("%b %e %H:%M:%S %Y", text.split_once(' ')?.1));
    stamp.map(Timestamp::as_nanosecond)
}

fn civil(format: &str, text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime(format, text.trim()).ok()?;
    Some(civil.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
}

fn signed(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}
