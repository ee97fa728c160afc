//! Whose calendar a window is aligned to, and when its windows begin.
//!
//! A window begins when the clocks of its zone come to a whole number of periods after midnight.
//! What that means on the days on which they are changed:
//!
//! - A window whose beginning is left out begins when the clocks are put forward.
//! - When an hour comes twice, windows that are a whole number of times in it come twice as well;
//!   of longer ones there is one, which is that much longer. So a day has 23 or 25 hours, and
//!   midnight comes once, also where the clocks are put back at midnight.
//!
//! The zones are those of the IANA database that is bundled, whatever the machine has: a window
//! ends at the same moment everywhere.

use std::fmt;
use std::sync::OnceLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

const NANOS: i128 = 1_000_000_000;

/// Boundaries that are looked at for the next one. Clocks that are changed leave no more of them
/// out, or repeat them, unless they are changed by years.
const MOST_BOUNDARIES: i64 = 100_000;

/// A fixed offset from UTC, or a place. Displays as `UTC`, `+02:00` or `Europe/Berlin`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(Kind);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// Seconds east of UTC.
    Offset(i32),
    Named(TimeZone),
}

impl Zone {
    /// Universal time.
    pub const UTC: Zone = Zone(Kind::Offset(0));

    /// So many seconds east of UTC, whole minutes.
    pub const fn offset(seconds: i32) -> Zone {
        Zone(Kind::Offset(seconds))
    }

    /// By its name in the IANA database, as it is written there.
    pub fn named(name: &str) -> Option<Zone> {
        let zone = database().get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Zone(Kind::Named(zone)))
    }

    /// Seconds east of UTC, if it is a fixed offset.
    pub fn offset_seconds(&self) -> Option<i32> {
        match self.0 {
            Kind::Offset(seconds) => Some(seconds),
            Kind::Named(_) => None,
        }
    }

    /// When the window that `unix_ns` is in ends, both in nanoseconds since 1970; `period_ns` is
    /// whole seconds, of which a whole number of times makes a day.
    pub(crate) fn window_ends(&self, period_ns: i128, unix_ns: i128) -> i128 {
        let period_ns = period_ns.max(1);
        let plain = |offset_seconds: i128| {
            let local = unix_ns + offset_seconds * NANOS;
            unix_ns + period_ns - local.rem_euclid(period_ns)
        };
        match &self.0 {
            Kind::Offset(seconds) => plain(i128::from(*seconds)),
            Kind::Named(zone) => {
                let found = Timestamp::from_nanosecond(unix_ns).ok().and_then(|now| {
                    let period = i64::try_from(period_ns / NANOS).ok().filter(|it| *it > 0)?;
                    next_beginning(zone, period, now)
                });
                // Beyond the year 9999 all days are alike.
                found.map_or_else(|| plain(0), Timestamp::as_nanosecond)
            }
        }
    }

    /// When the window began that ends at `ends_ns`.
    pub(crate) fn window_began(&self, period_ns: i128, ends_ns: i128) -> i128 {
        const HOUR: i128 = 3_600 * NANOS;
        let (Kind::Named(_), true) = (&self.0, period_ns >= HOUR) else {
            return ends_ns - period_ns;
        };
        let mut began = ends_ns - period_ns - 25 * HOUR;
        loop {
            let next = self.window_ends(period_ns, began);
            if next >= ends_ns || next <= began {
                return began;
            }
            began = next;
        }
    }
}

/// The names of all zones.
pub(super) fn names() -> Vec<String> {
    database().available().map(|name| name.as_str().to_owned()).collect()
}

fn database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// The first moment after `now` at which a window begins.
fn next_beginning(zone: &TimeZone, period: i64, now: Timestamp) -> Option<Timestamp> {
    let local = zone.to_datetime(now);
    let midnight = local.date().to_datetime(jiff::civil::Time::midnight());
    let past = seconds(midnight, local) / period;
    let boundaries = (1..MOST_BOUNDARIES).map_while(|at| {
        let after = SignedDuration::from_secs((past + at).checked_mul(period)?);
        midnight.checked_add(after).ok()
    });
    let beginnings = boundaries.flat_map(|boundary| beginnings(zone, period, boundary));
    let next = beginnings.into_iter().find(|begins| *begins > now);
    next.into_iter().chain(first_repeated(zone, period, now)).min()
}

/// When a window begins that should begin when the clocks show `boundary`; in order.
fn beginnings(zone: &TimeZone, period: i64, boundary: DateTime) -> Vec<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(boundary);
    let found = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => vec![ambiguous.compatible().ok()],
        AmbiguousOffset::Gap { .. } => {
            // As if the clocks had not been changed: that is not before they were.
            let late = ambiguous.compatible().ok();
            let after = late.and_then(|late| late.checked_add(SignedDuration::from_nanos(1)).ok());
            vec![after.and_then(|after| Some(zone.preceding(after).next()?.timestamp()))]
        }
        AmbiguousOffset::Fold { before, after } => {
            let twice = repeats(period, before.seconds(), after.seconds());
            let later = ambiguous.later().ok().filter(|_| twice);
            vec![ambiguous.earlier().ok(), later]
        }
    };
    found.into_iter().flatten().collect()
}

/// The first window to begin a second time when the clocks are next put back, unless the first
/// time is still to come.
fn first_repeated(zone: &TimeZone, period: i64, now: Timestamp) -> Option<Timestamp> {
    let change = zone.following(now).next()?;
    let before =
        zone.to_offset(change.timestamp().checked_sub(SignedDuration::from_nanos(1)).ok()?);
    if !repeats(period, before.seconds(), change.offset().seconds()) {
        return None;
    }
    let local = change.offset().to_datetime(change.timestamp());
    let midnight = local.date().to_datetime(jiff::civil::Time::midnight());
    let past = seconds(midnight, local);
    let wait = (period - past % period) % period;
    change.timestamp().checked_add(SignedDuration::from_secs(wait)).ok()
}

/// Whether windows come twice when the offset falls.
fn repeats(period: i64, before_seconds: i32, after_seconds: i32) -> bool {
    let back = i64::from(before_seconds) - i64::from(after_seconds);
    back > 0 && back % period == 0
}

/// Whole seconds on clocks that are not changed.
fn seconds(from: DateTime, to: DateTime) -> i64 {
    to.duration_since(from).as_secs()
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Offset(0) => f.write_str("UTC"),
            Kind::Offset(seconds) => {
                let sign = if *seconds < 0 { '-' } else { '+' };
                let minutes = seconds.unsigned_abs() / 60;
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Kind::Named(zone) => f.write_str(zone.iana_name().unwrap_or("UTC")),
        }
    }
}
