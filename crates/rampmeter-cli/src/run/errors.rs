//! Why calls were not answered: alike ones together, each kind with its first example.

use std::collections::BTreeMap;

use rampmeter::CallResult;
use serde::Serialize;

/// Kinds that are kept apart; a model that makes up names makes no more of them.
const MAX_KINDS: usize = 1_000;
/// Kinds that a summary shows.
const SHOWN_KINDS: usize = 20;
const EXAMPLE_CHARS: usize = 200;

/// Errors so far, by tool and kind.
#[derive(Debug, Default)]
pub(crate) struct Errors(BTreeMap<(String, &'static str), ErrorSummary>);

/// Calls of one tool that ended alike.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ErrorSummary {
    pub(crate) tool: String,
    pub(crate) kind: &'static str,
    pub(crate) calls: u64,
    /// What the first of them was told.
    pub(crate) example: String,
}

impl Errors {
    pub(crate) fn note(&mut self, result: &CallResult) {
        let Err(error) = &result.output else { return };
        let key = (result.name.chars().take(EXAMPLE_CHARS).collect(), error.kind());
        if self.0.len() >= MAX_KINDS && !self.0.contains_key(&key) {
            return;
        }
        let (tool, kind) = key.clone();
        let kept = self.0.entry(key).or_insert_with(|| {
            let example = error.to_string().chars().take(EXAMPLE_CHARS).collect();
            ErrorSummary { tool, kind, calls: 0, example }
        });
        kept.calls += 1;
    }

    /// The most frequent kinds, those first.
    pub(crate) fn most(&self) -> Vec<ErrorSummary> {
        let mut all: Vec<_> = self.0.values().cloned().collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.calls));
        all.truncate(SHOWN_KINDS);
        all
    }
}
