//! Plays a scene of keys: first everything at random, then nothing new until all is over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rampmeter_core::{
    Call, Decision, Draw, Edit, Engine, Flow, Instant, KeyAccess, LimitId, Outcome, Output,
    Outputs, Priority, Reason, ToolId,
};

use super::super::rng::Rng;
use super::super::scene::{FOREVER, MS};
use super::super::verdict::{Judge, Verdict, must, wrong};
use super::Keys;
use super::books::{Books, Entry, State};
use super::scene::Scene;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Job {
    Ask,
    End(usize),
    Make(usize),
    GiveUp(usize),
    Pause(u16, bool),
}

pub(super) struct Player {
    pub(super) scene: Scene,
    pub(super) engine: Engine,
    pub(super) books: Books,
    pub(super) shown: Keys,
    rng: Rng,
    /// For when calls that come again were asked for first; it came later.
    again: Rng,
    agenda: BinaryHeap<Reverse<(u64, u64, Job)>>,
    jobs: u64,
    out: Outputs,
    calm: bool,
}

impl Player {
    pub(super) fn new(scene: Scene, rng: Rng) -> Player {
        let engine = Engine::new(scene.config.clone());
        let books = Books { paused: vec![false; scene.config.limits.len()], ..Books::default() };
        let mut player = Player {
            // A config that a scene makes can be enforced.
            engine: engine.unwrap_or_else(|error| unreachable!("{error}")),
            scene,
            books,
            shown: Keys::default(),
            again: rng.later(),
            rng,
            agenda: BinaryHeap::new(),
            jobs: 0,
            out: Outputs::new(),
            calm: false,
        };
        player.later(0, Job::Ask);
        for limit in 0..player.books.paused.len() {
            if player.scene.pauses {
                let limit = u16::try_from(limit).unwrap_or(0);
                player.later(player.scene.steps * MS, Job::Pause(limit, true));
            }
        }
        player
    }

    pub(super) fn play(&mut self) -> Verdict {
        let mut inputs = 0u64;
        loop {
            let timer = self.engine.next_moment().map(|at| at.as_nanos().max(self.books.now));
            let job = self.agenda.peek().map(|Reverse((at, ..))| *at);
            let Some(now) = timer.into_iter().chain(job).min() else { break };
            if now == FOREVER {
                break;
            }
            self.books.now = now;
            let job = if job == Some(now) { self.agenda.pop() } else { None };
            match job {
                Some(Reverse((_, _, job))) => self.does(job)?,
                None => self.engine.advance(Instant::from_nanos(now), &mut self.out),
            }
            self.hear()?;
            self.look()?;
            inputs += 1;
            self.calm = inputs > self.scene.steps;
            must(inputs < 100_000, Judge::Waits, || "it goes on for ever".into())?;
        }
        let left = &self.books.live;
        must(left.is_empty(), Judge::Waits, || {
            format!(
                "{:?} are left over",
                left.iter().map(|it| &self.books.calls[*it]).collect::<Vec<_>>()
            )
        })?;
        let snapshot = self.engine.snapshot(Instant::from_nanos(self.books.now));
        must(snapshot.keys.is_empty(), Judge::Ledger, || format!("{:?}", snapshot.keys))
    }

    fn later(&mut self, at: u64, job: Job) {
        self.jobs += 1;
        self.agenda.push(Reverse((at, self.jobs, job)));
    }

    fn does(&mut self, job: Job) -> Verdict {
        match job {
            Job::Ask if self.calm => Ok(()),
            Job::Ask => {
                let next = self.books.now + self.rng.about(30 * MS);
                self.later(next, Job::Ask);
                if self.books.live.len() < self.scene.crowd { self.ask(None) } else { Ok(()) }
            }
            Job::Make(caller) => {
                let runs = self.books.calls[caller].state == State::Running;
                if runs && !self.calm { self.ask(Some(caller)) } else { Ok(()) }
            }
            Job::End(number) => self.end(number),
            Job::GiveUp(number) => {
                if self.books.calls[number].state == State::Waiting {
                    let (now, id) = (self.now(), self.books.calls[number].id);
                    let was = self.engine.cancel(now, id, &mut self.out);
                    must(was, Judge::Answers, || format!("{id:?} cannot give up"))?;
                    self.is_over(number)?;
                }
                Ok(())
            }
            Job::Pause(limit, paused) => {
                let id = LimitId(limit);
                let edit = if paused { Edit::Pause(id) } else { Edit::Resume(id) };
                self.books.paused[usize::from(limit)] = paused;
                let now = self.now();
                match self.engine.edit(vec![edit]) {
                    Ok(change) => drop(change.commit(now, &mut self.out)),
                    Err(error) => return Err(wrong(Judge::Input, error.to_string())),
                }
                if paused || !self.calm {
                    let at = self.books.now + self.rng.about(200 * MS);
                    self.later(at, Job::Pause(limit, !paused));
                }
                Ok(())
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.books.now)
    }

    fn ask(&mut self, parent: Option<usize>) -> Verdict {
        let kind = self.rng.index(self.scene.kinds.len());
        let it = &self.scene.kinds[kind];
        let (priority, flow) = match parent {
            Some(parent) => (self.books.calls[parent].priority, self.books.calls[parent].flow),
            None => {
                (u8::try_from(self.rng.below(4)).unwrap_or(0), self.rng.below(self.scene.flows))
            }
        };
        let names: Vec<_> = it
            .keys
            .iter()
            .map(|(key, writes)| {
                let access = if *writes { KeyAccess::Exclusive } else { KeyAccess::Shared };
                (self.scene.names[*key].as_str(), access)
            })
            .collect();
        let draw = |(limit, weight): &(u16, u64)| Draw {
            limit: LimitId(*limit),
            weight: *weight,
            costs: &[],
        };
        let draws: Vec<_> = it.draws.iter().map(draw).collect();
        let patient = self.rng.percent(80);
        let may_wait = if patient { FOREVER } else { self.rng.about(200 * MS) + 1 };
        let ago = if self.again.percent(20) { self.again.scale(MS, 1_000 * MS) } else { 0 };
        let arrived = self.books.now.saturating_sub(ago);
        let call = Call {
            tool: ToolId(it.tool),
            flow: Flow { id: flow, weight: 1 },
            priority: Priority(priority),
            labels: &[],
            draws: &draws,
            keys: &names,
            parent: parent.map(|parent| self.books.calls[parent].id),
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_nanos(may_wait),
            arrived: Instant::from_nanos(arrived),
        };
        self.shown.asked += 1;
        let now = self.now();
        let decision = self.engine.admit(now, &call, &mut self.out);
        let id = match decision {
            Decision::Granted(id) | Decision::Waiting(id) => id,
            Decision::Refused(refusal) => {
                let nested = parent.is_some();
                let rightly = match refusal.reason {
                    Reason::WouldDeadlock => nested && !self.engine.cycle().is_empty(),
                    Reason::TooDeep => nested,
                    // A rate, or a slot that is expected to come free too late.
                    Reason::QueueTimeout => !patient,
                    _ => false,
                };
                self.shown.cycles += u64::from(refusal.reason == Reason::WouldDeadlock);
                return must(rightly, Judge::Answers, || format!("{call:?}: {refusal:?}"));
            }
            Decision::Pending(id) => return Err(wrong(Judge::Answers, format!("{id:?} pends"))),
        };
        // What had become due was done before.
        if let Decision::Granted(_) = decision {
            self.hear()?;
        }
        let joins = !self.rng.percent(self.scene.leaves);
        let number = self.books.enter(Entry {
            id,
            kind,
            parent,
            nested: parent.is_some(),
            priority,
            flow,
            state: State::Waiting,
            arrived,
            expires: self.books.now.saturating_add(may_wait),
            joins,
            done: false,
        });
        if let Decision::Granted(_) = decision {
            return self.starts(number);
        }
        if self.rng.percent(10) {
            let at = self.books.now + self.rng.about(100 * MS);
            self.later(at, Job::GiveUp(number));
        }
        Ok(())
    }

    fn hear(&mut self) -> Verdict {
        for output in std::mem::take(&mut self.out) {
            match output {
                Output::Granted(id) => {
                    let number = self.named(id)?;
                    self.starts(number)?;
                }
                Output::Refused(id, refusal) => {
                    let number = self.named(id)?;
                    self.may_refuse(number, &refusal)?;
                    self.is_over(number)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn named(&self, id: rampmeter_core::CallId) -> Verdict<usize> {
        let known = self.books.by_id.get(&id).copied();
        known.ok_or_else(|| wrong(Judge::Answers, format!("{id:?} was never asked for")))
    }

    fn starts(&mut self, number: usize) -> Verdict {
        self.may_start(number)?;
        self.shown.started += 1;
        self.books.calls[number].state = State::Running;
        let runs = self.scene.kinds[self.books.calls[number].kind].runs;
        let ends = self.books.now + self.rng.about(runs) + 1;
        self.later(ends, Job::End(number));
        if self.rng.percent(self.scene.nests) {
            for _ in 0..self.rng.range(1, 3) {
                let at = self.rng.range(self.books.now, ends);
                self.later(at, Job::Make(number));
            }
        }
        Ok(())
    }

    fn end(&mut self, number: usize) -> Verdict {
        let call = &mut self.books.calls[number];
        if call.state != State::Running {
            return Ok(());
        }
        call.done = true;
        if call.joins && self.books.has_calls(number) {
            return Ok(());
        }
        let (now, id) = (self.now(), self.books.calls[number].id);
        let ran = self.engine.release(now, id, Outcome::Succeeded, &mut self.out);
        must(ran, Judge::Answers, || format!("{id:?} does not run"))?;
        self.is_over(number)
    }

    /// A call is over; its caller may have waited for just that.
    fn is_over(&mut self, number: usize) -> Verdict {
        let parent = self.books.calls[number].parent;
        self.books.ends(number);
        if let Some(parent) = parent
            && self.books.calls[parent].done
        {
            self.later(self.books.now, Job::End(parent));
        }
        Ok(())
    }
}
