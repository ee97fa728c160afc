//! What the engine is asked: one call, in plain values that could cross a process boundary.

use core::time::Duration;

use crate::time::Instant;

/// Names a call from its admission until its answer is final; a stale id names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl CallId {
    /// A small dense number, reused after the call has ended; useful to index a side table.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// The id as one number, unique over the engine's life until 2^32 reuses of one place.
    pub const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }
}

/// A limit, by its place in [`Config::limits`](crate::Config::limits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LimitId(pub u16);

impl LimitId {
    /// Keys have the numbers from here on; [`Engine::limit_name`](crate::Engine::limit_name) names
    /// them too.
    pub const FIRST_KEY: LimitId = LimitId(1 << 15);

    /// Whether it is a key that a call names rather than a limit of the config.
    pub const fn is_key(self) -> bool {
        self.0 >= LimitId::FIRST_KEY.0
    }
}

/// A priority, by its place in [`Config::priorities`](crate::Config::priorities).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Priority(pub u8);

/// The name of a label, by a number that the caller hands out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LabelId(pub u16);

/// The tool a call invokes, by a small dense number; the engine learns durations per tool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ToolId(pub u16);

/// What a rate counts besides calls, by a number that the caller hands out (tokens, bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Unit(pub u8);

/// Whom a call is for. Flows are told apart by `id` alone; `weight` is the flow's share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// Any number that is equal for equal flows; its order and value have no effect.
    pub id: u64,
    /// The flow's share beside other flows of the same priority; 0 counts as 1.
    pub weight: u32,
}

/// An amount of one unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// What is counted.
    pub unit: Unit,
    /// How much of it.
    pub amount: u64,
}

/// What a call takes from one limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw<'a> {
    /// The limit.
    pub limit: LimitId,
    /// Slots held from start to finish, where the limit has a concurrency.
    pub weight: u64,
    /// Amounts charged at the start for the units that the limit's rates count; absent is 0.
    /// Every call is one call, so calls are not listed.
    pub costs: &'a [Cost],
}

/// How a call uses a resource key. The stronger one is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyAccess {
    /// Side by side with other readers.
    Shared,
    /// Alone.
    Exclusive,
}

/// One question to the engine: may this call start now?
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Call<'a> {
    /// The tool.
    pub tool: ToolId,
    /// Whom it is for.
    pub flow: Flow,
    /// Its class.
    pub priority: Priority,
    /// Values of the labels that limits are `per`. What is secret is hashed by the caller.
    pub labels: &'a [(LabelId, &'a str)],
    /// The limits it needs, each at most once; all at one instant or none.
    pub draws: &'a [Draw<'a>],
    /// Named resources that it reads or writes while it runs. One that is named twice is used as
    /// the stronger access says.
    pub keys: &'a [(&'a str, KeyAccess)],
    /// The running call that makes this one. It takes that call's flow, priority and, if it is
    /// sooner, deadline.
    pub parent: Option<CallId>,
    /// The moment by which it must have started; [`Instant::NEVER`] for none.
    pub deadline: Instant,
    /// How long it may wait.
    pub queue_timeout: Duration,
    /// When it was asked for first, if it comes again, such as a retry: it stands before those of
    /// its flow and priority that arrived later, and before all who did in the lines of its keys,
    /// and its patience counts from there. Later than now is now; [`Instant::NEVER`] for one that
    /// is new.
    pub arrived: Instant,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It did what was asked.
    Succeeded,
    /// It ended with an error of its own.
    Failed,
    /// What it called had no room: 429, 503, a time-out.
    Overloaded,
    /// Its caller gave it up.
    Cancelled,
}

impl Outcome {
    /// One word for it, for files and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Overloaded => "overloaded",
            Outcome::Cancelled => "cancelled",
        }
    }
}
