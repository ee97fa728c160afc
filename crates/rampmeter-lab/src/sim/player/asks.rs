//! Calls that ask.

use std::time::Duration;

use rampmeter_core::{Call, CallId, Cost, Decision, Draw, Instant, LabelId, LimitId};
use rampmeter_core::{Priority, Terms, ToolId};

use super::super::books::CallBook;
use super::super::scene::{FOREVER, Scene};
use super::super::totals::Count;
use super::super::verdict::Verdict;
use super::{Plan, Player};

/// A call as it asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) variant: u32,
    pub(crate) flow: u16,
    pub(crate) priority: u8,
    pub(crate) deadline: u64,
    pub(crate) queue_timeout: u64,
    /// When it was asked for first; [`FOREVER`] if it is new.
    pub(crate) arrived: u64,
    /// Whether it is refused if it cannot start at once.
    pub(crate) tries: bool,
    /// Who makes it. Flow, priority and deadline are then what it inherits.
    pub(crate) parent: Option<CallId>,
    pub(crate) plan: Plan,
}

impl Player {
    /// A source asks for one call.
    pub(super) fn ask_for(&mut self, source: u16, client: bool) -> Verdict {
        let it = &self.scene.sources[usize::from(source)];
        let rng = &mut self.rng;
        let kind = rng.pick(&it.kinds);
        let (first, many) = self.books.variants_of(kind);
        let variant = first + u32::try_from(rng.below(u64::from(many))).unwrap_or(0);
        let flows = self.books.flows();
        let flow = (it.flows.0 + rng.index(it.flows.1.min(flows))) % flows;
        let any = u8::try_from(rng.index(self.books.weights.len())).unwrap_or(0);
        let deadline = if self.scene.mix.deadlines && rng.percent(it.deadlines) {
            self.now.saturating_add(rng.scale(1, self.scene.pace * 100))
        } else {
            FOREVER
        };
        let (gives_up, after) = it.gives_up;
        let gives_up = rng.percent(gives_up).then(|| rng.about(after));
        let ask = Ask {
            variant,
            flow: u16::try_from(flow).unwrap_or(0),
            priority: it.priority.unwrap_or(any),
            deadline,
            queue_timeout: it.queue_timeout,
            arrived: FOREVER,
            tries: rng.percent(it.tries),
            parent: None,
            plan: Plan { client: client.then_some(source), ..Plan::NONE },
        };
        self.ask(&ask, gives_up)
    }

    pub(super) fn ask(&mut self, ask: &Ask, gives_up: Option<u64>) -> Verdict {
        self.totals.add(Count::Asked);
        let ask = &Ask { arrived: self.first_arrival(), ..*ask };
        let new = ask.arrived == FOREVER;
        let prepared = self.rng.once_in(8) && new;
        let decision = if prepared { self.admit_prepared(ask) } else { self.admit(ask) };
        self.transcript.decided(&decision);
        self.settle(Some((ask, decision)))?;
        if let (Decision::Waiting(id), Some(after)) = (decision, gives_up) {
            self.later(self.now.saturating_add(after), super::Job::GiveUp(id));
        }
        Ok(())
    }

    /// When a call that asks now was asked for first, if it comes again.
    fn first_arrival(&mut self) -> u64 {
        if !self.scene.mix.retries || !self.again.percent(30) {
            return FOREVER;
        }
        self.totals.add(Count::CameAgain);
        let ago = self.again.scale(1, self.longest_ago());
        // Now and then it is from a clock that is ahead.
        if self.again.once_in(20) {
            self.now.saturating_add(ago)
        } else {
            self.now.saturating_sub(ago)
        }
    }

    /// The longest ago that a call that comes again was asked for first.
    pub(crate) fn longest_ago(&self) -> u64 {
        self.scene.pace * 10
    }

    fn admit(&mut self, ask: &Ask) -> Decision {
        let now = self.input();
        self.transcript.tell(|| format!("{} {ask:?}", now.as_nanos()));
        let Player { scene, books, engine, out, .. } = self;
        with(scene, &books.variants[ask.variant as usize], ask, |call| {
            if ask.tries { engine.try_admit(now, call, out) } else { engine.admit(now, call, out) }
        })
    }

    fn admit_prepared(&mut self, ask: &Ask) -> Decision {
        self.totals.add(Count::Steps);
        let now = self.punctual();
        self.transcript.tell(|| format!("{} prepared {ask:?}", now.as_nanos()));
        let Player { scene, books, engine, out, .. } = self;
        // A kind keeps the longest wait that it was prepared with.
        let patient = ask.queue_timeout == FOREVER;
        let kept = if patient { self.prepared[ask.variant as usize].take() } else { None };
        let variant = &books.variants[ask.variant as usize];
        let kind = match kept {
            Some(kind) => kind,
            None => match with(scene, variant, ask, |call| engine.prepare(now, call)) {
                Ok(kind) => kind,
                Err(refusal) => return Decision::Refused(refusal),
            },
        };
        let terms = Terms {
            flow: scene.flows[usize::from(ask.flow)],
            priority: Priority(ask.priority),
            deadline: Instant::from_nanos(ask.deadline),
            parent: ask.parent,
        };
        let decision = if ask.tries {
            engine.try_admit_prepared(now, &kind, &terms, out)
        } else {
            engine.admit_prepared(now, &kind, &terms, out)
        };
        if patient && self.rng.percent(50) {
            self.prepared[ask.variant as usize] = Some(kind);
        } else {
            engine.discard(kind);
        }
        decision
    }

    /// What the books enter for a call that asked at this clock.
    pub(crate) fn book_of(&self, ask: &Ask) -> CallBook {
        let ages = self.books.ages_of(ask.variant, ask.queue_timeout);
        let expires = self.books.clock.saturating_add(ages).min(ask.deadline);
        CallBook {
            variant: ask.variant,
            flow: ask.flow,
            priority: ask.priority,
            arrived: ask.arrived.min(self.books.clock),
            expires,
            deadline: ask.deadline,
            caller: ask.parent,
            ..CallBook::NOBODY
        }
    }
}

/// Hands a call to `then` as the engine wants it.
fn with<R>(
    scene: &Scene,
    variant: &super::super::books::Variant,
    ask: &Ask,
    then: impl FnOnce(&Call<'_>) -> R,
) -> R {
    let kind = &scene.kinds[variant.kind];
    let none: &[Cost] = &[];
    let mut draws = [Draw { limit: LimitId(0), weight: 0, costs: none }; 16];
    for (draw, of) in draws.iter_mut().zip(&kind.draws) {
        *draw = Draw { limit: LimitId(of.limit), weight: of.weight, costs: &of.costs };
    }
    let mut labels = [(LabelId(0), ""); 4];
    for (label, (id, value)) in labels.iter_mut().zip(&variant.labels) {
        *label = (*id, scene.values[usize::from(id.0)][*value].as_str());
    }
    then(&Call {
        tool: ToolId(kind.tool),
        // What a nested call says of these has no effect.
        flow: scene.flows[if ask.parent.is_some() { 0 } else { usize::from(ask.flow) }],
        priority: Priority(if ask.parent.is_some() { 0 } else { ask.priority }),
        labels: &labels[..variant.labels.len()],
        draws: &draws[..kind.draws.len().min(16)],
        keys: &[],
        parent: ask.parent,
        deadline: Instant::from_nanos(ask.deadline),
        queue_timeout: Duration::from_nanos(ask.queue_timeout),
        arrived: Instant::from_nanos(ask.arrived),
    })
}
