//! What the engine answers, and what it appends to the caller's buffer.

use alloc::vec::Vec;
use core::fmt;

use crate::breaker::BreakerState;
use crate::call::{CallId, LimitId};
use crate::obstacle::Waits;
use crate::time::Instant;

/// The answer to [`Engine::admit`](crate::Engine::admit).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Decision {
    /// It starts now and holds its slots until [`Engine::release`](crate::Engine::release).
    Granted(CallId),
    /// It waits; an [`Output`] will answer.
    Waiting(CallId),
    /// No.
    Refused(Refusal),
    /// A shared store has been asked; its answer will come back as an input. The embedded store
    /// answers at once, so this engine never says it.
    Pending(CallId),
}

/// A "no" that says why, where and when to come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The limit that said no, if it was one.
    pub limit: Option<LimitId>,
    /// When asking again could be answered otherwise.
    pub retry: Retry,
}

/// Why a call was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// It asks for more than the limit ever has.
    TooLarge,
    /// As many calls wait for the limit as its queue holds.
    QueueFull,
    /// It waited for as long as it may, or it would have before the limit could let it start.
    QueueTimeout,
    /// Its deadline came, or would come before the limit could let it start.
    Deadline,
    /// It does not want to wait, and would have to, or to pass others that do.
    WouldWait,
    /// The limit is per a label that the call does not have.
    MissingLabel,
    /// The limit has as many instances as it may, all in use.
    TooManyInstances,
    /// The limit's breaker is open: too many of its calls have failed.
    Open,
    /// It names a key when there are as many as there may be, all in use.
    TooManyKeys,
    /// It names something that this engine does not know or does not enforce.
    Unsupported,
    /// It waited in a full queue of which its flow had more than its share, and another came.
    Evicted,
    /// The call that makes it does not run.
    NoParent,
    /// It is nested deeper than calls may be.
    TooDeep,
    /// It and the calls that it waits for would wait for each other for ever
    /// ([`Engine::cycle`](crate::Engine::cycle)).
    WouldDeadlock,
    /// What it is charged could not be written down first, as it must be; the engine itself writes
    /// nothing and never says it.
    Unwritten,
    /// An interceptor said no; the engine never says it.
    Denied,
    /// The gate is under severe pressure, and its priority has its share of the queue, or it could
    /// not start within the time it may wait.
    Pressure,
}

/// When asking again could be answered otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// From this moment on.
    At(Instant),
    /// When other calls have ended.
    OnRelease,
    /// When the limit is resumed.
    OnResume,
    /// Never: the call itself must change.
    Never,
}

impl Reason {
    /// The reason as one word for files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::TooLarge => "too_large",
            Reason::QueueFull => "queue_full",
            Reason::QueueTimeout => "queue_timeout",
            Reason::Deadline => "deadline",
            Reason::WouldWait => "would_wait",
            Reason::MissingLabel => "missing_label",
            Reason::TooManyInstances => "too_many_instances",
            Reason::Open => "open",
            Reason::TooManyKeys => "too_many_keys",
            Reason::Unsupported => "unsupported",
            Reason::Evicted => "evicted",
            Reason::NoParent => "no_parent",
            Reason::TooDeep => "too_deep",
            Reason::WouldDeadlock => "would_deadlock",
            Reason::Unwritten => "unwritten",
            Reason::Denied => "denied",
            Reason::Pressure => "pressure",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::TooLarge => "it asks for more than the limit ever has",
            Reason::QueueFull => "the limit's queue is full",
            Reason::QueueTimeout => "it could not start within the time it may wait",
            Reason::Deadline => "it could not start before its deadline",
            Reason::WouldWait => "it would have to wait",
            Reason::MissingLabel => "it lacks the label that the limit is per",
            Reason::TooManyInstances => "the limit has as many instances as it may",
            Reason::Open => "too many of the limit's calls have failed, so none are sent for now",
            Reason::TooManyKeys => "as many keys are in use as may be",
            Reason::Unsupported => "it names something that is not enforced here",
            Reason::Evicted => "the full queue made room for a flow that had less of it",
            Reason::NoParent => "the call that makes it does not run",
            Reason::TooDeep => "it is nested too deep",
            Reason::WouldDeadlock => "it would wait for ever, in a cycle of calls",
            Reason::Unwritten => "what it is charged could not be written to the state file",
            Reason::Denied => "an interceptor refused it",
            Reason::Pressure => "the gate is under severe pressure, and cannot let it wait",
        })
    }
}

/// What followed from an input, in the order in which it happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// A waiting call starts now.
    Granted(CallId),
    /// A waiting call is answered no; its id is stale from here on.
    Refused(CallId, Refusal),
    /// A call waits elsewhere from now on, and so do all that are in its lane then. It may have been
    /// answered since.
    Moved {
        /// The first call of the lane.
        call: CallId,
        /// Where they wait.
        waits: Waits,
    },
    /// A limit let no more calls start and somebody began to wait for it, or the last one
    /// that waited is gone.
    Saturated {
        /// The limit.
        limit: LimitId,
        /// Whether calls wait for it now.
        saturated: bool,
    },
    /// An adaptive limit has learned that it has another number of slots, for one value of its label
    /// if it is per one.
    Resized {
        /// The limit.
        limit: LimitId,
        /// Slots from now on.
        size: u64,
    },
    /// A limit's breaker lets other calls through than before, for one value of its label if it is
    /// per one.
    Breaker {
        /// The limit.
        limit: LimitId,
        /// What it lets through from now on. That it is half-open is told when the first probe
        /// starts.
        state: BreakerState,
    },
    /// By its provider's word nothing is left of a limit's quota until the moment.
    Spent {
        /// The limit.
        limit: LimitId,
        /// Until when.
        until: Instant,
    },
    /// A call of a limit was throttled: nothing starts there until the moment. Or, after the calls
    /// that were let out one by one then, it is over.
    Cooling {
        /// The limit.
        limit: LimitId,
        /// Until when; `None` when it is over.
        until: Option<Instant>,
    },
}

/// The caller's buffer.
pub type Outputs = Vec<Output>;
