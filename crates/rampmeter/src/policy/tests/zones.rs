//! When windows begin in zones whose clocks are changed.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::zone::{Zone, names};

const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY: i128 = 24 * HOUR;

fn at(text: &str) -> i128 {
    text.parse::<Timestamp>().unwrap().as_nanosecond()
}

/// The beginnings from `from` on, until there are so many as are expected.
fn check(zone: &str, period: i128, from: &str, expected: &[&str]) {
    let zone = Zone::named(zone).unwrap();
    let mut now = at(from);
    let found = expected.iter().map(|_| {
        now = zone.window_ends(period, now);
        Timestamp::from_nanosecond(now).unwrap().to_string()
    });
    let found: Vec<String> = found.collect();
    assert_eq!(found, expected, "{zone}, windows of {} s, from {from}", period / SECOND);
}

#[test]
fn a_day_has_23_or_25_hours_where_the_clocks_are_changed() {
    let spring = ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"];
    check("Europe/Berlin", DAY, "2026-03-28T12:00:00Z", &spring);
    let autumn = ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"];
    check("Europe/Berlin", DAY, "2026-10-24T12:00:00Z", &autumn);
    let spring = ["2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"];
    check("America/New_York", DAY, "2026-03-07T12:00:00Z", &spring);
    let autumn = ["2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"];
    check("America/New_York", DAY, "2026-10-31T12:00:00Z", &autumn);
}

#[test]
fn a_window_whose_beginning_is_left_out_begins_when_the_clocks_are_put_forward() {
    // From 02:00 to 03:00 there is nothing.
    let hours = ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"];
    check("Europe/Berlin", HOUR, "2026-03-28T23:30:00Z", &hours);
    // At six o'clock only five hours have passed since midnight.
    let longer = ["2026-03-28T23:00:00Z", "2026-03-29T04:00:00Z", "2026-03-29T10:00:00Z"];
    check("Europe/Berlin", 6 * HOUR, "2026-03-28T22:30:00Z", &longer);
    let quarters = ["2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"];
    check("Europe/Berlin", 15 * MINUTE, "2026-03-29T00:44:59.999999999Z", &quarters);
    // Midnight itself is left out: the day begins at one.
    let days = ["2024-03-09T05:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"];
    check("America/Havana", DAY, "2024-03-08T12:00:00Z", &days);
}

#[test]
fn windows_that_fit_into_a_repeated_hour_come_twice_and_longer_ones_once() {
    let hours = [
        "2026-10-25T00:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-25T02:00:00Z",
        "2026-10-25T03:00:00Z",
    ];
    check("Europe/Berlin", HOUR, "2026-10-24T23:30:00Z", &hours);
    let longer = ["2026-10-24T22:00:00Z", "2026-10-25T05:00:00Z", "2026-10-25T11:00:00Z"];
    check("Europe/Berlin", 6 * HOUR, "2026-10-24T21:00:00Z", &longer);
    let quarters = ["2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:15:00Z"];
    check("Europe/Berlin", 15 * MINUTE, "2026-10-25T00:40:00Z", &quarters);
    // At one o'clock it is midnight again, and still the same day.
    let days = ["2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z", "2024-11-05T05:00:00Z"];
    check("America/Havana", DAY, "2024-11-02T12:00:00Z", &days);
    check("America/Havana", DAY, "2024-11-03T05:10:00Z", &days[1..]);
}

#[test]
fn offsets_of_half_hours_and_quarters_and_changes_of_half_an_hour_are_kept() {
    let days = ["2026-05-31T18:15:00Z", "2026-06-01T18:15:00Z"];
    check("Asia/Kathmandu", DAY, "2026-05-31T12:00:00Z", &days);
    let hours = ["2026-06-01T00:15:00Z", "2026-06-01T01:15:00Z"];
    check("Asia/Kathmandu", HOUR, "2026-06-01T00:00:00Z", &hours);
    check("Asia/Kolkata", HOUR, "2026-06-01T00:00:00Z", &["2026-06-01T00:30:00Z"]);
    check("Pacific/Chatham", DAY, "2026-06-01T00:00:00Z", &["2026-06-01T11:15:00Z"]);
    // Half an hour back at two: an hour of an hour and a half.
    let hours = ["2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"];
    check("Australia/Lord_Howe", HOUR, "2026-04-04T13:30:00Z", &hours);
    let halves = ["2026-04-04T14:30:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:30:00Z"];
    check("Australia/Lord_Howe", 30 * MINUTE, "2026-04-04T14:10:00Z", &halves);
}

#[test]
fn leap_days_and_days_that_never_were_are_counted_as_they_are() {
    let leap = ["2028-02-28T23:00:00Z", "2028-02-29T23:00:00Z", "2028-03-01T23:00:00Z"];
    check("Europe/Berlin", DAY, "2028-02-28T12:00:00Z", &leap);
    check("America/New_York", DAY, "2100-02-28T12:00:00Z", &["2100-03-01T05:00:00Z"]);
    // In Samoa the 30th of December 2011 was left out.
    let samoa = ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"];
    check("Pacific/Apia", DAY, "2011-12-28T12:00:00Z", &samoa);
}

#[test]
fn windows_of_the_past_are_by_the_rules_of_then() {
    // War time, and double summer time until the 24th of September 1945.
    check("Europe/Berlin", DAY, "1945-06-01T00:00:00Z", &["1945-06-01T21:00:00Z"]);
    check("Europe/London", DAY, "1970-06-01T00:00:00Z", &["1970-06-01T23:00:00Z"]);
    check("Europe/London", DAY, "1970-12-01T00:00:00Z", &["1970-12-01T23:00:00Z"]);
    check("America/New_York", DAY, "1974-01-07T00:00:00Z", &["1974-01-07T04:00:00Z"]);
}

/// Minute by minute: a window begins when the clocks come to a whole number of periods for the
/// first time, or once more if that many of it fit into what comes twice.
#[test]
fn around_every_change_of_every_zone_windows_begin_when_the_clocks_say_so() {
    let (mut tried, mut windows) = (HashSet::new(), 0);
    for name in names() {
        let clocks = TimeZone::get(&name).unwrap();
        let zone = Zone::named(&name).unwrap();
        let since: Timestamp = "2023-06-01T00:00:00Z".parse().unwrap();
        let until: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        for change in clocks.following(since).take_while(|it| it.timestamp() < until).take(2) {
            let change = change.timestamp().as_second() / 60;
            let offsets = |minute| offset(&clocks, minute);
            if !tried.insert((change, offsets(change - 1), offsets(change))) {
                continue;
            }
            let local: Vec<i64> = minutes(change).map(|it| it + offset(&clocks, it)).collect();
            for period in [15, 60, 180, 1_440] {
                let expected = beginnings(&local, change, period);
                let mut now = (i128::from(change) - AROUND) * MINUTE;
                let mut found = Vec::new();
                loop {
                    now = zone.window_ends(i128::from(period) * MINUTE, now);
                    if now > (i128::from(change) + AROUND) * MINUTE {
                        break;
                    }
                    found.push(i64::try_from(now / MINUTE).unwrap());
                }
                windows += found.len();
                assert_eq!(found, expected, "{name}, {period} min, around {change}");
            }
        }
    }
    let tried = tried.len();
    assert!(tried > 40 && windows > 10_000, "{tried} changes, {windows} windows");
}

/// Minutes before and after a change: a day and more.
const AROUND: i128 = 1_600;

fn minutes(change: i64) -> std::ops::RangeInclusive<i64> {
    change - 3_200..=change + 1_600
}

fn offset(clocks: &TimeZone, minute: i64) -> i64 {
    i64::from(clocks.to_offset(Timestamp::from_second(minute * 60).unwrap()).seconds()) / 60
}

/// In the minutes around a change, each of which the clocks show as `local`.
fn beginnings(local: &[i64], change: i64, period: i64) -> Vec<i64> {
    let jump = local.windows(2).map(|two| two[0] + 1 - two[1]).find(|jump| *jump != 0);
    let twice = jump.is_some_and(|back| back > 0 && back % period == 0);
    let mut seen = HashSet::new();
    let begins = |local: i64| {
        let first = seen.insert(local.div_euclid(period));
        first || twice && local.rem_euclid(period) == 0
    };
    let begins: Vec<bool> = local.iter().copied().map(begins).collect();
    let found = minutes(change).zip(begins).filter(|(_, begins)| *begins);
    found.map(|(minute, _)| minute).filter(|minute| *minute > change - 1_600).collect()
}

#[test]
fn the_window_that_ends_somewhere_began_where_the_one_before_it_ended() {
    for (zone, from) in [
        ("Europe/Berlin", "2026-03-27T12:00:00Z"),
        ("Europe/Berlin", "2026-10-23T12:00:00Z"),
        ("America/Havana", "2024-03-08T12:00:00Z"),
        ("America/Havana", "2024-11-01T12:00:00Z"),
        ("Pacific/Apia", "2011-12-27T12:00:00Z"),
    ] {
        let zone = Zone::named(zone).unwrap();
        for period in [HOUR, 3 * HOUR, DAY] {
            let mut began = zone.window_ends(period, at(from));
            for _ in 0..60 {
                let ends = zone.window_ends(period, began);
                assert_eq!(zone.window_began(period, ends), began, "{zone}, {period}");
                began = ends;
            }
        }
    }
}
