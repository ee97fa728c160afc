//! What holds the goodput back: the aim that the next step of each knob breaks, and what each aim
//! costs.

use super::bench::Bench;
use super::find::Found;
use super::goal::Bound;
use super::search::{self, Space, Task, stepped};
use super::tuned::{Relaxed, Step};

/// How far the step of a knob goes whose effect is told.
const STEP: f64 = 1.1;

/// By what share an aim is relaxed to see what it costs.
pub(super) const RELAXED: f64 = 0.1;

/// What a tenth more of each knob would do, and 1 more at least.
pub(super) fn steps(
    bench: &mut Bench<'_>,
    space: &Space,
    aims: &[Bound],
    found: &Found,
) -> Result<Vec<Option<Step>>, String> {
    let up = |(knob, (_, most)): (usize, &(u64, u64))| {
        let mut setting = found.setting.clone();
        setting[knob] = stepped(setting[knob], STEP, true).min(*most);
        (setting[knob] > found.setting[knob]).then_some(setting)
    };
    let settings: Vec<_> = space.0.iter().enumerate().map(up).collect();
    let there: Vec<_> = settings.iter().flatten().cloned().collect();
    bench.measure(&there, &found.seeds)?;
    let now = bench.score(&found.setting, &found.seeds, aims).map_or(0.0, |it| it.goodput);
    let step = |setting: Option<Vec<u64>>| {
        let setting = setting?;
        let outcomes = bench.outcomes(&setting, &found.seeds)?;
        let gain = bench.score(&setting, &found.seeds, aims)?.goodput;
        let broken = |(at, aim): (usize, &Bound)| {
            let worst = aim.worst(outcomes.iter().map(|it| it.aims[at]));
            let miss = aim.miss(worst);
            (miss > 0.0).then_some((at, worst, miss))
        };
        let breaks = aims.iter().enumerate().filter_map(broken).collect();
        Some(Step { gain: share(gain, now), breaks, fewer_good: false, setting })
    };
    Ok(settings.into_iter().map(step).collect())
}

/// What there would be to gain if an aim were relaxed and all others kept.
pub(super) fn relaxed(
    bench: &mut Bench<'_>,
    space: &Space,
    found: &Found,
    aim: usize,
) -> Result<Option<Relaxed>, String> {
    let bound = found.goal[aim].relaxed(RELAXED);
    let mut goal = found.goal.clone();
    // A bound that all keep is none, and the figures stay in their places.
    goal[aim] = bound.unwrap_or(Bound::ANY);
    let task = Task { space, goal: &goal, seeds: &found.seeds };
    search::refine(bench, task, 1.4)?;
    Ok(bench.best(&found.seeds, &goal).map(|(setting, score)| Relaxed {
        bound: bound.map(|bound| bound.bound),
        gain: share(score.goodput, found.goodput).max(0.0),
        setting,
    }))
}

fn share(next: f64, now: f64) -> f64 {
    if now > 0.0 { next / now - 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::find::find;
    use super::super::goal::{Op, Outcome};
    use super::*;

    /// Goodput rises with both knobs; the first aim bounds the first of them, the second nobody.
    fn play(setting: &[u64], _: u64) -> Result<Outcome, String> {
        let (a, b) = (setting[0] as f64, setting[1] as f64);
        Ok(Outcome { goodput: a + b, aims: vec![Some(a * 10.0), Some(b)] })
    }

    const AIMS: [Bound; 2] =
        [Bound { op: Op::AtMost, bound: 500.0 }, Bound { op: Op::AtMost, bound: 1_000.0 }];

    fn found(bench: &mut Bench<'_>, space: &Space, aims: &[Bound]) -> Found {
        find(bench, space, aims, &[1, 2], &[1, 1]).unwrap()
    }

    #[test]
    fn the_next_step_says_what_it_gains_and_what_it_breaks() {
        let mut bench = Bench::new(&play, 1, 500, &|_| {});
        let space = Space(vec![(1, 200), (1, 40)]);
        let found = found(&mut bench, &space, &AIMS);
        assert_eq!(found.setting, [50, 40]);
        let steps = steps(&mut bench, &space, &AIMS, &found).unwrap();
        let first = steps[0].as_ref().unwrap();
        assert_eq!(first.setting, [55, 40]);
        assert!((first.gain - 5.0 / 90.0).abs() < 1e-9, "{first:?}");
        assert_eq!(
            first.breaks,
            [(0, Some(550.0), 0.1)].map(|(at, value, _)| { (at, value, AIMS[0].miss(value)) })
        );
        assert_eq!(steps[1], None, "it is at its most");
    }

    #[test]
    fn relaxing_the_aim_that_binds_gains_what_it_costs_and_others_gain_nothing() {
        let mut bench = Bench::new(&play, 1, 500, &|_| {});
        let space = Space(vec![(1, 200), (1, 40)]);
        let found = found(&mut bench, &space, &AIMS);
        let first = relaxed(&mut bench, &space, &found, 0).unwrap().unwrap();
        assert_eq!((first.bound, first.setting), (Some(550.0), vec![55, 40]));
        assert!((first.gain - 5.0 / 90.0).abs() < 1e-9);
        let second = relaxed(&mut bench, &space, &found, 1).unwrap().unwrap();
        assert_eq!(second.gain, 0.0);
    }

    #[test]
    fn an_aim_that_no_share_relaxes_is_left_out() {
        let play = |setting: &[u64], _: u64| {
            let n = setting[0] as f64;
            Ok(Outcome { goodput: n, aims: vec![Some((n - 10.0).max(0.0))] })
        };
        let aims = [Bound { op: Op::Equal, bound: 0.0 }];
        let mut bench = Bench::new(&play, 1, 500, &|_| {});
        let space = Space(vec![(1, 20)]);
        let found = find(&mut bench, &space, &aims, &[1], &[1]).unwrap();
        assert_eq!(found.setting, [10]);
        let without = relaxed(&mut bench, &space, &found, 0).unwrap().unwrap();
        assert_eq!((without.bound, without.setting, without.gain), (None, vec![20], 1.0));
    }
}
