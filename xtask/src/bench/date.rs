//! The day, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Result;

/// Today as `2026-01-31`.
pub(super) fn today() -> Result<String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_err(|_| "the clock is before 1970: set it")?.as_secs();
    Ok(date(seconds / 86_400))
}

/// The date so many days after 1970-01-01, by the proleptic Gregorian calendar. Years are counted
/// from March, so that a leap day is the last of its year (Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms").
fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + carry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates_also_around_leap_days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(20_453), "2025-12-31");
        assert_eq!(date(47_540), "2100-02-28");
        assert_eq!(date(47_541), "2100-03-01");
    }
}
