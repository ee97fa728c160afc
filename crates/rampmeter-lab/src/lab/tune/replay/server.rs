//! What is behind a tool, from how its runs went: how they slow each other down, and when it turns
//! them away.

use super::profile::Profile;
use crate::lab::curves::nonneg::{self, Equation};
use crate::lab::script::ScriptQuota;

/// One run. Microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) went: Went,
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Went {
    /// To its end, good or not.
    Through,
    /// It was turned away.
    Throttled,
    /// It was cut short.
    Cut,
}

/// How runs slow each other down: with `n` inside, each takes `1 + σ(n-1) + κn(n-1)` times as long as
/// alone.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Slowness {
    pub(super) sigma: f64,
    pub(super) kappa: f64,
}

impl Slowness {
    pub(super) fn with(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0).max(0.0) + self.kappa * (n * (n - 1.0)).max(0.0)
    }
}

/// Fewer runs than these say nothing of how they slow each other down.
const LEAST_RUNS: usize = 12;

/// The least squares of run times in 1, n-1 and n(n-1), none of them negative, where `n` is how many
/// were inside, each moment of a run counting alike. What explains too little to be told from chance
/// is none.
pub(super) fn slowness(runs: &[Run]) -> Slowness {
    let profile = inside(runs);
    let (first, second) = (profile.sum(|n| n - 1.0), profile.sum(|n| n * (n - 1.0)));
    let through = runs.iter().filter(|run| run.went == Went::Through && run.to > run.from);
    let equation = |run: &Run| {
        let took = (run.to - run.from) as f64;
        let mean = |sum: f64| (sum / took).max(0.0);
        let first = mean(first.between(run.from, run.to));
        let second = mean(second.between(run.from, run.to));
        Equation { row: [1.0, first, second], value: took, weight: 1.0 }
    };
    let equations: Vec<Equation> = through.map(equation).collect();
    if equations.len() < LEAST_RUNS {
        return Slowness::default();
    }
    let [alone, first, second] = nonneg::solve(&equations);
    let with = misses(&equations, [alone, first, second]);
    let mean = equations.iter().map(|it| it.value).sum::<f64>() / equations.len() as f64;
    let without = misses(&equations, [mean, 0.0, 0.0]);
    // An F-test of two terms more; 7 is beyond the 99.9th percentile for any number of runs so large
    // that it matters.
    let left = with / (equations.len() - 3) as f64;
    let telling = (without - with) / 2.0 > 7.0 * left;
    if alone <= 0.0 || !telling {
        return Slowness::default();
    }
    Slowness { sigma: first / alone, kappa: second / alone }
}

fn misses(equations: &[Equation], terms: [f64; 3]) -> f64 {
    let miss = |it: &Equation| it.value - nonneg::dot(it.row, terms);
    equations.iter().map(|it| miss(it).powi(2)).sum()
}

/// Those that are served at each moment.
pub(super) fn inside(runs: &[Run]) -> Profile {
    let served = runs.iter().filter(|run| run.went != Went::Throttled);
    Profile::of(&served.map(|run| (run.from, run.to)).collect::<Vec<_>>())
}

/// When a server turns calls away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turns {
    /// Never.
    None,
    /// When so many are inside.
    Full(u64),
    /// What is more than so many in any period.
    Quota(ScriptQuota),
    /// Now and then, for no reason that can be seen in the recording.
    Somehow,
}

const SECOND: u64 = 1_000_000;

/// Periods of quotas that are looked for, in microseconds.
const PERIODS: [u64; 4] = [SECOND, 10 * SECOND, 60 * SECOND, 3_600 * SECOND];

/// A cause must tell runs that were turned away from those that were not so well: the mean of the
/// shares of each that it tells right.
const LEAST_TOLD: f64 = 0.9;

/// What tells best which runs were turned away: how many were inside when they came, or how many had
/// been let in within a period before. A stump of one question, as of a decision tree.
pub(super) fn turns_away(runs: &[Run]) -> Turns {
    if runs.iter().all(|run| run.went != Went::Throttled) {
        return Turns::None;
    }
    let profile = inside(runs);
    let mut served: Vec<u64> =
        runs.iter().filter(|run| run.went != Went::Throttled).map(|run| run.from).collect();
    served.sort_unstable();
    let (first, last) = (served.first().copied().unwrap_or(0), served.last().copied().unwrap_or(0));
    let within = |period: u64, at: u64| {
        let to = served.partition_point(|from| *from < at);
        let since = served.partition_point(|from| *from + period <= at);
        (to - since.min(to)) as u64
    };
    let (full, mut told) = stump(runs, |run| profile.before(run.from));
    let mut turns = Turns::Full(full);
    // A period longer than the recording counts all that there was.
    for period in PERIODS.into_iter().filter(|period| *period <= (last - first).max(SECOND)) {
        let (calls, as_well) = stump(runs, |run| within(period, run.from));
        if as_well > told + 0.01 {
            told = as_well;
            turns = Turns::Quota(ScriptQuota { calls, period: period * 1_000 });
        }
    }
    if told >= LEAST_TOLD { turns } else { Turns::Somehow }
}

/// From how many on runs were turned away, and how well that tells them from others.
fn stump(runs: &[Run], count: impl Fn(&Run) -> u64) -> (u64, f64) {
    let counted = |throttled: bool| {
        let those = runs.iter().filter(|run| (run.went == Went::Throttled) == throttled);
        let mut counts: Vec<u64> = those.map(&count).collect();
        counts.sort_unstable();
        counts
    };
    let (away, served) = (counted(true), counted(false));
    let mut best = (1, 0.0);
    for from in away.iter().copied().filter(|from| *from > 0) {
        let right = |counts: &[u64]| counts.partition_point(|it| *it < from) as f64;
        let away = 1.0 - right(&away) / away.len() as f64;
        let served = if served.is_empty() { 1.0 } else { right(&served) / served.len() as f64 };
        let told = f64::midpoint(away, served);
        if told > best.1 {
            best = (from, told);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::{Rng, whole};

    /// Runs at a server that slows down as the law says, stepped microsecond by millisecond, which
    /// turns away what comes when `turned` says so of those inside and those let in before.
    fn served(
        law: Slowness,
        count: usize,
        every_us: u64,
        turned: &dyn Fn(usize, &[u64], u64) -> bool,
    ) -> Vec<Run> {
        let mut rng = Rng::new(3);
        let (mut runs, mut inside, mut let_in) = (Vec::<Run>::new(), Vec::new(), Vec::new());
        let (mut now, mut next) = (0_u64, 0_u64);
        while runs.len() < count || !inside.is_empty() {
            if now >= next && runs.len() < count {
                next = now + rng.about(every_us).max(1);
                let away = turned(inside.len(), &let_in, now);
                let went = if away { Went::Throttled } else { Went::Through };
                if !away {
                    inside.push((runs.len(), 40_000.0 + 40_000.0 * rng.unit()));
                    let_in.push(now);
                }
                runs.push(Run { from: now, to: now, went });
            }
            let speed = 1.0 / law.with(inside.len() as f64);
            now += 100;
            for (run, left) in &mut inside {
                *left -= 100.0 * speed;
                runs[*run].to = now;
            }
            inside.retain(|(_, left)| *left > 0.0);
        }
        runs
    }

    fn never(_: usize, _: &[u64], _: u64) -> bool {
        false
    }

    #[test]
    fn how_runs_slow_each_other_down_is_found() {
        let law = Slowness { sigma: 0.05, kappa: 0.004 };
        let runs = served(law, 3_000, 15_000, &never);
        let found = slowness(&runs);
        for n in [5.0, 10.0, 15.0] {
            let (was, is) = (law.with(n), found.with(n));
            assert!((is / was - 1.0).abs() < 0.15, "{found:?}: {is} for {was} with {n}");
        }
    }

    #[test]
    fn runs_that_do_not_slow_each_other_down_are_not_said_to() {
        let runs = served(Slowness::default(), 1_000, 9_000, &never);
        assert_eq!(slowness(&runs), Slowness::default());
        assert_eq!(slowness(&runs[..5]), Slowness::default());
        assert_eq!(slowness(&[]), Slowness::default());
    }

    #[test]
    fn a_server_that_is_full_is_told_from_one_with_a_quota() {
        let law = Slowness::default();
        let full = served(law, 2_000, 9_000, &|inside, _, _| inside >= 7);
        assert_eq!(turns_away(&full), Turns::Full(7));
        let quota = served(law, 2_000, 9_000, &|_, let_in, now| {
            let_in.iter().filter(|at| *at + SECOND > now).count() >= 80
        });
        let quota_of = ScriptQuota { calls: 80, period: SECOND * 1_000 };
        assert_eq!(turns_away(&quota), Turns::Quota(quota_of));
        assert_eq!(turns_away(&served(law, 100, 9_000, &never)), Turns::None);
    }

    #[test]
    fn what_is_turned_away_by_chance_has_no_cause() {
        let chance = std::cell::RefCell::new(Rng::new(8));
        let runs = served(Slowness::default(), 2_000, 9_000, &|_, _, _| {
            whole(chance.borrow_mut().unit() * 10.0) == 0
        });
        assert_eq!(turns_away(&runs), Turns::Somehow);
    }
}
