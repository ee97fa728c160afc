//! Of settings that are equally good, the one to use.

use super::bench::{Bench, Setting};
use super::goal::Score;
use super::search::Task;

/// Settings whose goodput differs by less are equally good: then the one that is further from its
/// bounds is better.
const EQUAL: f64 = 0.005;

/// Room to the bounds, all together, that differs by less is the same.
const AS_FAR: f64 = 0.02;

/// Of the settings that are as good as the best, the one furthest from its bounds; of its knobs those
/// as given that make no difference, and the others no larger than they need to be: a limit is there to
/// hold back what nobody has seen yet.
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
        let mut plain = chosen.clone();
        plain[knob] = *given;
        chosen = match trim.keeps(&plain)? {
            true => plain,
            false => trim.least(chosen, knob, *given)?,
        };
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

    /// A knob no larger than it needs to be, within a tenth: between what is too little and what is
    /// known to do, halved by orders of magnitude.
    fn least(&mut self, mut setting: Setting, knob: usize, given: u64) -> Result<Setting, String> {
        let too_little = if given < setting[knob] { given } else { self.task.space.0[knob].0 - 1 };
        let mut low = too_little;
        while setting[knob] - low > setting[knob].div_ceil(10) {
            let middle = (low.max(1) as f64 * setting[knob] as f64).sqrt();
            let mut smaller = setting.clone();
            smaller[knob] = crate::sim::rng::whole(middle).clamp(low + 1, setting[knob] - 1);
            match self.keeps(&smaller)? {
                true => setting = smaller,
                false => low = smaller[knob],
            }
        }
        Ok(setting)
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
    fn a_knob_that_makes_no_difference_stays_as_it_was_given() {
        let play = |setting: &[u64], _: u64| {
            let n = setting[0].min(9) as f64;
            Outcome { goodput: n, aims: vec![] }
        };
        let found = find_in(64, &[], &[2, 23], &play);
        assert_eq!(found.setting[1], 23, "{found:?}");
        assert!(found.setting[0] >= 9, "{found:?}");
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
