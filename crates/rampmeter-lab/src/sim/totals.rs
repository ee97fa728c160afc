//! What happened in a run, in numbers.

use std::ops::AddAssign;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is what its name in a record says")]
pub enum Count {
    Steps,
    Asked,
    GrantedAtOnce,
    Waited,
    GrantedLater,
    RefusedAtOnce,
    RefusedLater,
    Cancelled,
    Released,
    Timers,
    TimersWithMoreToDo,
    Nested,
    Borrowed,
    WouldDeadlock,
    Evicted,
    Resized,
    Opened,
    RefusedByBreaker,
    TooLate,
    Edits,
    EditsRefused,
    Aligns,
    Hangs,
    Vanished,
    Storms,
    StaleIds,
    BackwardClocks,
    Looks,
    Trials,
    HeadsJudged,
    HeadsWithRoom,
    Rescued,
    Explained,
    OffByAQuarter,
    OffByTheWait,
    OffByFourWaits,
    OffByMore,
    Settled,
    Throttled,
    CameAgain,
}

/// Every count with the name that it has in a record.
pub const COUNTS: [(Count, &str); 40] = [
    (Count::Steps, "steps"),
    (Count::Asked, "asked"),
    (Count::GrantedAtOnce, "granted_at_once"),
    (Count::Waited, "waited"),
    (Count::GrantedLater, "granted_later"),
    (Count::RefusedAtOnce, "refused_at_once"),
    (Count::RefusedLater, "refused_later"),
    (Count::Cancelled, "cancelled"),
    (Count::Released, "released"),
    (Count::Timers, "timers"),
    (Count::TimersWithMoreToDo, "timers_with_more_to_do"),
    (Count::Nested, "nested"),
    (Count::Borrowed, "borrowed"),
    (Count::WouldDeadlock, "would_deadlock"),
    (Count::Evicted, "evicted"),
    (Count::Resized, "learned_sizes"),
    (Count::Opened, "breakers_opened"),
    (Count::RefusedByBreaker, "refused_by_breaker"),
    (Count::TooLate, "too_late"),
    (Count::Edits, "edits"),
    (Count::EditsRefused, "edits_refused"),
    (Count::Aligns, "aligns"),
    (Count::Hangs, "hangs"),
    (Count::Vanished, "vanished"),
    (Count::Storms, "storms"),
    (Count::StaleIds, "stale_ids"),
    (Count::BackwardClocks, "backward_clocks"),
    (Count::Looks, "snapshots_judged"),
    (Count::Trials, "trials_on_a_copy"),
    (Count::HeadsJudged, "heads_judged"),
    (Count::HeadsWithRoom, "heads_with_room"),
    (Count::Rescued, "rescued"),
    (Count::Explained, "explained"),
    (Count::OffByAQuarter, "estimates_off_by_a_quarter_of_the_wait"),
    (Count::OffByTheWait, "estimates_off_by_the_wait"),
    (Count::OffByFourWaits, "estimates_off_by_four_waits"),
    (Count::OffByMore, "estimates_off_by_more"),
    (Count::Settled, "settled"),
    (Count::Throttled, "throttled"),
    (Count::CameAgain, "came_again"),
];

/// Counts of one run, or of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals([u64; COUNTS.len()]);

impl Default for Totals {
    fn default() -> Totals {
        Totals([0; COUNTS.len()])
    }
}

impl Totals {
    /// How many.
    pub fn of(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    pub(crate) fn add(&mut self, count: Count) {
        self.0[count as usize] += 1;
    }
}

impl AddAssign<&Totals> for Totals {
    fn add_assign(&mut self, other: &Totals) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}
