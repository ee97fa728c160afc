//! Why a call waits, and when it should start.

use crate::budget::Answer;
use crate::call::{CallId, LimitId, Priority};
use crate::engine::Engine;
use crate::lane::{NONE, Record};
use crate::order::Order;
use crate::pump::Block;
use crate::time::Instant;

/// Why a call waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The call.
    pub call: CallId,
    /// The limit that holds it.
    pub limit: LimitId,
    /// What it waits for there.
    pub waits_for: WaitsFor,
    /// The priority at which it waits: its own, or what it inherits from who waits for it at a key.
    pub priority: Priority,
    /// Calls of its own flow and priority that wait for this limit before it; at a key all calls
    /// that do.
    pub ahead: u32,
    /// All calls that wait at this limit.
    pub waiting: u32,
    /// Whether nothing later may take what it needs of some limit.
    pub claims: bool,
    /// Whether it is the call that is being rescued: it goes first among claimants.
    pub rescued: bool,
    /// When it should start, if calls take as long as their tools' did so far; `None` while too
    /// little is known.
    pub estimated_start: Option<Instant>,
}

/// What a waiting call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitsFor {
    /// Its turn: others go first.
    Turn,
    /// Somebody must finish.
    Release,
    /// This moment.
    Until(Instant),
    /// There is room, but it is kept for this call, which has waited for more.
    Claimant(CallId),
    /// The limit is paused.
    Resume,
}

/// One step of a cycle of calls that would wait for each other: `caller` waits for `call`, which
/// it has made, itself or through others; `call` waits for `limit`, which the next step's caller
/// holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CycleStep {
    /// A running call that waits for calls of its own.
    pub caller: CallId,
    /// The call that waits; `None` for the one that is being refused.
    pub call: Option<CallId>,
    /// The limit that it waits for.
    pub limit: Option<LimitId>,
}

/// Calls that are counted to say how many are ahead of one.
const COUNTED: u32 = 10_000;

impl Engine {
    /// Why a call waits at `now`; `None` if it does not wait. Like [`Engine::prepare`], it decides
    /// nothing.
    pub fn explain(&mut self, now: Instant, call: CallId) -> Option<Explanation> {
        self.now = self.now.max(now);
        let index = self.calls.resolve(call)?;
        let Some(Record::Waiting(waiting)) = self.calls.get(index) else { return None };
        let (lane_id, claim, ticket) = (waiting.lane, waiting.claim, waiting.ticket);
        let lane = self.lanes.get(lane_id);
        let (route, watch, priority, flow) = (lane.route, lane.watch, lane.priority, lane.flow);
        let (waits_for, at) = self.waits_for(index, watch);
        let instance = self.instances.get(at);
        let (ahead, waiting) = match instance.line.as_deref() {
            Some(line) => (line.ahead_of(ticket, COUNTED), instance.queued),
            None => (
                self.ahead(index),
                self.instances.get(watch).order.as_deref().map_or(0, Order::calls),
            ),
        };
        let estimated_start = match self.claims.slab.get(claim) {
            Some(_) => self.claimant_starts(claim).filter(|at| *at > self.now),
            None => self.forecast_at(route, watch, priority, flow, u64::from(ahead)),
        };
        Some(Explanation {
            call,
            limit: LimitId(self.instances.get(at).limit),
            waits_for,
            priority,
            ahead,
            waiting,
            claims: claim != NONE,
            rescued: self.patience.rescued() == Some(index),
            estimated_start,
        })
    }

    /// The cycle that the last refusal as [`WouldDeadlock`](crate::Reason::WouldDeadlock) was for;
    /// empty if there was none yet.
    pub fn cycle(&self) -> &[CycleStep] {
        &self.cycle
    }

    /// What keeps a call from starting, and at which instance.
    fn waits_for(&mut self, call: u32, watch: u32) -> (WaitsFor, u32) {
        let Some(block) = self.in_the_way(call, watch) else { return (WaitsFor::Turn, watch) };
        let at = block.instance;
        let waits_for = match block.answer {
            Answer::At(until) => WaitsFor::Until(until),
            Answer::Paused => WaitsFor::Resume,
            Answer::OnRelease if block.withheld => {
                let claim = self.claims.slab.get(self.instances.get(at).claim);
                claim.map_or(WaitsFor::Release, |it| WaitsFor::Claimant(self.calls.id(it.call)))
            }
            Answer::InLine => WaitsFor::Turn,
            Answer::OnRelease | Answer::Never | Answer::Ready => WaitsFor::Release,
        };
        (waits_for, at)
    }

    /// What keeps a call from starting, for those who only want to know.
    #[inline(never)]
    pub(crate) fn in_the_way(&mut self, call: u32, watch: u32) -> Option<Block> {
        self.blocked(call, watch, &mut None)
    }

    /// Calls of the same flow and priority that wait at the same limit and came before.
    fn ahead(&self, call: u32) -> u32 {
        let Some(Record::Waiting(waiting)) = self.calls.get(call) else { return 0 };
        let own = self.lanes.get(waiting.lane);
        let mut ahead = 0;
        let mut lane = self.patience.lanes_of(own.kin);
        while lane != NONE {
            let data = self.lanes.get(lane);
            if data.watch == own.watch {
                let left = COUNTED - ahead;
                ahead += self.lanes.ahead(lane, waiting.ticket, left, &self.calls);
            }
            lane = data.kin_next;
        }
        ahead
    }
}
