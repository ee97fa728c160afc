//! Where the windows of calendar rates begin and end, by a time of day that may be set.
//!
//! The engine rolls from one window to the next by its own clock. Now and then, and at each
//! boundary, the time of day is asked. Two clocks are never read at one moment, so near a boundary
//! they may disagree on whether it has been passed; the engine's word stands then.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use rampmeter_core::{Engine, Instant, LimitId, Outputs};

use crate::policy::Zone;

/// How far the clocks may be apart, and still mean the same boundary.
const APART: Duration = Duration::from_secs(1);

/// A calendar rate.
#[derive(Clone)]
pub(super) struct Calendar {
    limit: LimitId,
    /// The rate's place in its limit.
    budget: usize,
    period: Duration,
    zone: Zone,
    /// The present window, by when it ends: nanoseconds since 1970.
    window: i128,
    /// When it ends, by the gate's clock.
    pub(super) ends: Instant,
}

impl Calendar {
    pub(super) fn new(
        limit: LimitId,
        budget: usize,
        period: Duration,
        zone: Zone,
        now: Instant,
        wall: SystemTime,
    ) -> Calendar {
        let (window, left) = place(period, &zone, wall);
        Calendar { limit, budget, period, zone, window, ends: now.saturating_add(left) }
    }

    /// Whether it is this limit's, by these windows.
    pub(super) fn is(&self, limit: LimitId, period: Duration, zone: &Zone) -> bool {
        (self.limit, self.period, &self.zone) == (limit, period, zone)
    }

    /// How many nanoseconds ago the present window began, if it is this limit's, by this period.
    pub(super) fn began_ago(&self, limit: LimitId, period: Duration, now: Instant) -> Option<i128> {
        let began = || self.zone.window_began(nanos(period), self.window);
        let left = i128::from(self.ends.as_nanos()) - i128::from(now.as_nanos());
        ((self.limit, self.period) == (limit, period)).then(|| self.window - began() - left)
    }

    /// The same, at another place in its limit.
    pub(super) fn moved(&self, budget: usize) -> Calendar {
        Calendar { budget, ..self.clone() }
    }

    /// Tells the engine when the present window ends, as the time of day is now.
    pub(super) fn align(
        &mut self,
        now: Instant,
        wall: SystemTime,
        engine: &mut Engine,
        out: &mut Outputs,
    ) {
        let (mut window, mut left) = place(self.period, &self.zone, wall);
        let rolled = now >= self.ends;
        match window.cmp(&self.window) {
            // The clock was set on, or the machine slept: what was used belongs to the past.
            Ordering::Greater if !rolled => {
                engine.align(now, self.limit, self.budget, now, out);
            }
            // The engine has begun this window a hair too early. It must not begin twice.
            Ordering::Equal if rolled && left <= APART.min(self.period / 2) => {
                let next = self.zone.window_ends(nanos(self.period), window);
                left += between(window, next);
                window = next;
            }
            _ => {}
        }
        self.window = window;
        self.ends = now.saturating_add(left);
        engine.align(now, self.limit, self.budget, self.ends, out);
    }
}

/// When the window that `wall` is in ends, by the gate's clock, which says `now`.
pub(super) fn ends(period: Duration, zone: &Zone, now: Instant, wall: SystemTime) -> Instant {
    now.saturating_add(place(period, zone, wall).1)
}

/// When the window that `wall` is in ends, in nanoseconds since 1970, and what is left of it.
fn place(period: Duration, zone: &Zone, wall: SystemTime) -> (i128, Duration) {
    let since = match wall.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    };
    let ends = zone.window_ends(nanos(period), since);
    (ends, between(since, ends))
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

fn between(from: i128, to: i128) -> Duration {
    Duration::from_nanos(u64::try_from(to - from).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_window_ends_where_its_zone_says_also_before_1970() {
        let day = Duration::from_secs(86_400);
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let place = |offset_seconds, wall| {
            let (ends, left) = place(day, &Zone::offset(offset_seconds), wall);
            (ends / 1_000_000_000, left.as_secs())
        };
        assert_eq!(place(0, at(0)), (86_400, 86_400));
        assert_eq!(place(0, at(86_399)), (86_400, 1));
        let late = place(3_600, at(86_400 - 3_600 - 1));
        assert_eq!(late, (86_400 - 3_600, 1), "midnight at +01:00 is 23:00 UTC");
        assert_eq!(place(-3_600, at(3_599)), (3_600, 1));
        assert_eq!(place(0, SystemTime::UNIX_EPOCH - Duration::from_secs(1)), (0, 1));
    }
}
