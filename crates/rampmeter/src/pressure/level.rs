//! A level that does not flap.
//!
//! Where it is entered and where it is left are apart already when it comes here. What is wanted
//! may still change with every call, so a level stays for at least a dwell: where a load hovers it
//! changes at most once in that time. Only a level that has just risen may rise further at once: a
//! burst must not have to wait until it counts as severe.

use std::time::Duration;

use rampmeter_core::Instant;

use super::PressureLevel;

/// The level that is told, beside the one that is wanted.
#[derive(Debug, Default)]
pub(crate) struct Steady {
    level: PressureLevel,
    /// Nothing has changed yet where it is `None`.
    changed: Option<Instant>,
    fell: bool,
    wanted: PressureLevel,
}

impl Steady {
    pub(crate) fn level(&self) -> PressureLevel {
        self.level
    }

    /// When the level last changed.
    pub(crate) fn since(&self) -> Instant {
        self.changed.unwrap_or(Instant::EPOCH)
    }

    /// Says whether the level is another one now that `wanted` is wanted.
    pub(crate) fn want(&mut self, now: Instant, wanted: PressureLevel, dwell: Duration) -> bool {
        self.wanted = wanted;
        if self.next(dwell).is_none_or(|at| at > now) {
            return false;
        }
        self.fell = wanted < self.level;
        (self.level, self.changed) = (wanted, Some(now));
        true
    }

    /// When the level becomes the one that is wanted, if it is another.
    pub(crate) fn next(&self, dwell: Duration) -> Option<Instant> {
        let dwells = self.fell || self.wanted < self.level;
        let from = |changed: Instant| changed.saturating_add(dwell);
        let may_change = self.changed.filter(|_| dwells).map_or(Instant::EPOCH, from);
        (self.wanted != self.level).then_some(may_change)
    }
}

#[cfg(test)]
mod tests {
    use super::PressureLevel::{Elevated, Normal, Severe};
    use super::*;

    const DWELL: Duration = Duration::from_millis(100);

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_load_that_hovers_changes_the_level_at_most_once_per_dwell() {
        let mut steady = Steady::default();
        let mut changes = Vec::new();
        for at in 0..1_000 {
            let wanted = if at % 2 == 0 { Elevated } else { Normal };
            if steady.want(ms(at), wanted, DWELL) {
                changes.push(at);
            }
        }
        assert!((5..=10).contains(&changes.len()), "{changes:?}");
        assert!(changes.windows(2).all(|pair| pair[1] - pair[0] >= 100), "{changes:?}");
    }

    #[test]
    fn a_rise_is_told_at_once_unless_it_follows_a_fall_and_a_fall_never() {
        let mut steady = Steady::default();
        assert!(steady.want(ms(7), Elevated, DWELL));
        assert_eq!((steady.level(), steady.since(), steady.next(DWELL)), (Elevated, ms(7), None));
        assert!(steady.want(ms(8), Severe, DWELL));
        assert!(!steady.want(ms(50), Normal, DWELL));
        assert_eq!((steady.level(), steady.next(DWELL)), (Severe, Some(ms(108))));
        assert!(!steady.want(ms(60), Severe, DWELL), "it passed before it was told");
        assert_eq!(steady.next(DWELL), None);
        assert!(!steady.want(ms(70), Elevated, DWELL));
        assert!(steady.want(ms(108), Elevated, DWELL));
        assert!(!steady.want(ms(109), Severe, DWELL));
        assert!(steady.want(ms(208), Severe, DWELL));
    }
}
