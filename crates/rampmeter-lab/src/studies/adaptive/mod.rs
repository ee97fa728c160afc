//! Adaptive concurrency against a server whose best concurrency is known and moves: does a limit
//! find it, how soon, how steadily, and what is lost beside the best fixed limit?

mod play;

use rampmeter_core::{Adaptive, AdaptiveRule};

pub use play::Work;
use play::{Play, Seconds, play};

pub use crate::server::{Phase, Speed};

/// The least share of the goodput of the best fixed limit, from [`FOUND_WITHIN`] on.
pub const LEAST_GOODPUT: f64 = 0.95;
/// Seconds from the start or from a move until the size stays near the best.
pub const FOUND_WITHIN: usize = 60;
/// How far from the mean the size may swing from then on, as a share of it.
pub const WIDEST_SWING: f64 = 0.20;

/// Each phase of a scene lasts so many seconds.
const LASTS: usize = 180;
/// Fixed limits that are tried, in hundredths of the best concurrency.
const TRIED: [u64; 11] = [50, 70, 80, 90, 95, 100, 105, 110, 120, 135, 150];
const MAX: u64 = 400;

/// A server that moves twice, and who calls it.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// What the limit learns from.
    pub rule: AdaptiveRule,
    /// What the server is like, one after the other.
    pub phases: [Phase; 3],
    /// How much work calls are.
    pub work: Work,
    /// Where the limit starts.
    pub start: u64,
    /// Whether this is the rule's regime, so that the thresholds must hold.
    pub must_hold: bool,
}

/// What one phase of a scene showed.
#[derive(Clone, Debug)]
pub struct Row {
    /// The scene.
    pub scene: &'static str,
    /// Its rule.
    pub rule: AdaptiveRule,
    /// Whether the thresholds must hold.
    pub must_hold: bool,
    /// The seed.
    pub seed: u64,
    /// Which phase, from 0.
    pub phase: usize,
    /// The server's best concurrency.
    pub best: u64,
    /// The fixed limit of those tried with the greatest goodput, and that, in calls a second.
    pub best_fixed: (u64, f64),
    /// The goodput of the adaptive limit in the same seconds.
    pub goodput: f64,
    /// Seconds until the size stayed within [`WIDEST_SWING`] of where it settled, if it did; the
    /// goodput says whether that is where it should be.
    pub found: Option<usize>,
    /// The least, mean and greatest size after [`FOUND_WITHIN`].
    pub sizes: (u64, f64, u64),
    /// The share of calls that the server refused.
    pub overloaded: f64,
}

impl Row {
    /// Its goodput as a share of the best fixed limit's.
    pub fn share(&self) -> f64 {
        self.goodput / self.best_fixed.1
    }

    /// The further of the two ends of the sizes from their mean, as a share of it.
    pub fn swing(&self) -> f64 {
        let (least, mean, greatest) = self.sizes;
        ((mean - least as f64) / mean).max((greatest as f64 - mean) / mean)
    }

    /// Whether it is as it must be.
    pub fn holds(&self) -> bool {
        self.share() >= LEAST_GOODPUT
            && self.found.is_some_and(|found| found <= FOUND_WITHIN)
            && self.swing() <= WIDEST_SWING
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        let Row { scene, rule, must_hold, seed, phase, best, .. } = self;
        let rule = format!("{rule:?}").to_lowercase();
        let found = self.found.map_or("null".to_owned(), |found| found.to_string());
        let (least, mean, greatest) = self.sizes;
        let (fixed, of_fixed) = self.best_fixed;
        format!(
            "{{\"row\":\"adaptive\",\"scene\":\"{scene}\",\"rule\":\"{rule}\",\
             \"must_hold\":{must_hold},\"seed\":{seed},\"phase\":{phase},\
             \"best_concurrency\":{best},\"best_fixed_tried\":{fixed},\
             \"best_fixed_goodput_per_s\":{of_fixed:.2},\"goodput_per_s\":{:.2},\
             \"share_of_best_fixed\":{:.4},\"found_s\":{found},\"size_least\":{least},\
             \"size_mean\":{mean:.1},\"size_greatest\":{greatest},\"swing\":{:.3},\
             \"overloaded_share\":{:.4},\"holds\":{}}}",
            self.goodput,
            self.share(),
            self.swing(),
            self.overloaded,
            self.holds()
        )
    }
}

/// All scenes.
pub fn scenes() -> Vec<Scene> {
    let full = |knee| Phase { speed: Speed::Knee { knee }, full: knee };
    let queues = |knee| Phase { speed: Speed::Knee { knee }, full: 4 * knee };
    let law = |kappa| {
        let speed = Speed::Scalability { sigma: 0.02, kappa };
        Phase { speed, full: speed.best() + speed.best() / 20 }
    };
    let scene =
        |name, rule, phases, work| Scene { name, rule, phases, work, start: 20, must_hold: true };
    let out = |scene: Scene| Scene { must_hold: false, ..scene };
    let (aimd, vegas) = (AdaptiveRule::Aimd, AdaptiveRule::Vegas);
    let knees = [full(40), full(120), full(25)];
    let queue = [queues(40), queues(120), queues(25)];
    let laws = [law(0.0006), law(0.0001), law(0.0015)];
    let (half, slow) = (Work::About(0.5), Work::About(2.0));
    vec![
        scene("knee", aimd, knees, half),
        scene("knee, slow calls", aimd, knees, slow),
        scene("knee, quick calls", aimd, knees, Work::About(0.05)),
        scene("knee, calls of all lengths", aimd, knees, Work::Exponential(0.5)),
        scene("scalability law", aimd, laws, Work::About(0.1)),
        scene("scalability law, calls of all lengths", aimd, laws, Work::Exponential(0.1)),
        Scene { start: 1, ..scene("knee, from one", aimd, knees, half) },
        Scene { start: 400, ..scene("knee, from 400", aimd, knees, half) },
        scene("queue", vegas, queue, half),
        scene("queue, quick calls", vegas, queue, Work::About(0.05)),
        Scene { start: 1, ..scene("queue, from one", vegas, queue, half) },
        scene("knee", vegas, knees, half),
        out(scene("queue, slow calls", vegas, queue, slow)),
        out(scene("queue, calls of all lengths", vegas, queue, Work::Exponential(0.5))),
        out(scene("scalability law", vegas, laws, Work::About(0.1))),
        out(scene("queue", aimd, queue, half)),
    ]
}

/// Plays a scene with one seed: a row for each phase.
pub fn run(scene: &Scene, seed: u64) -> Vec<Row> {
    let phases = scene.phases.map(|phase| (phase, LASTS));
    let adaptive = Some(Adaptive { rule: scene.rule, min: 1, max: MAX });
    let (work, start) = (scene.work, scene.start);
    let learned = play(&Play { phases: &phases, work, size: start, adaptive, seed });
    let rows = scene.phases.iter().enumerate();
    let rows = rows.map(|(index, phase)| {
        let fixed = TRIED.map(|hundredths| {
            let size = (phase.speed.best() * hundredths).div_ceil(100);
            let phases = [(*phase, LASTS)];
            let seconds = play(&Play { phases: &phases, work, size, adaptive: None, seed });
            (size, goodput(&seconds, 0))
        });
        let best_fixed =
            fixed.into_iter().fold((0, 0.0), |best, it| if it.1 > best.1 { it } else { best });
        row(scene, seed, index, &learned, best_fixed)
    });
    rows.collect()
}

fn row(scene: &Scene, seed: u64, phase: usize, all: &Seconds, best_fixed: (u64, f64)) -> Row {
    let begins = phase * LASTS;
    let steady = begins + FOUND_WITHIN..begins + LASTS;
    let good: u64 = all.good.get(begins..steady.end).unwrap_or_default().iter().sum();
    let refused: u64 = all.overloaded.get(begins..steady.end).unwrap_or_default().iter().sum();
    let sizes = all.sizes.get(steady.clone()).unwrap_or_default();
    let means: f64 = sizes.iter().map(|(least, most)| (*least + *most) as f64 / 2.0).sum();
    let mean = means / sizes.len().max(1) as f64;
    let near = |size: u64| (size as f64 - mean).abs() <= WIDEST_SWING * mean;
    let away = all.sizes.get(begins..steady.end).unwrap_or_default();
    let away = away.iter().rposition(|(least, most)| !near(*least) || !near(*most));
    let found = away.map_or(0, |second| second + 1);
    Row {
        scene: scene.name,
        rule: scene.rule,
        must_hold: scene.must_hold,
        seed,
        phase,
        best: scene.phases[phase].speed.best(),
        best_fixed,
        goodput: goodput(all, begins),
        found: (found < LASTS).then_some(found),
        sizes: (
            sizes.iter().map(|it| it.0).min().unwrap_or(0),
            mean,
            sizes.iter().map(|it| it.1).max().unwrap_or(0),
        ),
        overloaded: refused as f64 / (good + refused).max(1) as f64,
    }
}

/// Calls that succeeded a second, once [`FOUND_WITHIN`] has passed since `begins`.
fn goodput(seconds: &Seconds, begins: usize) -> f64 {
    let steady = begins + FOUND_WITHIN..begins + LASTS;
    let good: u64 = seconds.good.get(steady).unwrap_or_default().iter().sum();
    good as f64 / (LASTS - FOUND_WITHIN) as f64
}
