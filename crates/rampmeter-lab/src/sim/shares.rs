//! Shares: generated scenes in which one limit binds, judged by an independent max-min allocator.
//!
//! While two flows of one priority, or two priorities, are backlogged, what each is served divided
//! by its weight differs by at most `(2D + 1) (c₁/w₁ + c₂/w₂)`: `c` is a largest cost and `D` the
//! depth in slots, 1 for a rate. Who asks for less than a share gets what it asks for, and the
//! others share the rest: water-filling, first over the priorities and then over their flows. A
//! flow is served what the allocator says but for the bounds of all pairs that it is part of.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rampmeter_core::{
    BudgetConfig, Call, CallId, Config, Cost, Counts, Decision, Draw, Engine, Flow, Instant,
    LimitConfig, LimitId, Outcome, Output, Outputs, Priority, RateKind, ToolId, Unit,
};

use super::rng::Rng;
use super::scene::{MS, SEC};
use super::verdict::{Judge, Verdict, Violation, must, wrong};

/// What the engine assumes of a tool that it has not seen.
const GUESS: u64 = 100 * MS;

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

    fn config(&self) -> Config {
        let binding = if self.slots {
            BudgetConfig::slots(self.capacity)
        } else {
            BudgetConfig::Rate {
                counts: Counts::Unit(Unit(0)),
                amount: self.capacity,
                period: Duration::from_secs(1),
                kind: RateKind::Bucket { burst: 20 },
            }
        };
        let limit = |budget| LimitConfig {
            budgets: vec![budget],
            queue_size: 1_000_000,
            ..LimitConfig::default()
        };
        let beside = (0..self.beside).map(|_| limit(BudgetConfig::slots(1_000_000)));
        Config {
            limits: std::iter::once(limit(binding)).chain(beside).collect(),
            priorities: self.weights.clone(),
            // Rescue is another rule than shares.
            patience: Duration::from_secs(1_000_000),
            ..Config::default()
        }
    }

    fn play(&mut self, rng: &mut Rng) -> Verdict {
        let mut engine =
            Engine::new(self.config()).map_err(|error| wrong(Judge::Input, error.to_string()))?;
        let mut table = Table { calls: Vec::new(), agenda: BinaryHeap::new(), jobs: 0 };
        for place in 0..self.parties.len() {
            match self.parties[place].every {
                Some(every) => table.later(rng.below(every), Job::Ask(place)),
                // The backlog: as many as could run, and more.
                None => {
                    (0..self.capacity.min(24) + 4).for_each(|_| table.later(0, Job::Ask(place)));
                }
            }
        }
        let mut out = Outputs::new();
        loop {
            let timer = engine.next_moment().map(Instant::as_nanos);
            let job = table.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(now) = timer.into_iter().chain(job).min() else { break };
            if now >= self.until {
                break;
            }
            let at = Instant::from_nanos(now);
            if job == Some(now) {
                if let Some(Reverse((_, _, job))) = table.agenda.pop() {
                    self.job(job, now, &mut engine, &mut table, &mut out, rng);
                }
            } else {
                engine.advance(at, &mut out);
            }
            for output in std::mem::take(&mut out) {
                if let Output::Granted(id) = output {
                    self.starts(id, now, &mut table);
                }
            }
        }
        Ok(())
    }

    fn job(
        &mut self,
        job: Job,
        now: u64,
        engine: &mut Engine,
        table: &mut Table,
        out: &mut Outputs,
        rng: &mut Rng,
    ) {
        match job {
            Job::End(id) => {
                engine.release(Instant::from_nanos(now), id, Outcome::Succeeded, out);
            }
            Job::Ask(place) => {
                let runs = rng.pick(&self.parties[place].runs);
                let decision = self.ask(place, now, engine, out);
                if now >= SINCE {
                    let party = &mut self.parties[place];
                    party.asked += party.takes as f64 * if self.slots { runs as f64 } else { 1.0 };
                }
                if let Some(every) = self.parties[place].every {
                    // Evenly, but for a tenth.
                    let next = now + every - every / 10 + rng.below(every / 5 + 1);
                    table.later(next, Job::Ask(place));
                }
                match decision {
                    Decision::Waiting(id) => table.name(id, place, runs),
                    Decision::Granted(id) => {
                        table.name(id, place, runs);
                        self.starts(id, now, table);
                    }
                    Decision::Refused(_) | Decision::Pending(_) => {}
                }
            }
        }
    }

    fn ask(&self, place: usize, now: u64, engine: &mut Engine, out: &mut Outputs) -> Decision {
        let party = &self.parties[place];
        let costs = [Cost { unit: Unit(0), amount: party.takes }];
        let mut draws = [Draw { limit: LimitId(0), weight: party.takes, costs: &costs }; 4];
        for (draw, limit) in draws.iter_mut().zip(0u16..) {
            draw.limit = LimitId(limit);
        }
        let call = Call {
            tool: ToolId(u16::try_from(place).unwrap_or(0)),
            flow: Flow { id: place as u64, weight: party.weight },
            priority: Priority(party.priority),
            labels: &[],
            draws: &draws[..1 + usize::from(self.beside)],
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::MAX,
        };
        engine.admit(Instant::from_nanos(now), &call, out)
    }

    fn starts(&mut self, id: CallId, now: u64, table: &mut Table) {
        let (place, runs) = table.calls[id.index() as usize];
        let party = &mut self.parties[place];
        party.served += if self.slots {
            let (from, to) = (now.max(SINCE), (now + runs).clamp(SINCE, self.until));
            ((to - from.min(to)) * party.takes) as f64
        } else if now < SINCE {
            0.0
        } else {
            party.takes as f64
        };
        table.later(now + runs, Job::End(id));
        if party.every.is_none() {
            table.later(now, Job::Ask(place));
        }
    }

    /// Every two within their bound, and everybody within what water-filling gives; says how close
    /// it came.
    fn judge(&self) -> Verdict<f64> {
        let depth = if self.slots { self.capacity } else { 1 };
        let of = |priority: usize| {
            let mine = self.parties.iter().filter(move |it| usize::from(it.priority) == priority);
            mine.collect::<Vec<_>>()
        };
        let mut closest: f64 = 0.0;
        let mut apart = |what: &str, one: [f64; 3], other: [f64; 3]| {
            let [(served, weight, cost), (served_2, weight_2, cost_2)] =
                [one, other].map(|[served, weight, cost]| (served, weight, cost));
            let bound = (2 * depth + 1) as f64 * (cost / weight + cost_2 / weight_2);
            let apart = (served / weight - served_2 / weight_2).abs();
            closest = closest.max(apart / bound);
            must(apart <= bound, Judge::Waits, || {
                format!("{what} are {apart:.0} apart, above {bound:.0}: {one:?} {other:?}")
            })
        };
        let figures = |party: &Party| [party.served, f64::from(party.weight), self.cost(party)];
        for priority in 0..self.weights.len() {
            let backlogged: Vec<_> =
                of(priority).into_iter().filter(|it| it.every.is_none()).collect();
            for (place, one) in backlogged.iter().enumerate() {
                for other in &backlogged[..place] {
                    apart("two flows", figures(one), figures(other))?;
                }
            }
        }
        let backlogged =
            (0..self.weights.len()).filter(|it| of(*it).iter().any(|it| it.every.is_none()));
        let classes: Vec<[f64; 3]> = backlogged
            .map(|priority| {
                let served = of(priority).iter().map(|it| it.served).sum();
                let cost = of(priority).iter().map(|it| self.cost(it)).fold(0.0, f64::max);
                [served, f64::from(self.weights[priority]), cost]
            })
            .collect();
        for (place, one) in classes.iter().enumerate() {
            for other in &classes[..place] {
                apart("two priorities", *one, *other)?;
            }
        }
        self.everybody_gets_what_water_filling_gives(depth)?;
        Ok(closest)
    }

    fn everybody_gets_what_water_filling_gives(&self, depth: u64) -> Verdict {
        let given: f64 = self.parties.iter().map(|party| party.served).sum();
        must(given >= 0.98 * self.all(), Judge::Idle, || {
            format!("{given:.0} of {:.0} were given under a backlog", self.all())
        })?;
        let due = self.allocate(given);
        for (place, party) in self.parties.iter().enumerate() {
            let weight = f64::from(party.weight);
            let class = f64::from(self.weights[usize::from(party.priority)]);
            let beside = self.parties.iter().map(|other| {
                let their_class = f64::from(self.weights[usize::from(other.priority)]);
                self.cost(party)
                    + self.cost(other)
                        * (weight / f64::from(other.weight)).max(1.0)
                        * (class / their_class).max(1.0)
            });
            let slack = (2 * depth + 1) as f64 * beside.sum::<f64>();
            let missing = due[place] - party.served;
            must(missing <= slack, Judge::Waits, || {
                format!(
                    "party {place} was served {:.0}, not {:.0}, less {slack:.0}",
                    party.served, due[place]
                )
            })?;
        }
        Ok(())
    }

    /// The most that one call costs, or is guessed to.
    fn cost(&self, party: &Party) -> f64 {
        if !self.slots {
            return party.takes as f64;
        }
        let longest = party.runs.iter().copied().max().unwrap_or(0);
        (longest.max(GUESS) * party.takes) as f64
    }

    /// All that the limit can give.
    fn all(&self) -> f64 {
        let seconds = (self.until - SINCE) as f64 / SEC as f64;
        self.capacity as f64 * seconds * if self.slots { SEC as f64 } else { 1.0 }
    }

    /// What each party is entitled to of so much, by what all of them ask for.
    fn allocate(&self, all: f64) -> Vec<f64> {
        let asks = |party: &Party| if party.every.is_some() { party.asked } else { f64::INFINITY };
        let of = |priority: usize| {
            self.parties.iter().filter(move |it| usize::from(it.priority) == priority)
        };
        let classes: Vec<_> = (0..self.weights.len())
            .map(|it| (f64::from(self.weights[it]), of(it).map(asks).sum::<f64>()))
            .collect();
        let per_class = water_filling(all, &classes);
        let mut due = vec![0.0; self.parties.len()];
        for (priority, all) in per_class.iter().enumerate() {
            let mine: Vec<_> = of(priority).map(|it| (f64::from(it.weight), asks(it))).collect();
            let places = (0..self.parties.len())
                .filter(|it| usize::from(self.parties[*it].priority) == priority);
            for (place, share) in places.zip(water_filling(*all, &mine)) {
                due[place] = share;
            }
        }
        due
    }
}

impl Party {
    /// Slot-nanoseconds, or units.
    fn mean_cost(&self) -> f64 {
        let runs = self.runs.iter().sum::<u64>() as f64 / self.runs.len() as f64;
        self.takes as f64 * if runs > 0.0 { runs } else { 1.0 }
    }
}

/// Max-min fairness by weight, each with a weight and a demand: the level rises until all is given
/// away, and whoever has what they asked for drops out.
fn water_filling(mut left: f64, claimants: &[(f64, f64)]) -> Vec<f64> {
    let mut given = vec![0.0; claimants.len()];
    let mut open: Vec<usize> = (0..claimants.len()).filter(|it| claimants[*it].1 > 0.0).collect();
    while !open.is_empty() && left > 1e-9 {
        let weights: f64 = open.iter().map(|it| claimants[*it].0).sum();
        let to_next = |it: &usize| (claimants[*it].1 - given[*it]) / claimants[*it].0;
        let rise = open.iter().map(to_next).fold(left / weights, f64::min);
        for it in &open {
            given[*it] += rise * claimants[*it].0;
        }
        left -= rise * weights;
        open.retain(|it| given[*it] + 1e-9 < claimants[*it].1);
    }
    given
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Job {
    End(CallId),
    Ask(usize),
}

/// Which party each call is of and how long it runs, and what is to come.
struct Table {
    calls: Vec<(usize, u64)>,
    agenda: BinaryHeap<Reverse<(u64, u64, Job)>>,
    jobs: u64,
}

impl Table {
    fn later(&mut self, at: u64, job: Job) {
        self.jobs += 1;
        self.agenda.push(Reverse((at, self.jobs, job)));
    }

    fn name(&mut self, id: CallId, party: usize, runs: u64) {
        let index = id.index() as usize;
        if self.calls.len() <= index {
            self.calls.resize(index + 1, (0, 0));
        }
        self.calls[index] = (party, runs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_leave_is_shared_by_weight() {
        let shares = water_filling(12.0, &[(1.0, f64::INFINITY), (2.0, 1.0), (3.0, f64::INFINITY)]);
        assert_eq!(shares, [2.75, 1.0, 8.25]);
        assert_eq!(water_filling(5.0, &[(1.0, 2.0), (1.0, 1.0)]), [2.0, 1.0]);
    }
}
