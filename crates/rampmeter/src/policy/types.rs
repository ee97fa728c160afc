//! The plain data of a policy. What is inside a parsed `Policy` is legal.

use std::time::Duration;

use super::fallback::Fallback;
use super::http::HttpPolicy;
use super::retries::RetryPolicy;
use super::zone::Zone;
use crate::persist::Durability;
use crate::state_bag::Merge;
pub use rampmeter_core::{AdaptiveRule, WhenOpen};

/// A named budget that calls draw on.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitPolicy {
    /// Its name, unique in the policy.
    pub name: String,
    /// Slots; none means unlimited.
    pub concurrency: Option<u64>,
    /// How the number of slots is learned; `concurrency` is where it starts.
    pub adaptive: Option<AdaptivePolicy>,
    /// Whether a call lends its slots to the calls that it makes and waits for.
    pub lend: bool,
    /// When nothing is let through because calls fail.
    pub breaker: Option<BreakerPolicy>,
    /// For whom slots are kept. They overlap: the 2 for `critical` are among the 6 for `high`.
    pub reserved: Vec<ReservedPolicy>,
    /// Rates, those of requests first; none means unlimited.
    pub rates: Vec<RatePolicy>,
    /// The label that has one instance of this limit for each of its values.
    pub per: Option<String>,
    /// The most instances a `per` limit may have.
    pub instances: u32,
    /// How many calls may wait here, and for how long.
    pub queue: QueuePolicy,
    /// Whether it listens to what its calls say of their server: one that was throttled stops it,
    /// and what is left of a quota is all that it admits.
    pub feedback: bool,
}

/// A number of slots that is learned from how calls end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptivePolicy {
    /// From what.
    pub rule: AdaptiveRule,
    /// The fewest slots, at least 1.
    pub min: u64,
    /// The most slots.
    pub max: u64,
}

/// When so many calls of a limit fail that no more are sent for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// It opens when at least so many of a thousand calls have failed or were overloaded.
    pub failures_per_mille: u32,
    /// Calls that ended within this time count.
    pub over: Duration,
    /// It does not open before so many have.
    pub min_calls: u32,
    /// How long nothing starts.
    pub open: Duration,
    /// So many calls must then succeed before everything starts again; no more are out until then.
    pub probes: u32,
    /// What happens to a call that comes while nothing starts.
    pub when_open: WhenOpen,
}

impl LimitPolicy {
    /// The most slots that there can ever be.
    pub fn most_slots(&self) -> Option<u64> {
        self.adaptive.map(|it| it.max).or(self.concurrency)
    }

    /// Whether any of its rates counts `unit`.
    pub fn counts(&self, unit: Unit) -> bool {
        self.rates.iter().any(|rate| rate.unit == unit)
    }

    /// How many slots the calls of `priority` and of those below it may hold together at most, and
    /// for whom the rest is kept; `None` where nothing is kept from them.
    pub fn kept_from(
        &self,
        priority: &str,
        priorities: &[PriorityPolicy],
    ) -> Option<(u64, &ReservedPolicy)> {
        let weight = |name: &str| priorities.iter().find(|it| it.name == name).map(|it| it.weight);
        let own = weight(priority)?;
        let is_above = |kept: &&ReservedPolicy| weight(&kept.priority).is_some_and(|it| it > own);
        let above = self.reserved.iter().filter(is_above);
        let most = above.max_by_key(|kept| kept.slots)?;
        // Where the number of slots is learned, the last one is kept from nobody.
        let least = u64::from(self.adaptive.is_some());
        Some((self.most_slots()?.saturating_sub(most.slots).max(least), most))
    }
}

/// Slots of a limit that are kept for a priority and those of greater weight: all others together
/// never hold more than the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct ReservedPolicy {
    /// The priority's name.
    pub priority: String,
    /// How many slots, at least 1.
    pub slots: u64,
}

/// The bound of a limit's queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePolicy {
    /// Calls that may wait; 0 lets none wait.
    pub size: u64,
    /// Calls of one flow that may wait, at most `size`.
    pub per_flow: Option<u64>,
    /// The longest a call may wait at this limit.
    pub age: Option<Duration>,
    /// What happens when one more comes than may wait.
    pub overflow: Overflow,
}

/// What happens to a call that comes when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It is refused.
    #[default]
    Refuse,
    /// The newest call of the flow that has the most of the queue beside its weight is refused
    /// in its stead.
    Evict,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// One for each call.
    Requests,
    /// Tokens, in and out: what the call's draw says under `tokens`.
    Tokens,
    /// Tokens of prompts, where they are budgeted apart.
    InputTokens,
    /// Tokens of answers, where they are budgeted apart.
    OutputTokens,
}

impl Unit {
    /// Those that a call is charged an amount of.
    pub const COSTS: [Unit; 3] = [Unit::Tokens, Unit::InputTokens, Unit::OutputTokens];

    /// The key that rates and draws have for it.
    pub const fn key(self) -> &'static str {
        match self {
            Unit::Requests => "requests",
            Unit::Tokens => "tokens",
            Unit::InputTokens => "input_tokens",
            Unit::OutputTokens => "output_tokens",
        }
    }
}

/// So much in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct RatePolicy {
    /// What is counted.
    pub unit: Unit,
    /// How much, at least 1.
    pub amount: u64,
    /// In how long, at least 1 ms.
    pub period: Duration,
    /// By whose definition of "in a period".
    pub kind: RateKind,
}

impl RatePolicy {
    /// The largest cost that can ever be admitted at once.
    pub fn capacity(&self) -> u64 {
        match self.kind {
            RateKind::Bucket { burst } => burst,
            RateKind::Sliding { .. } | RateKind::Calendar { .. } => self.amount,
        }
    }
}

/// How a rate is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum RateKind {
    /// At most the amount in any period.
    Sliding {
        /// How far apart two calls may reach the provider that left together.
        transit: Duration,
    },
    /// A bucket that refills evenly.
    Bucket {
        /// What a full bucket holds.
        burst: u64,
    },
    /// Windows aligned to the calendar; the period divides the day.
    Calendar {
        /// Whose calendar.
        zone: Zone,
    },
}

/// What the calls of a tool draw on, and how long they may take.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolPolicy {
    /// An exact name, or a pattern with one `*`.
    pub pattern: String,
    /// The limits it draws on, each at most once.
    pub draws: Vec<DrawPolicy>,
    /// The keys that its calls read: texts with `{name}` where an argument belongs.
    pub reads: Vec<String>,
    /// The keys that its calls write, likewise.
    pub writes: Vec<String>,
    /// The key of a state bag that its calls' results are written to.
    pub output: Option<String>,
    /// What it declares to do; none counts as [`Policy::undeclared`](super::Policy::undeclared).
    pub access: Option<Access>,
    /// The name of its priority.
    pub priority: String,
    /// The longest a call may wait.
    pub queue_timeout: Duration,
    /// The longest a call may run.
    pub timeout: Duration,
    /// How often its calls are tried; none means once.
    pub retry: Option<RetryPolicy>,
    /// Whether its calls may be done twice, where the policy says so.
    pub idempotent: Option<bool>,
    /// What is served when a call fails, the first that there is.
    pub fallback: Vec<Fallback>,
    /// Whether calls that ask for the same at the same time share one run.
    pub single_flight: bool,
    /// What becomes of work that goes on after its call is over.
    pub overrun: OverrunPolicy,
    /// How to run it, where the policy says so.
    pub run: Option<RunPolicy>,
}

impl ToolPolicy {
    /// Units that its limits count and that it says nothing of.
    pub fn learned(&self, policy: &super::Policy) -> Vec<Unit> {
        let learned = |unit: &Unit| {
            self.draws.iter().any(|draw| {
                let limit = policy.limits.iter().find(|limit| limit.name == draw.limit);
                draw.said(*unit).is_none() && limit.is_some_and(|limit| limit.counts(*unit))
            })
        };
        Unit::COSTS.into_iter().filter(learned).collect()
    }
}

/// What becomes of work that goes on after its call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverrunPolicy {
    /// How long it may take to end, before it counts as abandoned.
    pub grace: Duration,
    /// Whose the call's slots are then.
    pub on_abandon: OnAbandon,
}

impl Default for OverrunPolicy {
    /// Five seconds, and the work keeps the slots.
    fn default() -> OverrunPolicy {
        OverrunPolicy { grace: Duration::from_secs(5), on_abandon: OnAbandon::Hold }
    }
}

/// Whose the slots and keys of a call are whose work goes on past its grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnAbandon {
    /// The work's, until it ends: no limit is ever passed.
    Hold,
    /// Free for others: what really runs may pass the limits by what was abandoned.
    Free,
}

/// What one call takes of one limit. Each call is also one request.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawPolicy {
    /// The limit's name.
    pub limit: String,
    /// Slots, at least 1.
    pub weight: u64,
    /// Amounts of the units that the limit counts, where they are said; the others are learned
    /// from what calls of the tool took.
    pub costs: Vec<(Unit, u64)>,
}

impl DrawPolicy {
    /// How much of a unit a call is said to take.
    pub fn said(&self, unit: Unit) -> Option<u64> {
        self.costs.iter().find(|(it, _)| *it == unit).map(|(_, amount)| *amount)
    }
}

/// Whether a call changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It only reads.
    Read,
    /// It may write.
    Write,
}

/// How a tool is run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunPolicy {
    /// As a program.
    Command {
        /// Program and arguments; [`pieces`](super::pieces) splits off the `{name}` to fill in.
        command: Vec<String>,
        /// The most bytes of output that are kept.
        max_output: u64,
    },
    /// As a request to a server.
    Http {
        /// The request.
        http: Box<HttpPolicy>,
        /// The most bytes of an answer.
        max_output: u64,
    },
    /// Not at all: it only takes time.
    Simulate {
        /// Shortest and longest time taken.
        latency: (Duration, Duration),
        /// The share of calls that fail, 0 to 1.
        fail: f64,
        /// The simulated provider it asks.
        provider: Option<String>,
        /// Tokens a call costs at the provider; 0 where the provider counts none.
        tokens: u64,
    },
}

/// A named class of calls.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorityPolicy {
    /// Its name.
    pub name: String,
    /// Its share against the others, 1 to 1,000,000.
    pub weight: u32,
}

/// The weight of a flow; one that is not named weighs 1.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowPolicy {
    /// Its name.
    pub name: String,
    /// Its share against the other flows of a priority, 1 to 1,000,000.
    pub weight: u32,
}

/// What is known of a label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelPolicy {
    /// Its name.
    pub name: String,
    /// Whether its values are shown as a short hash everywhere.
    pub secret: bool,
}

/// A simulated provider that enforces a quota.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderPolicy {
    /// Its name.
    pub name: String,
    /// Its quotas; a sliding one has a transit of zero, since calls are counted where they arrive.
    pub rates: Vec<RatePolicy>,
    /// How many calls it takes at once; none means unlimited.
    pub concurrency: Option<u64>,
}

impl ProviderPolicy {
    /// Whether any of its quotas counts `unit`.
    pub fn counts(&self, unit: Unit) -> bool {
        self.rates.iter().any(|rate| rate.unit == unit)
    }
}

/// Defaults of `rampmeter run`; flags override them.
#[derive(Clone, Debug, PartialEq)]
pub struct RunDefaults {
    /// The field of a turn that names the flow, a dotted path.
    pub flow: Option<String>,
    /// The field of a turn that names the priority, a dotted path.
    pub priority: Option<String>,
    /// Labels, each with the field of a turn that holds its value.
    pub labels: Vec<(String, String)>,
    /// Turns that run at once.
    pub turns_at_once: u32,
    /// The file that keeps what the rates have used, beside the policy's.
    pub state: Option<String>,
    /// When that is on the disk.
    pub durability: Durability,
}

/// What holds for every call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallsPolicy {
    /// How long a flow may wait at a priority and start nothing, before one of its calls is put
    /// first.
    pub patience: Duration,
    /// How many calls deep a call may be nested; 0 lets no running call make another.
    pub max_depth: u8,
}

/// How some keys of a state bag are merged.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePolicy {
    /// An exact key, or a pattern with one `*`.
    pub pattern: String,
    /// How; a policy has no [`Merge::Own`].
    pub merge: Merge,
}

/// What holds for a turn as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnPolicy {
    /// The longest a turn may take.
    pub deadline: Duration,
}
