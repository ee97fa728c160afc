//! Searching, and whether what was found holds on seeds that the search has not seen.

use super::bench::{Bench, Setting};
use super::choose::choose;
use super::goal::Bound;
use super::search::{self, Space, Task};

/// What was found.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) setting: Setting,
    /// The seeds that it was searched for on.
    pub(crate) seeds: Vec<u64>,
    /// Those that it was tried on afterwards.
    pub(crate) fresh: Vec<u64>,
    /// By what share of each bound it had to stay away from it.
    pub(crate) margin: f64,
    /// The bounds that it was searched for with: the aims, less the margin.
    pub(crate) goal: Vec<Bound>,
    /// The greatest goodput of what meets them; what was chosen may have a little less.
    pub(crate) goodput: f64,
    /// Whether the aims hold on the seeds, and on the fresh ones.
    pub(crate) met: (bool, bool),
    /// How often it was searched for anew because the aims did not hold on fresh seeds.
    pub(crate) again: usize,
}

/// The margins of the searches, one after the other.
const MARGINS: [f64; 4] = [0.0, 0.05, 0.1, 0.2];

/// So many of the best settings are tried on seeds that are new.
const KEPT: usize = 12;

/// Fewer fresh seeds than these prove little.
const LEAST_FRESH: usize = 5;

/// Searches until what is found meets the aims on fresh seeds as well. Where it does not, those join
/// the seeds, and the next search has to stay away from the bounds by a margin.
pub(crate) fn find(
    bench: &mut Bench<'_>,
    space: &Space,
    aims: &[Bound],
    seeds: &[u64],
    given: &[u64],
) -> Result<Found, String> {
    let mut seeds = seeds.to_vec();
    let mut next = seeds.iter().max().map_or(1, |seed| seed + 1);
    let mut found = None;
    for (again, margin) in MARGINS.into_iter().enumerate() {
        let goal: Vec<Bound> =
            aims.iter().map(|aim| aim.relaxed(-margin).unwrap_or(*aim)).collect();
        let task = Task { space, goal: &goal, seeds: &seeds };
        if again == 0 {
            search::search(bench, task, given)?;
        } else {
            search::refine(bench, task, 1.4)?;
        }
        let Some((_, best)) = bench.best(task.seeds, task.goal) else { break };
        let setting = choose(bench, task, given)?;
        let met = bench.score(&setting, &seeds, aims).is_some_and(|score| score.meets());
        let count = seeds.len().max(LEAST_FRESH) as u64;
        let fresh: Vec<u64> = (next..next + count).collect();
        next += count;
        bench.measure(std::slice::from_ref(&setting), &fresh)?;
        let fresh_met = bench.score(&setting, &fresh, aims).is_some_and(|score| score.meets());
        let kept = best_of_many(bench, task);
        found = Some(Found {
            setting,
            seeds: seeds.clone(),
            fresh: fresh.clone(),
            margin,
            goal,
            goodput: best.goodput,
            met: (met, fresh_met),
            again,
        });
        // What no setting can do no margin can.
        if fresh_met || !met || bench.is_spent() {
            break;
        }
        seeds.extend(fresh);
        bench.measure(&kept, &seeds)?;
    }
    found.ok_or_else(|| "nothing could be tried; let it try more settings".to_owned())
}

/// The best that were tried, best first.
fn best_of_many(bench: &Bench<'_>, task: Task<'_>) -> Vec<Setting> {
    let scored = bench
        .tried()
        .iter()
        .filter_map(|setting| Some((bench.score(setting, task.seeds, task.goal)?, setting)));
    let mut scored: Vec<_> = scored.collect();
    scored.sort_by(|a, b| b.0.order(&a.0));
    scored.into_iter().take(KEPT).map(|(_, setting)| setting.clone()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::goal::{Op, Outcome};
    use super::*;

    pub(crate) fn find_in(
        most: u64,
        aims: &[Bound],
        given: &[u64],
        play: &(dyn Fn(&[u64], u64) -> Outcome + Sync),
    ) -> Found {
        let play = |setting: &[u64], seed| Ok(play(setting, seed));
        let mut bench = Bench::new(&play, 2, 500, &|_| {});
        let space = Space(vec![(1, most); given.len()]);
        find(&mut bench, &space, aims, &[1, 2, 3], given).unwrap()
    }

    pub(crate) fn at_most(bound: f64) -> Bound {
        Bound { op: Op::AtMost, bound }
    }

    #[test]
    fn what_holds_on_the_seeds_alone_is_tightened_until_it_holds_on_fresh_ones() {
        // Later seeds are up to 8 % slower than those of the search.
        let play = |setting: &[u64], seed: u64| {
            let slow = if seed > 3 { 1.0 + 0.01 * (seed % 9) as f64 } else { 1.0 };
            let n = setting[0] as f64;
            Outcome { goodput: n, aims: vec![Some(n * slow)] }
        };
        let found = find_in(1_000, &[at_most(100.0)], &[1], &play);
        assert_eq!(found.met, (true, true));
        assert!(found.again > 0, "{found:?}");
        assert!((85..=95).contains(&found.setting[0]), "{found:?}");
        assert!(found.fresh.iter().all(|seed| !found.seeds.contains(seed)), "{found:?}");
    }

    #[test]
    fn what_holds_on_fresh_seeds_at_once_is_left_there() {
        let play = |setting: &[u64], _: u64| {
            let n = setting[0] as f64;
            Outcome { goodput: n, aims: vec![Some(n)] }
        };
        let found = find_in(1_000, &[at_most(100.0)], &[1], &play);
        assert_eq!((found.setting, found.margin, found.again), (vec![100], 0.0, 0));
    }

    #[test]
    fn a_setting_that_cannot_be_played_is_passed_over() {
        let play = |setting: &[u64], seed: u64| match (setting[0], seed) {
            (21.., 2) => Err("it panicked".to_owned()),
            (n, _) => Ok(Outcome { goodput: n as f64, aims: vec![] }),
        };
        let space = Space(vec![(1, 1_000)]);
        let mut bench = Bench::new(&play, 2, 500, &|_| {});
        assert_eq!(find(&mut bench, &space, &[], &[1, 2, 3], &[1]).unwrap().setting, [20]);
        let never = |_: &[u64], _: u64| Err("it panicked".to_owned());
        let mut bench = Bench::new(&never, 2, 500, &|_| {});
        let error = find(&mut bench, &space, &[], &[1, 2, 3], &[1]).unwrap_err();
        assert_eq!(error, "it panicked");
    }

    #[test]
    fn aims_that_nothing_meets_leave_the_nearest_and_are_said_to_be_missed() {
        let play = |setting: &[u64], _: u64| {
            let n = setting[0] as f64;
            Outcome { goodput: n, aims: vec![Some(n + 100.0), Some(1_000.0 - n)] }
        };
        let found = find_in(1_000, &[at_most(50.0), at_most(2_000.0)], &[70], &play);
        assert_eq!((found.setting, found.met), (vec![1], (false, false)));
    }
}
