//! The limits an engine starts with. A [`Config`] is data; [`Engine::new`](crate::Engine::new)
//! says what in it cannot be meant.

use alloc::{string::String, vec::Vec};
use core::fmt;
use core::time::Duration;

use crate::call::{LabelId, LimitId, Priority, Unit};
use crate::time::Instant;

/// Everything the engine enforces.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The limits; a [`LimitId`](crate::LimitId) is a place in this list.
    pub limits: Vec<LimitConfig>,
    /// The weight of each priority; a [`Priority`] is a place in this list.
    pub priorities: Vec<u32>,
    /// How long the calls of one flow at one priority may wait and none of them start, before
    /// one is rescued.
    pub patience: Duration,
    /// How many calls deep a call may be nested: 0 forbids calls that running calls make.
    pub max_depth: u8,
    /// Whether a claim leaves its gap to calls that should end before the claimant could start.
    pub backfill: bool,
    /// Whether who waits for a key lends its priority to those it waits for.
    pub inherit: bool,
    /// The most keys that may be held or waited for at once; 32,768 at most.
    pub max_keys: u16,
    /// The most calls that may wait for one key.
    pub key_queue_size: u32,
    /// What the engine's chance comes from; the same seed and inputs give the same outputs.
    pub seed: u64,
}

impl Default for Config {
    /// No limits, one priority, patience of 30 s, nesting up to 8 deep, backfill, inheritance, as many
    /// keys as there can be, and for each 10,000 calls that wait.
    fn default() -> Config {
        Config {
            limits: Vec::new(),
            priorities: [1].into(),
            patience: Duration::from_secs(30),
            max_depth: 8,
            backfill: true,
            inherit: true,
            max_keys: LimitId::FIRST_KEY.0,
            key_queue_size: 10_000,
            seed: 0,
        }
    }
}

/// One named limit: budgets that are drawn on together, and one queue.
#[derive(Clone, PartialEq, Debug)]
pub struct LimitConfig {
    /// Its name, for people.
    pub name: String,
    /// What it allows; all of them must have room.
    pub budgets: Vec<BudgetConfig>,
    /// How the size of its one concurrency follows from how calls end; the `size` of that budget is
    /// where it starts. Each instance learns for itself.
    pub adaptive: Option<Adaptive>,
    /// When it lets nothing through because its calls fail. Each instance judges for itself; a limit
    /// that has one needs no budget.
    pub breaker: Option<Breaker>,
    /// The label of which every value has an instance of its own.
    pub per: Option<LabelId>,
    /// The most instances at once.
    pub max_instances: u32,
    /// The most calls that may wait for one instance.
    pub queue_size: u32,
    /// The most calls of one flow that may wait for one instance.
    pub queue_per_flow: Option<u32>,
    /// The longest that a call may wait for one instance.
    pub queue_age: Option<Duration>,
    /// What happens when as many wait as may.
    pub overflow: Overflow,
    /// Whether it learns from its calls what their server says: a throttled call stops it.
    pub learns: bool,
}

impl Default for LimitConfig {
    /// A limit without a name or a budget; up to 10,000 calls wait, however long.
    fn default() -> LimitConfig {
        LimitConfig {
            name: String::new(),
            budgets: Vec::new(),
            adaptive: None,
            breaker: None,
            per: None,
            max_instances: 1,
            queue_size: 10_000,
            queue_per_flow: None,
            queue_age: None,
            overflow: Overflow::Refuse,
            learns: true,
        }
    }
}

/// A number of slots that is learned. A call that weighs more than there are counts as all of them,
/// and starts when nothing else is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Adaptive {
    /// What it is learned from.
    pub rule: AdaptiveRule,
    /// The fewest slots, at least 1.
    pub min: u64,
    /// The most slots.
    pub max: u64,
}

/// From what a number of slots is learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdaptiveRule {
    /// From overloads: it grows by steps while there are none, and is cut by a share when there is
    /// one ([`Outcome::Overloaded`](crate::Outcome::Overloaded)).
    Aimd,
    /// From how much longer calls take than the quickest did, and from overloads. Of use only where
    /// calls take about as long as each other and the server lets them queue.
    Vegas,
}

/// When calls fail so often that no more are sent for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    /// It opens when at least so many of a thousand calls have failed or were overloaded, 1 to 1,000.
    pub failures_per_mille: u32,
    /// Calls that ended within this time count, give or take a tenth of it.
    pub over: Duration,
    /// It does not open before so many have, at least 1.
    pub min_calls: u32,
    /// How long nothing starts.
    pub open_for: Duration,
    /// So many calls must then succeed before it lets everything through again, at least 1; no more
    /// are out until they have.
    pub probes: u32,
    /// What happens to a call that comes while nothing starts.
    pub when_open: WhenOpen,
}

/// What happens to a call that comes while a breaker is open.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum WhenOpen {
    /// It is refused at once.
    #[default]
    Refuse,
    /// It waits as it would elsewhere.
    Wait,
}

/// What happens to a call that comes when the queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Overflow {
    /// It is refused.
    #[default]
    Refuse,
    /// The newest call of the flow that has the most of the queue beside its weight, in the
    /// priority that has, is refused in its stead.
    Evict,
}

/// One budget of a limit.
#[derive(Clone, PartialEq, Debug)]
pub enum BudgetConfig {
    /// At most `size` slots held at once.
    Concurrency {
        /// Slots.
        size: u64,
        /// So many of the last slots are kept for calls of this priority and of those with a
        /// greater weight.
        reserved: Vec<(Priority, u64)>,
        /// Whether a call that waits for calls of its own lends them its slots; it makes no
        /// sense for what is held even while waiting, as memory is.
        lend: bool,
    },
    /// At most `amount` of `counts` per `period`, as `kind` defines it.
    Rate {
        /// What is counted.
        counts: Counts,
        /// Units per period.
        amount: u64,
        /// The period.
        period: Duration,
        /// The definition.
        kind: RateKind,
    },
}

/// What a rate counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counts {
    /// One per call.
    Calls,
    /// The call's cost in this unit.
    Unit(Unit),
}

/// How a rate is defined over time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateKind {
    /// At most the amount in _any_ period. `transit` lengthens the period: two calls may reach
    /// what they call that much nearer to each other than they were started.
    Sliding {
        /// By how much.
        transit: Duration,
    },
    /// A token bucket of capacity `burst`, refilled evenly.
    Bucket {
        /// Units.
        burst: u64,
    },
    /// At most the amount in each window aligned to the calendar. The present window ends at
    /// `ends`; later ends follow by `period` unless the caller says otherwise
    /// ([`Engine::align`](crate::Engine::align)).
    Calendar {
        /// The end of the present window.
        ends: Instant,
    },
}

/// Why a [`Config`] cannot be enforced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// What is wrong, and where.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Whether a limit goes by what its provider says; a key never does.
    pub(crate) fn learns(&self, limit: u16) -> bool {
        self.limits.get(usize::from(limit)).is_some_and(|limit| limit.learns)
    }

    /// Checks that every figure can be enforced.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let fail = |message: String| Err(ConfigError { message });
        if self.priorities.is_empty() || self.priorities.len() > 64 {
            return fail("a config needs between 1 and 64 priorities".into());
        }
        if self.limits.len() > usize::from(LimitId::FIRST_KEY.0) {
            return fail("a config holds at most 32,768 limits".into());
        }
        if self.max_keys > LimitId::FIRST_KEY.0 {
            return fail("an engine holds at most 32,768 keys".into());
        }
        for limit in &self.limits {
            let least = usize::from(limit.breaker.is_none());
            if limit.max_instances == 0 || !(least..=64).contains(&limit.budgets.len()) {
                return fail(alloc::format!(
                    "limit {}: it needs room for one instance and 1 to 64 budgets, or a breaker",
                    limit.name
                ));
            }
            if let Some(wrong) = limit.breaker.and_then(|it| it.wrong()) {
                return fail(alloc::format!("limit {}: {wrong}", limit.name));
            }
            if let Some(wrong) = limit.adaptive.and_then(|it| it.wrong(&limit.budgets)) {
                return fail(alloc::format!("limit {}: {wrong}", limit.name));
            }
            for budget in &limit.budgets {
                if let Some(wrong) = budget.wrong(self.priorities.len()) {
                    return fail(alloc::format!("limit {}: {wrong}", limit.name));
                }
            }
        }
        Ok(())
    }
}

impl Adaptive {
    fn wrong(&self, budgets: &[BudgetConfig]) -> Option<&'static str> {
        let sizes = budgets.iter().filter_map(|budget| match budget {
            BudgetConfig::Concurrency { size, .. } => Some(*size),
            BudgetConfig::Rate { .. } => None,
        });
        match sizes.collect::<Vec<u64>>().as_slice() {
            _ if self.min == 0 => Some("an adaptive concurrency needs a min of at least 1"),
            [size] if (self.min..=self.max).contains(size) => None,
            [_] => Some("an adaptive concurrency starts between its min and its max"),
            _ => Some("adaptive needs one concurrency, whose size it changes"),
        }
    }
}

impl Breaker {
    fn wrong(&self) -> Option<&'static str> {
        if !(1..=1_000).contains(&self.failures_per_mille) {
            Some("a breaker opens at a share of failures from 1 to 1,000 of a thousand")
        } else if self.min_calls == 0 || self.probes == 0 {
            Some("a breaker needs a minimum of one call and one probe")
        } else if self.over.is_zero() || self.open_for.is_zero() {
            Some("a breaker needs a time to look back and one to stay open")
        } else {
            None
        }
    }
}

impl BudgetConfig {
    /// A concurrency of `size` slots, none of them reserved, that callers lend to their calls.
    pub const fn slots(size: u64) -> BudgetConfig {
        BudgetConfig::Concurrency { size, reserved: Vec::new(), lend: true }
    }

    fn wrong(&self, priorities: usize) -> Option<&'static str> {
        match self {
            BudgetConfig::Concurrency { size: 0, .. } => Some("a concurrency of 0 admits nothing"),
            BudgetConfig::Concurrency { size, reserved, .. } => {
                let unknown = reserved.iter().any(|(it, _)| usize::from(it.0) >= priorities);
                let too_many = reserved.iter().any(|(_, kept)| kept > size);
                if unknown {
                    Some("slots are reserved for a priority that there is not")
                } else {
                    too_many.then_some("more slots are reserved than there are")
                }
            }
            BudgetConfig::Rate { amount: 0, .. } => Some("a rate of 0 admits nothing"),
            BudgetConfig::Rate { period, .. } if period.is_zero() => Some("a period of 0"),
            BudgetConfig::Rate { kind: RateKind::Bucket { burst: 0 }, .. } => {
                Some("a burst of 0 admits nothing")
            }
            _ => None,
        }
    }
}
