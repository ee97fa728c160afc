//! How many are inside a tool at each moment.

/// The number of runs that are open, over time.
#[derive(Clone, Default, PartialEq, Debug)]
pub(super) struct Profile {
    /// From this moment on so many, until the next one.
    steps: Vec<(u64, u64)>,
}

impl Profile {
    pub(super) fn of(runs: &[(u64, u64)]) -> Profile {
        let begins = runs.iter().map(|(from, _)| (*from, 1));
        let mut moves: Vec<(u64, i64)> =
            begins.chain(runs.iter().map(|(_, to)| (*to, -1))).collect();
        moves.sort_unstable();
        let (mut steps, mut inside): (Vec<(u64, u64)>, i64) = (Vec::new(), 0);
        for (at, by) in moves {
            inside += by;
            let inside = u64::try_from(inside).unwrap_or(0);
            match steps.last_mut().filter(|(last, _)| *last == at) {
                Some((_, now)) => *now = inside,
                None => steps.push((at, inside)),
            }
        }
        Profile { steps }
    }

    /// How many are inside just before a moment.
    pub(super) fn before(&self, at: u64) -> u64 {
        let next = self.steps.partition_point(|(from, _)| *from < at);
        next.checked_sub(1).map_or(0, |last| self.steps[last].1)
    }

    /// Adds up, over time, what this says of the number inside; for any two moments the sum between.
    pub(super) fn sum(&self, of: impl Fn(f64) -> f64) -> Sum<'_> {
        let mut sums = Vec::with_capacity(self.steps.len());
        let mut sum = 0.0;
        for pair in self.steps.windows(2) {
            let each = of(pair[0].1 as f64);
            sums.push((sum, each));
            sum += each * (pair[1].0 - pair[0].0) as f64;
        }
        sums.extend(self.steps.last().map(|(_, inside)| (sum, of(*inside as f64))));
        Sum { profile: self, sums }
    }
}

/// A sum over time.
pub(super) struct Sum<'a> {
    profile: &'a Profile,
    /// Up to each step, and what each moment after it adds.
    sums: Vec<(f64, f64)>,
}

impl Sum<'_> {
    pub(super) fn between(&self, from: u64, to: u64) -> f64 {
        self.up_to(to) - self.up_to(from)
    }

    fn up_to(&self, at: u64) -> f64 {
        let steps = &self.profile.steps;
        let next = steps.partition_point(|(from, _)| *from <= at);
        let Some(last) = next.checked_sub(1) else { return 0.0 };
        let (sum, each) = self.sums[last];
        sum + each * (at - steps[last].0) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_inside_are_counted_from_their_first_moment_to_their_last() {
        let profile = Profile::of(&[(10, 30), (20, 40), (20, 25), (50, 60)]);
        let at = |moment: u64| profile.before(moment + 1);
        assert_eq!([5, 10, 20, 25, 30, 40, 50, 60].map(at), [0, 1, 3, 2, 1, 0, 1, 0]);
        assert_eq!(profile.before(20), 1);
    }

    #[test]
    fn a_sum_is_that_of_each_moment() {
        let runs = [(10, 30), (20, 40), (20, 25), (50, 60)];
        let profile = Profile::of(&runs);
        let sum = profile.sum(|n| n * n);
        let inside = |at: u64| runs.iter().filter(|(from, to)| *from <= at && at < *to).count();
        for (from, to) in [(0, 70), (12, 22), (24, 26), (40, 50), (55, 55)] {
            let slowly: usize = (from..to).map(|at| inside(at) * inside(at)).sum();
            assert_eq!(sum.between(from, to), slowly as f64, "{from} to {to}");
        }
    }
}
