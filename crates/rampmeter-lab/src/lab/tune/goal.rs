//! How good one setting is: first by how far it misses the aims, then by its goodput.

use std::cmp::Ordering;

use crate::lab::curves::OverSeeds;

/// How a figure and its bound compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
}

/// What one figure must be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bound {
    pub(crate) op: Op,
    pub(crate) bound: f64,
}

/// What one seed came to under one setting.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Outcome {
    pub(crate) goodput: f64,
    /// The figure of each aim; nothing where there is none, as no latency without an answer.
    pub(crate) aims: Vec<Option<f64>>,
}

/// A setting's worth over its seeds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Score {
    /// How far the aims are missed on the worst seed of each; 0 where all hold on all seeds.
    pub(crate) missed: f64,
    /// In the middle of the seeds.
    pub(crate) goodput: f64,
    /// How far below their bounds the aims are, in all; 0 where one is missed.
    pub(crate) slack: f64,
}

/// Counts for a figure that there is not: further off than any that there is.
const NONE: f64 = 1e6;

impl Bound {
    /// One that everything keeps.
    pub(crate) const ANY: Bound = Bound { op: Op::AtMost, bound: f64::INFINITY };

    /// One that holds as this function says, which changes its mind at the bound alone.
    pub(crate) fn between(bound: f64, holds: impl Fn(f64) -> bool) -> Bound {
        let by = bound.abs().max(1.0);
        let op = match (holds(bound - by), holds(bound), holds(bound + by)) {
            (true, true, _) => Op::AtMost,
            (true, false, _) => Op::Below,
            (_, true, true) => Op::AtLeast,
            (_, false, true) => Op::Above,
            (false, _, false) => Op::Equal,
        };
        Bound { op, bound }
    }

    /// How far beyond it a figure is, as a share of it (of 1, if it is 0); 0 where it holds.
    pub(crate) fn miss(&self, value: Option<f64>) -> f64 {
        if self.bound.is_infinite() {
            return 0.0;
        }
        let Some(value) = value else { return NONE };
        let scale = if self.bound == 0.0 { 1.0 } else { self.bound.abs() };
        let over = (value - self.bound) / scale;
        // What must be below its bound and is at it misses it, by next to nothing.
        let open = |over: f64| if over >= 0.0 { over.max(1e-9) } else { 0.0 };
        match self.op {
            Op::AtMost => over.max(0.0),
            Op::Below => open(over),
            Op::AtLeast => (-over).max(0.0),
            Op::Above => open(-over),
            Op::Equal => over.abs(),
        }
    }

    /// How much room it leaves, as a share of it, from 0 to 1.
    fn slack(&self, value: Option<f64>) -> f64 {
        let (Some(value), false) = (value, self.bound == 0.0 || self.bound.is_infinite()) else {
            return 0.0;
        };
        let over = (value - self.bound) / self.bound.abs();
        match self.op {
            Op::AtMost | Op::Below => (-over).clamp(0.0, 1.0),
            Op::AtLeast | Op::Above => over.clamp(0.0, 1.0),
            Op::Equal => 0.0,
        }
    }

    /// Whether a figure is better than another, by this alone.
    pub(crate) fn is_better(&self, value: f64, other: f64) -> bool {
        match self.op {
            Op::AtMost | Op::Below => value < other,
            Op::AtLeast | Op::Above => value > other,
            Op::Equal => self.miss(Some(value)) < self.miss(Some(other)),
        }
    }

    /// Moved by a share of itself, to let more through, or less where the share is negative; nothing
    /// where no share of it makes a difference.
    pub(crate) fn relaxed(&self, share: f64) -> Option<Bound> {
        let by = self.bound.abs() * share;
        let bound = match self.op {
            Op::AtMost | Op::Below => self.bound + by,
            Op::AtLeast | Op::Above => self.bound - by,
            Op::Equal => return None,
        };
        (self.bound != 0.0 && self.bound.is_finite()).then_some(Bound { bound, ..*self })
    }

    /// The worst of these by this bound.
    pub(crate) fn worst(&self, values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
        let by_miss = |a: &Option<f64>, b: &Option<f64>| {
            let miss = self.miss(*a).total_cmp(&self.miss(*b));
            // Of those that hold it is the one with the least room.
            miss.then(self.slack(*b).total_cmp(&self.slack(*a)))
        };
        values.into_iter().max_by(by_miss).flatten()
    }
}

impl Score {
    /// What these outcomes, one for each seed, are worth; nothing without any.
    pub(crate) fn of(outcomes: &[&Outcome], goal: &[Bound]) -> Option<Score> {
        let goodput = OverSeeds::of(outcomes.iter().map(|it| it.goodput))?.median;
        let (mut missed, mut slack) = (0.0, 0.0);
        for (at, bound) in goal.iter().enumerate() {
            let values = outcomes.iter().map(|it| it.aims.get(at).copied().flatten());
            let worst = bound.worst(values);
            // A figure that is a thousand times too large does not drown the others.
            missed += bound.miss(worst).ln_1p();
            slack += bound.slack(worst);
        }
        if missed > 0.0 {
            slack = 0.0;
        }
        Some(Score { missed, goodput, slack })
    }

    pub(crate) fn meets(&self) -> bool {
        self.missed == 0.0
    }

    /// Which is better.
    pub(crate) fn order(&self, other: &Score) -> Ordering {
        let missed = other.missed.total_cmp(&self.missed);
        missed.then(self.goodput.total_cmp(&other.goodput)).then(self.slack.total_cmp(&other.slack))
    }

    pub(crate) fn is_better(&self, other: &Score) -> bool {
        self.order(other) == Ordering::Greater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(goodput: f64, aims: &[f64]) -> Outcome {
        Outcome { goodput, aims: aims.iter().map(|it| Some(*it)).collect() }
    }

    const AT_MOST_2: Bound = Bound { op: Op::AtMost, bound: 2.0 };
    const NO: Bound = Bound { op: Op::AtMost, bound: 0.0 };

    #[test]
    fn a_miss_is_a_share_of_its_bound() {
        assert_eq!(AT_MOST_2.miss(Some(2.0)), 0.0);
        assert_eq!(AT_MOST_2.miss(Some(3.0)), 0.5);
        assert_eq!(NO.miss(Some(3.0)), 3.0);
        assert_eq!(Bound { op: Op::AtLeast, bound: 4.0 }.miss(Some(3.0)), 0.25);
        assert_eq!(Bound { op: Op::Equal, bound: 4.0 }.miss(Some(3.0)), 0.25);
        assert!(Bound { op: Op::Below, bound: 2.0 }.miss(Some(2.0)) > 0.0);
        assert!(Bound { op: Op::Above, bound: 2.0 }.miss(Some(2.0)) > 0.0);
        assert_eq!(Bound { op: Op::Above, bound: 2.0 }.miss(Some(2.1)), 0.0);
        assert!(AT_MOST_2.miss(None) > AT_MOST_2.miss(Some(1_000.0)));
    }

    #[test]
    fn a_bound_is_what_its_aim_holds_of() {
        for (text, op, bound) in [
            ("p95 <= 2s", Op::AtMost, 2.0),
            ("p95 < 250ms", Op::Below, 0.25),
            ("goodput >= 10/s", Op::AtLeast, 10.0),
            ("goodput > 10/s", Op::Above, 10.0),
            ("failed = 3", Op::Equal, 3.0),
            ("no throttles", Op::Equal, 0.0),
            ("no throttled", Op::Equal, 0.0),
            ("memory <= 512MiB", Op::AtMost, 536_870_912.0),
        ] {
            let aim = crate::lab::figures::Aim::parse(text).unwrap();
            assert_eq!(Bound::of(&aim), Bound { op, bound }, "{text}");
        }
    }

    #[test]
    fn one_seed_that_misses_an_aim_misses_it() {
        let goal = [AT_MOST_2, NO];
        let (good, bad) = (outcome(9.0, &[1.0, 0.0]), outcome(9.0, &[1.0, 1.0]));
        assert!(Score::of(&[&good, &good], &goal).unwrap().meets());
        assert!(!Score::of(&[&good, &bad], &goal).unwrap().meets());
        assert_eq!(Score::of(&[], &goal), None);
    }

    #[test]
    fn no_goodput_makes_up_for_an_aim_that_is_missed() {
        let goal = [AT_MOST_2];
        let score = |goodput, value| Score::of(&[&outcome(goodput, &[value])], &goal).unwrap();
        assert!(score(1.0, 2.0).is_better(&score(100.0, 2.1)));
        assert!(score(1.0, 2.1).is_better(&score(100.0, 2.2)));
        assert!(score(3.0, 2.0).is_better(&score(2.0, 1.0)));
        assert!(score(3.0, 1.0).is_better(&score(3.0, 2.0)));
    }

    #[test]
    fn a_bound_of_none_at_all_cannot_be_relaxed_by_a_share() {
        assert_eq!(AT_MOST_2.relaxed(0.1).unwrap().bound, 2.2);
        assert_eq!(AT_MOST_2.relaxed(-0.1).unwrap().bound, 1.8);
        assert_eq!(Bound { op: Op::AtLeast, bound: 2.0 }.relaxed(0.1).unwrap().bound, 1.8);
        assert_eq!(NO.relaxed(0.1), None);
    }

    #[test]
    fn the_worst_is_the_nearest_to_its_bound_or_the_furthest_beyond() {
        let worst = |values: &[f64]| AT_MOST_2.worst(values.iter().map(|it| Some(*it)));
        assert_eq!(worst(&[0.5, 1.5, 1.0]), Some(1.5));
        assert_eq!(worst(&[0.5, 3.0, 5.0, 1.0]), Some(5.0));
        assert_eq!(AT_MOST_2.worst([Some(1.0), None]), None);
    }
}
