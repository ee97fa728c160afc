//! Waits of calls that need several limits, or much of one, among streams of light calls that
//! saturate each limit: the bound of claims and of rescue, and how near it came.
//!
//! Bound: from its claim, for each other heavy call that waits then and for itself, a longest
//! hold, twice, since a call that started in a claim's gap may outlast it once. Where some need
//! several limits it counts from the end of its patience, since a claim binds only where it was
//! made, and whoever has it may wait for its turn elsewhere.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rampmeter_core::{
    BudgetConfig, Call, CallId, Config, Decision, Draw, Engine, Flow, Instant, LimitConfig,
    LimitId, Outcome, Output, Outputs, Priority, ToolId,
};

use super::rng::Rng;
use super::scene::MS;
use super::verdict::{Judge, Verdict, Violation, must, wrong};

/// What a scene of claims showed.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The longest wait, in parts of its bound.
    pub closest: f64,
    /// Heavy calls that were judged.
    pub judged: u64,
    /// What was wrong.
    pub violation: Option<Box<Violation>>,
}

/// Plays one scene of claims and judges it.
pub fn play_claims(seed: u64) -> Claims {
    let mut rng = Rng::new(seed ^ 0xC1A1);
    let scene = Scene::new(&mut rng);
    let mut claims = Claims { closest: 0.0, judged: 0, violation: None };
    if let Err(mut violation) = scene.play(&mut rng, &mut claims) {
        violation.what = format!("seed {seed}: {}; {scene:?}", violation.what);
        claims.violation = Some(violation);
    }
    claims
}

/// Calls that are alike.
#[derive(Clone, Debug)]
struct Kind {
    /// The weight on each limit; 0 is not drawn on.
    weights: [u64; 2],
    runs: [u64; 4],
    priority: u8,
}

impl Kind {
    fn needs_several(&self) -> bool {
        self.weights.iter().all(|weight| *weight > 0)
    }
}

#[derive(Clone, Debug)]
struct Scene {
    sizes: [u64; 2],
    light: Vec<Kind>,
    heavy: Vec<Kind>,
    backfill: bool,
    longest: u64,
    patience: u64,
    until: u64,
}

/// A call of the scene.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Its place among the light kinds and, after them, the heavy ones.
    kind: usize,
    arrived: u64,
    waits: bool,
    /// By when it must have started, if that is known.
    due: Option<(u64, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Job {
    End(CallId),
    Ask(usize),
}

#[derive(Default)]
struct Table {
    calls: Vec<Asked>,
    heavy: Vec<CallId>,
    agenda: BinaryHeap<Reverse<(u64, u64, Job)>>,
    jobs: u64,
}

impl Scene {
    fn new(rng: &mut Rng) -> Scene {
        let sizes = [rng.range(2, 12), rng.range(2, 12)];
        let runs = |rng: &mut Rng| {
            let short = rng.range(20, 300) * MS;
            let long = if rng.percent(50) { short } else { rng.range(300, 2_000) * MS };
            [short, short, short, long]
        };
        let mut light = Vec::new();
        for limit in 0..2 {
            for _ in 0..rng.range(1, 4) {
                let mut weights = [0, 0];
                weights[limit] = 1;
                let priority = u8::try_from(rng.below(2)).unwrap_or(0);
                light.push(Kind { weights, runs: runs(rng), priority });
            }
        }
        let heavy: Vec<Kind> = (0..rng.range(1, 3))
            .map(|_| {
                let mut weights = match rng.below(3) {
                    0 => [rng.range(1, sizes[0]), rng.range(1, sizes[1])],
                    _ => [rng.range(2, sizes[0]), 0],
                };
                if rng.percent(50) && weights[1] == 0 {
                    weights = [0, rng.range(2, sizes[1])];
                }
                let priority = u8::try_from(rng.below(2)).unwrap_or(0);
                Kind { weights, runs: runs(rng), priority }
            })
            .collect();
        let all = light.iter().chain(&heavy).flat_map(|kind| kind.runs);
        let longest = all.max().unwrap_or(0);
        let patience = longest * rng.range(5, 15);
        let backfill = rng.percent(70);
        Scene { sizes, light, heavy, backfill, longest, patience, until: longest * 300 }
    }

    fn config(&self) -> Config {
        let limit = |size: u64| LimitConfig {
            budgets: vec![BudgetConfig::slots(size)],
            queue_size: 1_000_000,
            ..LimitConfig::default()
        };
        Config {
            limits: self.sizes.iter().map(|size| limit(*size)).collect(),
            priorities: vec![16, 1],
            patience: Duration::from_nanos(self.patience),
            backfill: self.backfill,
            ..Config::default()
        }
    }

    fn play(&self, rng: &mut Rng, claims: &mut Claims) -> Verdict {
        let mut engine =
            Engine::new(self.config()).map_err(|error| wrong(Judge::Input, error.to_string()))?;
        let mut table = Table::default();
        for (place, kind) in self.light.iter().enumerate() {
            let size = self.sizes[usize::from(kind.weights[0] == 0)];
            (0..size + 2).for_each(|_| table.later(0, Job::Ask(place)));
        }
        for place in 0..self.heavy.len() {
            table.later(rng.below(10 * self.longest), Job::Ask(self.light.len() + place));
        }
        let mut out = Outputs::new();
        loop {
            let timer = engine.next_moment().map(Instant::as_nanos);
            let job = table.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(now) = timer.into_iter().chain(job).min() else { break };
            if now >= self.until {
                break;
            }
            let job = if job == Some(now) { table.agenda.pop() } else { None };
            let decided = match job {
                Some(Reverse((_, _, Job::End(id)))) => {
                    let now = Instant::from_nanos(now);
                    engine.release(now, id, Outcome::Succeeded, &mut out);
                    None
                }
                Some(Reverse((_, _, Job::Ask(kind)))) => {
                    Some((kind, self.ask(kind, now, &mut engine, &mut out)))
                }
                None => {
                    engine.advance(Instant::from_nanos(now), &mut out);
                    None
                }
            };
            for output in std::mem::take(&mut out) {
                if let Output::Granted(id) = output {
                    self.starts(id, now, &mut table, rng, claims)?;
                }
            }
            match decided {
                Some((kind, Decision::Granted(id))) => {
                    table.name(id, kind, now, false);
                    self.starts(id, now, &mut table, rng, claims)?;
                }
                Some((kind, Decision::Waiting(id))) => {
                    table.name(id, kind, now, true);
                    if kind >= self.light.len() {
                        table.heavy.push(id);
                    }
                }
                _ => {}
            }
            self.look(now, &mut engine, &mut table)?;
        }
        Ok(())
    }

    fn kind(&self, place: usize) -> &Kind {
        self.light.get(place).unwrap_or_else(|| &self.heavy[place - self.light.len()])
    }

    fn ask(&self, place: usize, now: u64, engine: &mut Engine, out: &mut Outputs) -> Decision {
        let kind = self.kind(place);
        let draw = |limit: u16, weight| Draw { limit: LimitId(limit), weight, costs: &[] };
        let draws = [draw(0, kind.weights[0]), draw(1, kind.weights[1])];
        let draws = match kind.weights {
            [_, 0] => &draws[..1],
            [0, _] => &draws[1..],
            _ => &draws[..],
        };
        let call = Call {
            tool: ToolId(u16::try_from(place).unwrap_or(0)),
            flow: Flow { id: place as u64, weight: 1 },
            priority: Priority(kind.priority),
            labels: &[],
            draws,
            keys: &[],
            parent: None,
            deadline: Instant::NEVER,
            queue_timeout: Duration::MAX,
            arrived: Instant::NEVER,
        };
        engine.admit(Instant::from_nanos(now), &call, out)
    }

    fn starts(
        &self,
        id: CallId,
        now: u64,
        table: &mut Table,
        rng: &mut Rng,
        claims: &mut Claims,
    ) -> Verdict {
        let asked = table.calls[id.index() as usize];
        let runs = rng.pick(&self.kind(asked.kind).runs);
        table.later(now + runs, Job::End(id));
        if asked.kind < self.light.len() {
            // The stream goes on.
            table.later(now, Job::Ask(asked.kind));
            return Ok(());
        }
        table.heavy.retain(|it| *it != id);
        table.later(now + rng.about(6 * self.longest), Job::Ask(asked.kind));
        if let (true, Some((since, due))) = (asked.waits, asked.due) {
            claims.judged += 1;
            let part = (now - since) as f64 / (due - since).max(1) as f64;
            claims.closest = claims.closest.max(part);
        }
        Ok(())
    }

    /// Who claims has its bound from then on, and nobody waits beyond it.
    fn look(&self, now: u64, engine: &mut Engine, table: &mut Table) -> Verdict {
        let waiting = table.heavy.len() as u64;
        let several = self.heavy.iter().any(Kind::needs_several);
        let mut claimants = Vec::new();
        for id in &table.heavy {
            let said = engine.explain(Instant::from_nanos(now), *id);
            claimants.extend(said.filter(|said| said.claims).map(|said| said.call));
        }
        for place in 0..table.heavy.len() {
            let id = table.heavy[place];
            let asked = table.calls[id.index() as usize];
            let bound = 2 * self.longest * (waiting + 1);
            if asked.due.is_none() {
                let since = if several {
                    Some(asked.arrived + self.patience)
                } else {
                    // One that came to claim when another had the place may yet be passed.
                    let since = if claimants == [id] { now } else { asked.arrived + self.patience };
                    claimants.contains(&id).then_some(since)
                };
                let due = since.map(|since| (asked.arrived.max(since.min(now)), since + bound));
                table.calls[id.index() as usize].due = due;
            }
            if let Some((_, due)) = table.calls[id.index() as usize].due {
                must(now <= due, Judge::Waits, || {
                    format!("{id:?} {asked:?} waits at {now}, and its bound was {due}")
                })?;
            }
        }
        Ok(())
    }
}

impl Table {
    fn later(&mut self, at: u64, job: Job) {
        self.jobs += 1;
        self.agenda.push(Reverse((at, self.jobs, job)));
    }

    fn name(&mut self, id: CallId, kind: usize, arrived: u64, waits: bool) {
        let index = id.index() as usize;
        let asked = Asked { kind, arrived, waits, due: None };
        if self.calls.len() <= index {
            self.calls.resize(index + 1, asked);
        }
        self.calls[index] = asked;
    }
}
