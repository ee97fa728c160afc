//! Of settings that are equally good, the one to use.

use super::bench::{Bench, Setting};
use super::goal::Score;
use super::search::Task;

/// Settings whose goodput differs by less are equally good: then the one that is further from its
/// bounds is better.
const EQUAL: f64 = 0.005;

/// Room to the bounds, all together, that differs by less is the same.
const AS_FAR: f64 = 0.02;

/// Of the settings that are as good as the best, the one furthest from its bounds, each of its knobs no
/// larger than it needs to be: a limit is there to hold back what nobody has seen yet.
pub(super) fn choose(
    bench: &mut Bench<'_>,
    task: Task<'_>,
    given: &[u64],
) -> Result<Setting, String> {
    let Some((best, most)) = bench.best(task.seeds, task.goal) else { return Ok(given.to_vec()) };
    if !most.meets() {
        return Ok(best);
    }
    let mut chosen = (best, most);
    for setting in bench.tried() {
        let Some(other) = bench.score(setting, task.seeds, task.goal) else { continue };
        if is_as_good(&other, &most) && other.slack > chosen.1.slack + 1e-9 {
            chosen = (setting.clone(), other);
        }
    }
    let (mut chosen, safest) = chosen;
    let mut trim = Trim { bench, task, most, slack: safest.slack - AS_FAR };
    for (knob, given) in given.iter().enumerate() {
        chosen = trim.least(chosen, knob, *given)?;
    }
    Ok(chosen)
}

fn is_as_good(score: &Score, most: &Score) -> bool {
    score.meets() && score.goodput >= most.goodput * (1.0 - EQUAL)
}

struct Trim<'a, 'b> {
    bench: &'a mut Bench<'b>,
    task: Task<'a>,
    /// The best goodput that there is.
    most: Score,
    /// The least room to the bounds that is as much as there is.
    slack: f64,
}

impl Trim<'_, '_> {
    fn keeps(&mut self, setting: &Setting) -> Result<bool, String> {
        let Task { seeds, goal, .. } = self.task;
        self.bench.measure(std::slice::from_ref(setting), seeds)?;
        let score = self.bench.score(setting, seeds, goal);
        Ok(score.is_some_and(|it| is_as_good(&it, &self.most) && it.slack >= self.slack))
    }

    /// A knob no larger than it needs to be, within a tenth, and as given if that is as near: between
    /// what is too little and what is known to do, halved by orders of magnitude.
    fn least(&mut self, mut setting: Setting, knob: usize, given: u64) -> Result<Setting, String> {
        let (least, _) = self.task.space.0[knob];
        let mut low = least.saturating_sub(1);
        for try_first in [given, least] {
            if (low + 1..setting[knob]).contains(&try_first) {
                let mut smaller = setting.clone();
                smaller[knob] = try_first;
                match self.keeps(&smaller)? {
                    true => setting = smaller,
                    false => low = try_first,
                }
            }
        }
        while setting[knob] - low > setting[knob].div_ceil(10) {
            let middle = (low.max(1) as f64 * setting[knob] as f64).sqrt();
            let mut smaller = setting.clone();
            smaller[knob] = crate::sim::rng::whole(middle).clamp(low + 1, setting[knob] - 1);
            match self.keeps(&smaller)? {
                true => setting = smaller,
                false => low = smaller[knob],
            }
        }
        let mut plain = setting.clone();
        plain[knob] = given;
        let is_near = given.abs_diff(setting[knob]) <= setting[knob] / 10;
        Ok(if is_near && self.keeps(&plain)? { plain } else { setting })
    }
}

#[cfg(test)]
mod tests {
    use super::super::find::tests::{at_most, find_in};
    use super::super::goal::Outcome;

    #[test]
    fn of_settings_that_are_equally_good_the_one_furthest_from_its_bounds_is_chosen() {
        // From 20 on nothing is gained but latency.
        let play = |setting: &[u64], _: u64| {
            let n = setting[0] as f64;
            Outcome { goodput: n.min(20.0), aims: vec![Some(n)] }
        };
        let found = find_in(1_000, &[at_most(100.0)], &[1], &play);
        assert_eq!(found.setting, [20]);
    }

    #[test]
    fn a_knob_that_makes_no_difference_is_as_small_as_it_may_be() {
        let play = |setting: &[u64], _: u64| {
            let n = setting[0].min(9) as f64;
            Outcome { goodput: n, aims: vec![] }
        };
        let found = find_in(64, &[], &[2, 23], &play);
        assert_eq!(found.setting, [9, 1], "{found:?}");
    }

    #[test]
    fn a_rate_is_no_larger_than_what_comes_though_it_was_given_so() {
        // Whoever reads a quota of 10 keeps to it under any rate that is not below.
        let play = |setting: &[u64], _: u64| {
            let n = setting[0].min(10) as f64;
            Outcome { goodput: n, aims: vec![Some(0.0)] }
        };
        for given in [100, 32, 3] {
            let found = find_in(200, &[at_most(0.0)], &[given], &play);
            assert_eq!(found.setting, [10], "{given}: {found:?}");
        }
    }

    #[test]
    fn what_is_given_stays_where_it_is_as_near_as_can_be_told() {
        let play = |setting: &[u64], _: u64| {
            let n = setting[0].min(100) as f64;
            Outcome { goodput: n, aims: vec![] }
        };
        assert_eq!(find_in(500, &[], &[104], &play).setting, [104]);
    }

    #[test]
    fn a_limit_is_no_larger_than_it_needs_to_be() {
        // What is above 37 is never used.
        let play = |setting: &[u64], _: u64| {
            let n = setting[0].min(37) as f64;
            Outcome { goodput: n, aims: vec![Some(1.0)] }
        };
        let found = find_in(5_000, &[at_most(10.0)], &[2], &play);
        assert!((37..=41).contains(&found.setting[0]), "{found:?}");
    }
}
