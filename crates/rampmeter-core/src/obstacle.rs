//! Where a call waits and what is in the way there, as an event can say it: in a few numbers, and
//! without counting anybody, as [`Engine::explain`] does.

use crate::budget::Answer;
use crate::call::{CallId, LimitId};
use crate::engine::Engine;
use crate::lane::{NONE, Record};
use crate::pump::Block;

/// Where a call waits, with all those of its lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waits {
    /// The limit at which its lane waits.
    pub limit: LimitId,
    /// The lane, by a number that no other one has had or will have.
    pub lane: u64,
    /// What is in the way of the lane's first call, when it came to wait there.
    pub obstacle: Obstacle,
}

/// What is in the way of a waiting call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Obstacle {
    /// Others go first.
    Turn,
    /// Somebody must finish.
    Slots,
    /// A rate or a window.
    Rate,
    /// Somebody has the key, or stands in its line before it.
    Key,
    /// The limit cools down.
    CoolDown,
    /// The limit's breaker is open, or its probes are out.
    Breaker,
    /// There is room, but it is kept for a call that has waited for more.
    Claim,
    /// The limit is paused.
    Paused,
}

impl Obstacle {
    /// One word for it, for files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Obstacle::Turn => "turn",
            Obstacle::Slots => "slots",
            Obstacle::Rate => "rate",
            Obstacle::Key => "key",
            Obstacle::CoolDown => "cool_down",
            Obstacle::Breaker => "breaker",
            Obstacle::Claim => "claim",
            Obstacle::Paused => "paused",
        }
    }
}

impl Engine {
    /// Where a waiting call waits; `None` if it does not wait. It decides nothing.
    pub fn waits_at(&mut self, call: CallId) -> Option<Waits> {
        let index = self.calls.resolve(call)?;
        let Some(Record::Waiting(waiting)) = self.calls.get(index) else { return None };
        let (lane, behind, nested) = (waiting.lane, !self.is_first(index), waiting.nest != NONE);
        let lane = self.lanes.get(lane);
        let (watch, opened) = (lane.watch, lane.opened);
        // Behind another of its lane it has that one's obstacle, and its turn to wait for.
        let block = if behind { None } else { self.in_the_way(index, watch) };
        let block = block.filter(|block| block.instance == watch);
        Some(Waits {
            limit: LimitId(self.instances.get(watch).limit),
            lane: opened,
            obstacle: block.map_or(Obstacle::Turn, |block| self.obstacle_of(&block, nested)),
        })
    }

    /// What a block comes from.
    #[inline(never)]
    pub(crate) fn obstacle_of(&self, block: &Block, nested: bool) -> Obstacle {
        let instance = self.instances.get(block.instance);
        let ready = |answer: Option<Answer>| answer.is_none_or(|it| it == Answer::Ready);
        if block.withheld {
            return Obstacle::Claim;
        }
        if instance.paused {
            return Obstacle::Paused;
        }
        if !ready(instance.breaker.as_deref().map(|it| it.answer(nested, self.now))) {
            return Obstacle::Breaker;
        }
        if !ready(instance.cool.as_deref().map(|it| it.answer(nested, self.now))) {
            return Obstacle::CoolDown;
        }
        match block.answer {
            _ if instance.line.is_some() => Obstacle::Key,
            Answer::At(_) => Obstacle::Rate,
            Answer::OnRelease => Obstacle::Slots,
            Answer::Ready | Answer::InLine | Answer::Paused | Answer::Never => Obstacle::Turn,
        }
    }
}
