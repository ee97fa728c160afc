//! What holds in a bag: how keys are merged, and how much it takes.

use std::fmt;

use super::merge::Merge;
use crate::policy::{Policy, best_pattern, patterns_tie};

/// More patterns than this are a mistake: every new key is compared with all of them.
pub(crate) const MAX_MERGES: usize = 1_000;

/// How the keys of a bag are merged, and how much it takes. By default a conflict is an error.
#[derive(Clone, Debug)]
pub struct BagRules {
    merges: Vec<(String, Merge)>,
    pub(super) max_keys: usize,
    pub(super) max_value_bytes: u64,
    pub(super) max_total_bytes: u64,
    pub(super) journal_capacity: usize,
}

/// Rules that cannot be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleError {
    /// A pattern with more than one `*`.
    Stars(String),
    /// Two patterns that some key fits both of, neither of them more exact.
    Tie(String, String),
    /// More patterns than may be.
    TooMany(usize),
}

impl BagRules {
    /// 10,000 keys of at most 1 MiB each, 64 MiB in all, 10,000 entries in the journal; no merges.
    pub fn new() -> BagRules {
        BagRules {
            merges: vec![],
            max_keys: 10_000,
            max_value_bytes: 1024 * 1024,
            max_total_bytes: 64 * 1024 * 1024,
            journal_capacity: 10_000,
        }
    }

    /// The merges that a policy declares below `[state]`.
    pub fn of(policy: &Policy) -> BagRules {
        let declared = policy.state.iter();
        declared.fold(BagRules::new(), |rules, it| rules.merge(it.pattern.clone(), it.merge))
    }

    /// How the keys that `pattern` means are merged: an exact key, or a pattern with one `*`. The
    /// exact one wins, then the longest text before the `*`, as for tools.
    pub fn merge(mut self, pattern: impl Into<String>, merge: Merge) -> Self {
        self.merges.push((pattern.into(), merge));
        self
    }

    /// How many keys may have a value at once.
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// How many bytes the value of one key may take, as JSON.
    pub fn max_value_bytes(mut self, bytes: u64) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// How many bytes all keys and values may take, as JSON, and 64 for each of them.
    pub fn max_total_bytes(mut self, bytes: u64) -> Self {
        self.max_total_bytes = bytes;
        self
    }

    /// How many entries the journal keeps; the oldest ones make room and are counted.
    pub fn journal_capacity(mut self, entries: usize) -> Self {
        self.journal_capacity = entries;
        self
    }

    /// How a key is merged.
    pub(super) fn merge_of(&self, key: &str) -> Merge {
        let patterns = self.merges.iter().map(|(pattern, _)| pattern.as_str());
        best_pattern(patterns, key).map_or(Merge::Error, |at| self.merges[at].1)
    }

    pub(super) fn check(&self) -> Result<(), RuleError> {
        if self.merges.len() > MAX_MERGES {
            return Err(RuleError::TooMany(self.merges.len()));
        }
        for (at, (pattern, _)) in self.merges.iter().enumerate() {
            if pattern.matches('*').count() > 1 {
                return Err(RuleError::Stars(pattern.clone()));
            }
            let before = self.merges[..at].iter().map(|(other, _)| other);
            if let Some(other) = before.into_iter().find(|other| patterns_tie(pattern, other)) {
                return Err(RuleError::Tie(pattern.clone(), other.clone()));
            }
        }
        Ok(())
    }
}

impl Default for BagRules {
    fn default() -> BagRules {
        BagRules::new()
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleError::Stars(pattern) => {
                write!(f, "the pattern {pattern:?} has more than one `*`: keep one")
            }
            RuleError::Tie(pattern, other) => write!(
                f,
                "{pattern:?} ties with {other:?}, keys can fit both: make one longer before its \
                 `*`, or keep one of the two"
            ),
            RuleError::TooMany(count) => {
                write!(f, "{count} merges are declared: keep at most {MAX_MERGES}")
            }
        }
    }
}

impl std::error::Error for RuleError {}
