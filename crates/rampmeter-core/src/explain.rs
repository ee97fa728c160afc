//! Why a call waits, and when it should start.

use crate::call::{CallId, LimitId};
use crate::engine::Engine;
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
    /// Calls of its own flow and priority that wait for this limit before it.
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

/// One step of a cycle of calls that would wait for each other: `call` waits for `limit`, which
/// is held by those that come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CycleStep {
    /// The call that waits.
    pub call: CallId,
    /// For this limit; `None` if it waits for the call that it made, which is next.
    pub limit: Option<LimitId>,
}

impl Engine {
    /// Why a call waits at `now`; `None` if it does not wait.
    pub fn explain(&self, now: Instant, call: CallId) -> Option<Explanation> {
        let _ = (now, call);
        None
    }

    /// The cycle that the last refusal as [`WouldDeadlock`](crate::Reason::WouldDeadlock) was for;
    /// empty if there was none yet.
    pub fn cycle(&self) -> &[CycleStep] {
        &[]
    }
}
