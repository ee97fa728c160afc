//! Plays a scene of shares in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rampmeter_core::{
    BudgetConfig, Call, CallId, Config, Cost, Counts, Decision, Draw, Engine, Flow, Instant,
    LimitConfig, LimitId, Outcome, Output, Outputs, Priority, RateKind, ToolId, Unit,
};

use super::super::rng::Rng;
use super::super::verdict::{Judge, Verdict, wrong};
use super::{SINCE, Scene};

impl Scene {
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

    pub(super) fn play(&mut self, rng: &mut Rng) -> Verdict {
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
            arrived: Instant::NEVER,
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
