//! Durations, rates, shares and sizes as a scenario writes them.

use std::time::Duration;

use super::super::types::Rate;
use super::sink::Complaint;

/// The longest that anything in a scenario may take: virtual time is cheap, its calls are not.
const LONGEST_S: f64 = 86_400.0;

const DURATION_UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("min", 60e9), ("h", 3_600e9)];
const PERIODS: [(&str, u64); 4] = [("s", 1), ("min", 60), ("h", 3_600), ("day", 86_400)];
const BYTE_UNITS: [(&str, u32); 4] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];

const DURATION_HELP: &str = "write a number and a unit, as in \"250ms\", \"1.5s\" or \"2min\"";
const RATE_HELP: &str = "write how many in what time, as in \"10/s\", \"60/min\" or \"40/2s\"";
const SHARE_HELP: &str = "write a share from \"0%\" to \"100%\", as in \"30%\"";
const BYTES_HELP: &str = "write a whole number and a unit, as in \"64KiB\" or \"4MiB\"";

/// Reads `"250ms"`.
pub(super) fn duration(text: &str) -> Result<Duration, Complaint> {
    let wrong = || (format!("`{text}` is no duration"), DURATION_HELP.to_owned());
    let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
    let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
    let seconds = number * factor / 1e9;
    if seconds > LONGEST_S {
        return Err((format!("`{text}` is longer than a day"), "write a shorter one".to_owned()));
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// Reads `"10/s"`: a whole number of calls in a period.
pub(super) fn rate(text: &str) -> Result<Rate, Complaint> {
    let wrong = || (format!("`{text}` is no rate"), RATE_HELP.to_owned());
    let (calls, period) = text.split_once('/').ok_or_else(wrong)?;
    let calls: u64 = calls.trim().parse().map_err(|_| wrong())?;
    let period = period.trim();
    let word = PERIODS.iter().find(|(name, _)| *name == period);
    let period = match word {
        Some((_, seconds)) => Duration::from_secs(*seconds),
        None => duration(period).map_err(|_| wrong())?,
    };
    if calls == 0 || period.is_zero() {
        return Err((format!("the rate `{text}` lets nothing through"), RATE_HELP.to_owned()));
    }
    Ok(Rate { calls, period })
}

/// Reads `"30%"` as 0.3.
pub(super) fn share(text: &str) -> Result<f64, Complaint> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = number.map(|percent| percent / 100.0);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| (format!("`{text}` is no share from 0% to 100%"), SHARE_HELP.to_owned()))
}

/// Reads `"4MiB"`.
pub(super) fn bytes(text: &str) -> Result<u64, Complaint> {
    let wrong = || (format!("`{text}` is no size"), BYTES_HELP.to_owned());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = BYTE_UNITS.iter().find(|(name, _)| *name == unit.trim());
    let (_, shift) = unit.ok_or_else(wrong)?;
    number.checked_mul(1 << shift).filter(|size| *size <= 1 << 40).ok_or_else(wrong)
}

/// Splits `"1.5s"`; nothing negative.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let (number, unit) = text.split_at(text.bytes().take_while(is_number).count());
    Some((number.parse().ok()?, unit.trim()))
}
