//! The search for the best setting.
//!
//! Pattern search (Hooke and Jeeves: "'Direct Search' Solution of Numerical and Statistical Problems",
//! J. ACM 8, 1961) over factors instead of distances, since limits are matters of scale: settings
//! spread over all orders of magnitude, then from the best of them steps up and down by a factor that
//! shrinks when no step is better. What an improvement did is tried a second time. Steps also go two
//! knobs at a time: where two limits share a server, one may have to give what the other takes.
//!
//! Every setting is tried on the same seeds (common random numbers), so that two settings differ by
//! what they are and not by their luck. The same inputs try the same settings in the same order, on
//! any number of threads.

use super::bench::{Bench, Setting};
use super::goal::{Bound, Score};

/// The least and the most of each knob, both included.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Space(pub(crate) Vec<(u64, u64)>);

/// What is searched for, on what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    pub(crate) space: &'a Space,
    pub(crate) goal: &'a [Bound],
    pub(crate) seeds: &'a [u64],
}

const FACTORS: [f64; 7] = [2.0, 1.4, 1.2, 1.1, 1.05, 1.02, 1.005];

/// Knobs above which steps go one knob at a time: pairs grow with the square of them.
const MOST_IN_PAIRS: usize = 4;

/// The settings of each knob that are tried before any step is taken.
const LEVELS: u64 = 8;

/// Searches from scratch; `own` is a setting to try among the first.
pub(crate) fn search(bench: &mut Bench<'_>, task: Task<'_>, own: &[u64]) -> Result<(), String> {
    let Space(knobs) = task.space;
    let mut first: Vec<Setting> = vec![task.space.clamp(own)];
    first.extend((0..LEVELS).map(|level| knobs.iter().map(|knob| at(*knob, level)).collect()));
    bench.measure(&first, task.seeds)?;
    let Some((start, _)) = best_of(bench, task, first) else { return Ok(()) };
    // Twice: the first knob has not seen the last.
    let all: Vec<usize> = (0..knobs.len()).chain(0..knobs.len()).collect();
    let start = if knobs.len() > 1 { scan(bench, task, start, &all)? } else { start };
    climb(bench, task, start, FACTORS[0])?;
    if knobs.len() == 1 {
        return Ok(());
    }
    // One knob may hold back what another should: then no small step helps. So each is opened wide
    // in turn, and the others are searched for anew.
    for open in 0..knobs.len() {
        let Some((mut start, _)) = bench.best(task.seeds, task.goal) else { break };
        start[open] = knobs[open].1;
        let others: Vec<usize> = (0..knobs.len()).filter(|knob| *knob != open).collect();
        bench.measure(std::slice::from_ref(&start), task.seeds)?;
        let start = scan(bench, task, start, &others)?;
        climb(bench, task, start, FACTORS[0])?;
    }
    Ok(())
}

/// Searches on from the best that is known, with steps of at most this factor.
pub(crate) fn refine(bench: &mut Bench<'_>, task: Task<'_>, from: f64) -> Result<(), String> {
    let Some((best, _)) = bench.best(task.seeds, task.goal) else { return Ok(()) };
    climb(bench, task, best, from)
}

/// Each of these knobs over all orders of magnitude, from the best before.
fn scan(
    bench: &mut Bench<'_>,
    task: Task<'_>,
    mut best: Setting,
    knobs: &[usize],
) -> Result<Setting, String> {
    for knob in knobs {
        let level = |level| {
            let mut setting = best.clone();
            setting[*knob] = at(task.space.0[*knob], level);
            setting
        };
        let mut settings: Vec<Setting> = (0..LEVELS).map(level).collect();
        bench.measure(&settings, task.seeds)?;
        settings.insert(0, best.clone());
        best = best_of(bench, task, settings).map_or(best, |(best, _)| best);
    }
    Ok(best)
}

/// Steps up and down from a setting until none is better.
fn climb(
    bench: &mut Bench<'_>,
    task: Task<'_>,
    mut best: Setting,
    from: f64,
) -> Result<(), String> {
    let Some(mut score) = bench.score(&best, task.seeds, task.goal) else { return Ok(()) };
    let mut again: Option<Setting> = None;
    for factor in FACTORS.into_iter().filter(|factor| *factor <= from) {
        loop {
            let mut around = task.space.around(&best, factor);
            around.extend(again.take());
            bench.measure(&around, task.seeds)?;
            let Some((next, reached)) = best_of(bench, task, around) else { break };
            if !is_progress(&reached, &score) {
                break;
            }
            again = Some(task.space.onward(&best, &next));
            (best, score) = (next, reached);
        }
        if bench.is_spent() {
            break;
        }
    }
    Ok(())
}

fn best_of(bench: &Bench<'_>, task: Task<'_>, settings: Vec<Setting>) -> Option<(Setting, Score)> {
    let scored = settings.into_iter().filter_map(|setting| {
        let score = bench.score(&setting, task.seeds, task.goal)?;
        Some((setting, score))
    });
    scored.reduce(|best, other| if other.1.is_better(&best.1) { other } else { best })
}

/// A gain too small to follow would be followed for ever.
fn is_progress(next: &Score, now: &Score) -> bool {
    let nearer = next.missed < now.missed * (1.0 - 1e-4);
    let more = next.missed <= now.missed && next.goodput > now.goodput * (1.0 + 1e-4);
    let safer =
        next.missed <= now.missed && next.goodput >= now.goodput && next.slack > now.slack + 1e-3;
    nearer || more || safer
}

/// One of [`LEVELS`] between least and most, evenly spread over orders of magnitude.
fn at((least, most): (u64, u64), level: u64) -> u64 {
    let share = level as f64 / (LEVELS - 1) as f64;
    let value = least as f64 * (most as f64 / least.max(1) as f64).powf(share);
    nearest(value).clamp(least, most)
}

impl Space {
    fn clamp(&self, setting: &[u64]) -> Setting {
        let bounded = |(value, (least, most)): (&u64, &(u64, u64))| *value.clamp(least, most);
        setting.iter().zip(&self.0).map(bounded).collect()
    }

    /// One step by this factor each way: each knob, and each two of them.
    fn around(&self, setting: &[u64], factor: f64) -> Vec<Setting> {
        let step = |knob: usize, up: bool, from: &[u64]| {
            let mut to = from.to_vec();
            to[knob] = stepped(from[knob], factor, up);
            self.clamp(&to)
        };
        let mut around = Vec::new();
        for knob in 0..setting.len() {
            for up in [true, false] {
                let one = step(knob, up, setting);
                if setting.len() <= MOST_IN_PAIRS {
                    for other in knob + 1..setting.len() {
                        around.extend([true, false].map(|up| step(other, up, &one)));
                    }
                }
                around.push(one);
            }
        }
        around.retain(|it| it != setting);
        around
    }

    /// As far again as from the one to the other.
    fn onward(&self, from: &[u64], to: &[u64]) -> Setting {
        let far = |(from, to): (&u64, &u64)| {
            nearest(*to as f64 * (*to as f64 / (*from).max(1) as f64)).max(1)
        };
        self.clamp(&from.iter().zip(to).map(far).collect::<Vec<_>>())
    }
}

/// A value a factor up or down, and by 1 at least.
pub(crate) fn stepped(value: u64, factor: f64, up: bool) -> u64 {
    let far = value as f64;
    if up {
        nearest(far * factor).max(value + 1)
    } else {
        nearest(far / factor).min(value.saturating_sub(1))
    }
}

fn nearest(value: f64) -> u64 {
    crate::sim::rng::whole(value + 0.5)
}

#[cfg(test)]
mod tests {
    use super::super::goal::{Op, Outcome};
    use super::*;
    use crate::lab::curves::Usl;
    use crate::sim::rng::Rng;

    /// Tries every setting.
    fn exhaustive(
        space: &Space,
        goal: &[Bound],
        seeds: &[u64],
        play: &dyn Fn(&[u64], u64) -> Outcome,
    ) -> Score {
        let mut settings: Vec<Setting> = vec![Vec::new()];
        for (least, most) in &space.0 {
            let longer = |setting: &Setting| {
                let with = |value| setting.iter().copied().chain([value]).collect();
                (*least..=*most).map(with).collect::<Vec<Setting>>()
            };
            settings = settings.iter().flat_map(longer).collect();
        }
        let score = |setting: &Setting| {
            let outcomes: Vec<_> = seeds.iter().map(|seed| play(setting, *seed)).collect();
            Score::of(&outcomes.iter().collect::<Vec<_>>(), goal).unwrap()
        };
        settings.iter().map(score).reduce(|a, b| if b.is_better(&a) { b } else { a }).unwrap()
    }

    fn is_near_the_best(
        space: &[(u64, u64)],
        goal: &[Bound],
        play: &(dyn Fn(&[u64], u64) -> Outcome + Sync),
    ) -> Setting {
        let (space, seeds) = (Space(space.to_vec()), [1, 2, 3]);
        let most = exhaustive(&space, goal, &seeds, play);
        let ok = |setting: &[u64], seed| Ok(play(setting, seed));
        let mut bench = Bench::new(&ok, 2, 2_000, &|_| {});
        let task = Task { space: &space, goal, seeds: &seeds };
        search(&mut bench, task, &vec![1; space.0.len()]).unwrap();
        let (best, score) = bench.best(&seeds, goal).unwrap();
        assert_eq!(score.meets(), most.meets(), "{best:?} is {score:?}, and {most:?} is there");
        assert!(score.goodput >= 0.98 * most.goodput, "{best:?} is {score:?}, not {most:?}");
        let all: u64 = space.0.iter().map(|(least, most)| most - least + 1).product();
        let tried = bench.tried().len() as u64;
        assert!(tried < 120 + all / 8, "{tried} settings of {all} were tried");
        best
    }

    const LAW: Usl = Usl { lambda: 10.0, sigma: 0.02, kappa: 0.001 };

    /// A little luck, the same for a seed whatever the setting.
    fn luck(seed: u64) -> f64 {
        0.99 + 0.02 * Rng::new(seed).unit()
    }

    fn at_most(bound: f64) -> Bound {
        Bound { op: Op::AtMost, bound }
    }

    #[test]
    fn the_best_of_a_server_with_a_known_law_is_found() {
        let best = is_near_the_best(&[(1, 1_000)], &[], &|setting, seed| Outcome {
            goodput: LAW.at(setting[0] as f64) * luck(seed),
            aims: vec![],
        });
        assert!((best[0] as f64 - LAW.best().unwrap()).abs() <= 2.0, "{best:?}");
    }

    #[test]
    fn an_aim_holds_the_search_back_where_it_must() {
        // A call may take twice as long as alone: 0.02(n-1) + 0.001n(n-1) is 0.946 with 23 and 1.012
        // with 24.
        let goal = [at_most(0.2)];
        let best = is_near_the_best(&[(1, 1_000)], &goal, &|setting, _| {
            let n = setting[0] as f64;
            Outcome { goodput: LAW.at(n), aims: vec![Some(LAW.slowness(n) / LAW.lambda)] }
        });
        assert_eq!(best, [23]);
    }

    #[test]
    fn two_limits_that_share_a_server_are_weighed_against_each_other() {
        // Calls of the second tool are worth half and weigh as much; it needs four at least.
        let goal = [at_most(0.25), Bound { op: Op::AtLeast, bound: 4.0 }];
        is_near_the_best(&[(1, 80), (1, 80)], &goal, &|setting, seed| {
            let (a, b) = (setting[0] as f64, setting[1] as f64);
            let each = LAW.at(a + b) / (a + b) * luck(seed);
            let slow = LAW.slowness(a + b) / LAW.lambda;
            Outcome { goodput: each * (a + 0.5 * b), aims: vec![Some(slow), Some(b)] }
        });
    }

    #[test]
    fn a_cliff_is_approached_and_not_passed() {
        // Throttled as soon as the rate is above the quota; three knobs, one of which is idle.
        let goal = [at_most(0.0)];
        let best = is_near_the_best(&[(1, 40), (1, 60), (1, 8)], &goal, &|setting, _| {
            let (slots, rate) = (setting[0] as f64, setting[1] as f64);
            let started = rate.min(slots * 2.0);
            let throttled = (started - 37.0).max(0.0) * 60.0;
            Outcome { goodput: started.min(37.0), aims: vec![Some(throttled)] }
        });
        assert!(best[1] <= 37 || best[0] <= 18, "{best:?}");
    }

    #[test]
    fn where_nothing_meets_the_aims_the_nearest_is_found() {
        let goal = [at_most(0.05), Bound { op: Op::AtLeast, bound: 50.0 }];
        is_near_the_best(&[(1, 400)], &goal, &|setting, _| {
            let n = setting[0] as f64;
            let aims = vec![Some(LAW.slowness(n) / LAW.lambda), Some(LAW.at(n))];
            Outcome { goodput: LAW.at(n), aims }
        });
    }

    #[test]
    fn the_same_search_tries_the_same_settings_on_any_number_of_threads() {
        let play = |setting: &[u64], seed: u64| {
            let n = setting.iter().sum::<u64>() as f64;
            Ok(Outcome { goodput: LAW.at(n) * luck(seed), aims: vec![] })
        };
        let space = Space(vec![(1, 60), (1, 60)]);
        let task = Task { space: &space, goal: &[], seeds: &[1, 2] };
        let tried = |threads| {
            let mut bench = Bench::new(&play, threads, 500, &|_| {});
            search(&mut bench, task, &[3, 3]).unwrap();
            bench.tried().to_vec()
        };
        assert_eq!(tried(1), tried(2));
        assert_eq!(tried(2), tried(7));
    }

    #[test]
    fn a_search_ends_when_it_has_tried_as_many_as_it_may() {
        let play =
            |setting: &[u64], _: u64| Ok(Outcome { goodput: setting[0] as f64, aims: vec![] });
        let space = Space(vec![(1, 1_000_000)]);
        let task = Task { space: &space, goal: &[], seeds: &[1] };
        let mut bench = Bench::new(&play, 2, 5, &|_| {});
        search(&mut bench, task, &[3]).unwrap();
        assert_eq!(bench.tried().len(), 5);
        assert!(bench.is_spent());
    }

    #[test]
    fn no_setting_is_played_twice_with_a_seed() {
        use std::sync::Mutex;
        let played = Mutex::new(Vec::new());
        let play = |setting: &[u64], seed: u64| {
            played.lock().unwrap().push((setting.to_vec(), seed));
            Ok(Outcome { goodput: LAW.at(setting[0] as f64), aims: vec![] })
        };
        let space = Space(vec![(1, 300)]);
        let mut bench = Bench::new(&play, 2, 500, &|_| {});
        search(&mut bench, Task { space: &space, goal: &[], seeds: &[1, 2] }, &[9]).unwrap();
        let mut all = played.into_inner().unwrap();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn where_nothing_can_be_played_the_search_ends_with_the_error() {
        let play = |_: &[u64], _: u64| Err("a tool crashed".to_owned());
        let space = Space(vec![(1, 300)]);
        let mut bench = Bench::new(&play, 2, 500, &|_| {});
        let task = Task { space: &space, goal: &[], seeds: &[1] };
        assert_eq!(search(&mut bench, task, &[2]).unwrap_err(), "a tool crashed");
    }
}
