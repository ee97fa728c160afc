//! A small history on one limit of slots, and which call stood on which slots when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rampmeter_core::{
    BudgetConfig, Call, CallId, Config, Decision, Draw, Engine, Flow, Instant, LimitConfig,
    LimitId, Outcome, Output, Outputs, Priority, ToolId,
};

const MS: u64 = 1_000_000;

/// One call of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) at_ms: u64,
    pub(super) runs_ms: u64,
    pub(super) weight: u64,
    pub(super) priority: u8,
    /// Also what it is drawn as.
    pub(super) kind: u16,
    /// The part that makes it; it arrives when that one has run for `at_ms`.
    pub(super) parent: Option<usize>,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Act {
    pub(super) part: usize,
    pub(super) asked_ms: u64,
    pub(super) started_ms: u64,
    pub(super) ended_ms: u64,
    /// The slots that it stands on.
    pub(super) slots: Vec<usize>,
    pub(super) borrowed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Ends(usize),
    Arrives(usize),
}

struct Stage<'a> {
    engine: Engine,
    parts: &'a [Part],
    acts: Vec<Option<Act>>,
    ids: Vec<Option<CallId>>,
    agenda: BinaryHeap<Reverse<(u64, Next)>>,
    free: Vec<bool>,
    now: u64,
    out: Outputs,
}

/// Plays parts on a limit of `size` slots, whose tools' durations are known from before.
pub(super) fn play(size: usize, weights: &[u32], backfill: bool, parts: &[Part]) -> Vec<Act> {
    let limit =
        LimitConfig { budgets: vec![BudgetConfig::slots(size as u64)], ..LimitConfig::default() };
    let priorities = weights.to_vec();
    let config = Config { limits: vec![limit], priorities, backfill, ..Config::default() };
    let Ok(engine) = Engine::new(config) else { return Vec::new() };
    let mut stage = Stage {
        engine,
        parts,
        acts: vec![None; parts.len()],
        ids: vec![None; parts.len()],
        agenda: BinaryHeap::new(),
        free: vec![true; size],
        now: 0,
        out: Outputs::new(),
    };
    stage.warm_up();
    let began = stage.now;
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.parent.is_none()) {
        stage.agenda.push(Reverse((began + part.at_ms * MS, Next::Arrives(at))));
    }
    while let Some(Reverse((now, next))) = stage.agenda.pop() {
        stage.now = now;
        match next {
            Next::Arrives(part) => stage.ask(part),
            Next::Ends(part) => stage.end(part),
        }
        stage.follow();
    }
    let since = |at: u64| at.saturating_sub(began / MS);
    let acts = stage.acts.into_iter().flatten();
    acts.map(|act| Act {
        asked_ms: since(act.asked_ms),
        started_ms: since(act.started_ms),
        ended_ms: since(act.ended_ms),
        ..act
    })
    .collect()
}

impl Stage<'_> {
    /// Ten calls of each part's tool, one after the other, so that the engine knows them.
    fn warm_up(&mut self) {
        for part in self.parts {
            for _ in 0..10 {
                let now = Instant::from_nanos(self.now);
                if let Decision::Granted(id) = self.admit(part, None) {
                    self.now += part.runs_ms * MS;
                    let end = Instant::from_nanos(self.now);
                    self.engine.release(end.max(now), id, Outcome::Succeeded, &mut self.out);
                }
            }
        }
        self.now += 1_000 * MS;
        self.out.clear();
    }

    fn admit(&mut self, part: &Part, parent: Option<CallId>) -> Decision {
        let call = Call {
            tool: ToolId(part.kind),
            flow: Flow { id: u64::from(part.kind), weight: 1 },
            priority: Priority(part.priority),
            labels: &[],
            draws: &[Draw { limit: LimitId(0), weight: part.weight, costs: &[] }],
            keys: &[],
            parent,
            deadline: Instant::NEVER,
            queue_timeout: Duration::from_secs(1_000),
            arrived: Instant::NEVER,
        };
        self.engine.admit(Instant::from_nanos(self.now), &call, &mut self.out)
    }

    fn ask(&mut self, at: usize) {
        let part = self.parts[at];
        let parent = part.parent.and_then(|parent| self.ids[parent]);
        let asked_ms = self.now / MS;
        self.acts[at] = Some(Act { part: at, asked_ms, ..Act::default() });
        match self.admit(&part, parent) {
            Decision::Granted(id) => {
                self.ids[at] = Some(id);
                self.start(at);
            }
            Decision::Waiting(id) => self.ids[at] = Some(id),
            Decision::Refused(_) | Decision::Pending(_) => self.acts[at] = None,
        }
    }

    fn follow(&mut self) {
        let granted: Vec<CallId> = self
            .out
            .drain(..)
            .filter_map(|output| match output {
                Output::Granted(id) => Some(id),
                _ => None,
            })
            .collect();
        for id in granted {
            let at = self.ids.iter().position(|known| *known == Some(id));
            at.into_iter().for_each(|at| self.start(at));
        }
    }

    fn start(&mut self, at: usize) {
        let part = self.parts[at];
        let weight = usize::try_from(part.weight).unwrap_or(usize::MAX);
        let parent = part.parent.and_then(|parent| self.acts[parent].as_ref());
        let lent: Vec<usize> = parent.map(|act| act.slots.clone()).unwrap_or_default();
        let is_lent_already = self.acts.iter().flatten().any(|act| {
            act.borrowed && act.ended_ms == 0 && self.parts[act.part].parent == part.parent
        });
        let borrowed = !lent.is_empty() && !is_lent_already;
        let own: Vec<usize> = (0..self.free.len()).filter(|slot| self.free[*slot]).collect();
        let slots: Vec<usize> = if borrowed { lent } else { own };
        let slots: Vec<usize> = slots.into_iter().take(weight).collect();
        if !borrowed {
            slots.iter().for_each(|slot| self.free[*slot] = false);
        }
        if let Some(act) = &mut self.acts[at] {
            (act.started_ms, act.slots, act.borrowed) = (self.now / MS, slots, borrowed);
        }
        self.agenda.push(Reverse((self.now + part.runs_ms * MS, Next::Ends(at))));
        for (child, part) in self.parts.iter().enumerate() {
            if part.parent == Some(at) {
                self.agenda.push(Reverse((self.now + part.at_ms * MS, Next::Arrives(child))));
            }
        }
    }

    fn end(&mut self, at: usize) {
        if let Some(act) = &mut self.acts[at] {
            act.ended_ms = self.now / MS;
            if !act.borrowed {
                act.slots.iter().for_each(|slot| self.free[*slot] = true);
            }
        }
        if let Some(id) = self.ids[at] {
            let now = Instant::from_nanos(self.now);
            self.engine.release(now, id, Outcome::Succeeded, &mut self.out);
        }
    }
}
