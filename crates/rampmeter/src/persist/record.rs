//! What a state file says: the use of each limit's rates, by name.
//!
//! Times are counted from the moment of writing, which is said by the time of day. A reader leaves
//! out what it does not know of a record, so that more can be said under the same version as long
//! as nothing that is said changes its meaning.

use std::time::{Duration, SystemTime};

use rampmeter_core::{Counts, LimitId, RateId, RateUsage, Room, Unit, Usage, Used};
use serde::{Deserialize, Serialize};

/// A whole state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// When it was written, in nanoseconds since 1970.
    pub(crate) written_unix_ns: u64,
    /// The gate was at its end: nothing was charged after this.
    pub(crate) clean: bool,
    pub(crate) instances: Vec<InstanceRecord>,
}

/// One instance of a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct InstanceRecord {
    pub(crate) limit: String,
    /// The label's value, as it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// The label is secret, and this is its hash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) secret: bool,
    /// For how long it still cools down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cool_down_ns: Option<u64>,
    pub(crate) rates: Vec<RateRecord>,
}

/// One rate of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RateRecord {
    /// Its place among the limit's budgets.
    at: usize,
    /// `requests`, `tokens`, or another unit by its number.
    counts: String,
    amount: u64,
    period_ns: u64,
    /// What there is by the provider's last word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    word: Option<WordRecord>,
    #[serde(flatten)]
    used: UsedRecord,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct WordRecord {
    left: u64,
    lasts_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UsedRecord {
    Sliding {
        window_ns: u64,
        /// After how long it leaves, and how many units it is.
        taken: Vec<(u64, u64)>,
    },
    Bucket {
        full_in_ns: u64,
    },
    Calendar {
        units: u64,
        /// How much of it counts in later windows.
        #[serde(default, skip_serializing_if = "is_zero")]
        debt: u64,
        ends_in_ns: u64,
    },
}

/// A time of day, in nanoseconds since 1970.
pub(crate) fn unix_ns(wall: SystemTime) -> u64 {
    wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, nanos)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl InstanceRecord {
    pub(crate) fn new(limit: &str, secret: bool, usage: &Usage) -> InstanceRecord {
        InstanceRecord {
            limit: limit.to_owned(),
            label: usage.label.clone(),
            secret: secret && usage.label.is_some(),
            cool_down_ns: usage.cool_down.map(nanos),
            rates: usage.rates.iter().map(RateRecord::new).collect(),
        }
    }

    /// What it comes to `elapsed` after it was written. `is_present` says of a window of this
    /// period, by when it ends from now on, whether that is the present one.
    pub(crate) fn usage(
        &self,
        limit: LimitId,
        elapsed: Duration,
        is_present: impl Fn(Duration, i128) -> bool,
    ) -> Usage {
        let rates = self.rates.iter().filter_map(|rate| rate.usage(nanos(elapsed), &is_present));
        let cool_down = self.cool_down_ns.and_then(|left| left.checked_sub(nanos(elapsed)));
        let cool_down = cool_down.map(Duration::from_nanos).filter(|left| !left.is_zero());
        Usage { limit, label: self.label.clone(), cool_down, rates: rates.collect() }
    }
}

impl RateRecord {
    fn new(usage: &RateUsage) -> RateRecord {
        RateRecord {
            at: usage.budget,
            counts: match usage.counts {
                Counts::Calls => "requests".to_owned(),
                Counts::Unit(Unit(0)) => "tokens".to_owned(),
                Counts::Unit(Unit(number)) => number.to_string(),
            },
            amount: usage.amount,
            period_ns: nanos(usage.period),
            word: usage
                .word
                .map(|Room { left, lasts }| WordRecord { left, lasts_ns: nanos(lasts) }),
            used: match &usage.used {
                Used::Sliding { window, taken } => UsedRecord::Sliding {
                    window_ns: nanos(*window),
                    taken: taken
                        .iter()
                        .map(|(leaves_in, units)| (nanos(*leaves_in), *units))
                        .collect(),
                },
                Used::Bucket { full_in } => UsedRecord::Bucket { full_in_ns: nanos(*full_in) },
                Used::Calendar { units, debt, ends_in } => {
                    UsedRecord::Calendar { units: *units, debt: *debt, ends_in_ns: nanos(*ends_in) }
                }
            },
        }
    }

    /// `None` if nothing of it is left.
    fn usage(
        &self,
        elapsed_ns: u64,
        is_present: impl Fn(Duration, i128) -> bool,
    ) -> Option<RateUsage> {
        let left = |ns: u64| Duration::from_nanos(ns.saturating_sub(elapsed_ns));
        let period = Duration::from_nanos(self.period_ns);
        let word = self.word.map(|word| Room { left: word.left, lasts: left(word.lasts_ns) });
        let word = word.filter(|word| !word.lasts.is_zero());
        let (any, used) = match &self.used {
            UsedRecord::Sliding { window_ns, taken } => {
                let taken = taken.iter().map(|(leaves_in_ns, units)| (left(*leaves_in_ns), *units));
                let taken: Vec<_> = taken.filter(|(leaves_in, _)| !leaves_in.is_zero()).collect();
                let window = Duration::from_nanos(*window_ns);
                (!taken.is_empty(), Used::Sliding { window, taken })
            }
            UsedRecord::Bucket { full_in_ns } => {
                let full_in = left(*full_in_ns);
                (!full_in.is_zero(), Used::Bucket { full_in })
            }
            UsedRecord::Calendar { units, debt, ends_in_ns } => {
                let ends_in = i128::from(*ends_in_ns) - i128::from(elapsed_ns);
                let (units, debt) = match is_present(period, ends_in) {
                    true => (*units, *debt),
                    false => self.debt_left(*debt, elapsed_ns.saturating_sub(*ends_in_ns)),
                };
                (units > 0, Used::Calendar { units, debt, ends_in: left(*ends_in_ns) })
            }
        };
        let counts = match self.counts.as_str() {
            "requests" => Counts::Calls,
            "tokens" => Counts::Unit(Unit(0)),
            // What no limit counts is reported by the engine.
            number => Counts::Unit(Unit(number.parse().unwrap_or(u8::MAX))),
        };
        let (id, budget, amount) = (RateId::default(), self.at, self.amount);
        let usage = RateUsage { id, budget, counts, amount, period, used, word };
        (any || word.is_some()).then_some(usage)
    }

    /// What is left of a debt when the window in which it was made ended so long ago, and how much
    /// of that counts in later windows again: each window since has paid for an amount of it.
    fn debt_left(&self, debt: u64, ended_ago_ns: u64) -> (u64, u64) {
        let paid = self.amount.saturating_mul(ended_ago_ns / self.period_ns.max(1));
        let units = debt.saturating_sub(paid);
        (units, units.saturating_sub(self.amount))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
