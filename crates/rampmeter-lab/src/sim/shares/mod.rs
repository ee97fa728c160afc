//! Shares: generated scenes in which one limit binds, judged by an independent max-min allocator.
//!
//! While two flows of one priority, or two priorities, are backlogged, what each is served divided
//! by its weight differs by at most `(2D + 1) (c₁/w₁ + c₂/w₂)`: `c` is a largest cost and `D` the
//! depth in slots, 1 for a rate. Who asks for less than a share gets what it asks for, and the
//! others share the rest: water-filling, first over the priorities and then over their flows. A
//! flow is served what the allocator says but for the bounds of all pairs that it is part of.

mod judge;
mod play;

use super::rng::Rng;
use super::scene::{MS, SEC};
use super::verdict::Violation;

/// What comes before does not count: whoever starts while nobody waits is not charged for it.
const SINCE: u64 = 10 * SEC;

/// A flow of one priority.
#[derive(Clone, Debug)]
struct Party {
    priority: u8,
    weight: u32,
    /// Slots of a call, or units.
    takes: u64,
    /// Each of its calls takes one of these times.
    runs: Vec<u64>,
    /// A call about so often; a backlog without an end if there is none.
    every: Option<u64>,
    served: f64,
    asked: f64,
}

#[derive(Clone, Debug)]
struct Scene {
    weights: Vec<u32>,
    parties: Vec<Party>,
    /// Slots, or units a second; and whether it is slots.
    capacity: u64,
    slots: bool,
    /// Limits beside it that never bind.
    beside: u16,
    until: u64,
}

/// What a scene of shares showed.
#[derive(Clone, Debug)]
pub struct Shares {
    /// The seed.
    pub seed: u64,
    /// The greatest difference of any two, in parts of its bound.
    pub closest: f64,
    /// What was wrong.
    pub violation: Option<Box<Violation>>,
}

/// Plays one scene of shares and judges it.
pub fn play_shares(seed: u64) -> Shares {
    let mut rng = Rng::new(seed ^ 0x5A4E5);
    let mut scene = Scene::new(&mut rng);
    let played = scene.play(&mut rng).and_then(|()| scene.judge());
    let closest = *played.as_ref().unwrap_or(&0.0);
    let violation = played.err().map(|mut violation| {
        violation.what = format!("seed {seed}: {}; {scene:?}", violation.what);
        violation
    });
    Shares { seed, closest, violation }
}

impl Scene {
    fn new(rng: &mut Rng) -> Scene {
        let slots = rng.percent(70);
        // Heavy calls beside light ones leave gaps, which the light ones may use beyond their
        // share; so on slots all are alike.
        let alike = rng.pick(&[1, 1, 1, 2, 5]);
        let capacity = if slots { alike * rng.range(1, 12) } else { rng.range(20, 200) };
        let priorities = rng.range(1, 3);
        let weights: Vec<u32> = (0..priorities).map(|_| rng.pick(&[1, 2, 4, 8])).collect();
        let until = rng.range(200, 400) * SEC;
        let mut parties: Vec<Party> = Vec::new();
        for priority in 0..priorities {
            for _ in 0..rng.range(1, 4) {
                let priority = u8::try_from(priority).unwrap_or(0);
                let weight = rng.pick(&[1, 1, 2, 3, 5]);
                let runs = if !slots {
                    vec![0]
                } else if rng.percent(50) {
                    vec![rng.range(20, 400) * MS]
                } else {
                    vec![20 * MS, 20 * MS, 20 * MS, rng.range(100, 600) * MS]
                };
                let takes = match rng.below(5) {
                    _ if slots => alike,
                    0 => rng.range(1, capacity.min(20)),
                    1 => rng.range(1, capacity.min(3)),
                    _ => 1,
                };
                let (served, asked) = (0.0, 0.0);
                parties.push(Party { priority, weight, takes, runs, every: None, served, asked });
            }
        }
        let beside = u16::try_from(rng.below(3)).unwrap_or(0);
        let mut scene = Scene { weights, parties, capacity, slots, beside, until };
        // Some ask for less than half of what they would get beside all others.
        for place in 0..scene.parties.len() {
            if rng.percent(30) {
                let due = scene.allocate(scene.all())[place] / (scene.until - SINCE) as f64;
                let part = rng.range(10, 45) as f64 / 100.0;
                let every = scene.parties[place].mean_cost() / (due * part);
                scene.parties[place].every = Some(super::rng::whole(every).max(1));
                scene.parties[place].asked = due * part * (scene.until - SINCE) as f64;
            }
        }
        scene.parties.iter_mut().for_each(|party| party.asked = 0.0);
        if scene.parties.iter().all(|party| party.every.is_some()) {
            scene.parties[0].every = None;
        }
        scene
    }
}

impl Party {
    /// Slot-nanoseconds, or units.
    fn mean_cost(&self) -> f64 {
        let runs = self.runs.iter().sum::<u64>() as f64 / self.runs.len() as f64;
        self.takes as f64 * if runs > 0.0 { runs } else { 1.0 }
    }
}
