//! Quotas while their figures come in, one header at a time and in any order.

use std::time::Duration;

use super::figures::Field;
use super::{Counted, Feedback, Quota};

const MOST_QUOTAS: usize = 64;
pub(super) const LONGEST_NAME: usize = 100;

/// A feedback in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    retry_after: Option<Duration>,
    quotas: Vec<Open>,
}

/// What tells one quota of a response from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: Option<String>,
    /// What it counts, as the headers word it.
    pub(super) thing: String,
    /// The window that its headers' names say.
    pub(super) window: Option<Duration>,
}

/// A quota in the making.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) key: Key,
    pub(super) limit: Option<u64>,
    pub(super) remaining: Option<u64>,
    pub(super) used: Option<u64>,
    pub(super) resets_in: Option<Duration>,
    pub(super) window: Option<Duration>,
    /// What it counts, where a header says that apart from its name.
    pub(super) unit: Option<String>,
}

impl Draft {
    /// One more delay that the server asks for.
    pub(super) fn delay(&mut self, delay: Option<Duration>) {
        self.retry_after = self.retry_after.max(delay);
    }

    /// The quota of that key, a new one if need be; `None` if there are too many already.
    pub(super) fn quota(&mut self, key: Key) -> Option<&mut Open> {
        let at = match self.quotas.iter().position(|quota| quota.key == key) {
            Some(at) => at,
            None => {
                let name = key.name.as_ref().map_or(0, String::len);
                if self.quotas.len() == MOST_QUOTAS || key.thing.len().max(name) > LONGEST_NAME {
                    return None;
                }
                self.quotas.push(Open { key, ..Open::default() });
                self.quotas.len() - 1
            }
        };
        self.quotas.get_mut(at)
    }

    pub(super) fn quotas(&mut self) -> impl Iterator<Item = &mut Open> {
        self.quotas.iter_mut()
    }

    pub(super) fn finish(self) -> Feedback {
        let quotas = self.quotas.into_iter().filter_map(Open::finish).collect();
        Feedback { retry_after: self.retry_after, quotas }
    }
}

impl Open {
    /// Of two words on one figure the harder counts.
    pub(super) fn count(&mut self, field: Field, count: u64) {
        match field {
            Field::Limit => self.limit = Some(self.limit.map_or(count, |old| old.min(count))),
            Field::Remaining => {
                self.remaining = Some(self.remaining.map_or(count, |old| old.min(count)));
            }
            Field::Used => self.used = self.used.max(Some(count)),
            Field::Reset => {}
        }
    }

    pub(super) fn reset(&mut self, delay: Option<Duration>) {
        self.resets_in = self.resets_in.max(delay);
    }

    fn finish(self) -> Option<Quota> {
        let Open { key, limit, remaining, used, resets_in, window, unit } = self;
        let limit = limit.or_else(|| used?.checked_add(remaining?));
        let remaining = remaining.or_else(|| Some(limit?.saturating_sub(used?)));
        let window = key.window.or(window);
        if limit.is_none() && remaining.is_none() {
            return None;
        }
        // Where nothing says what it counts, its name may.
        let named =
            key.name.as_deref().filter(|name| key.thing.is_empty() && name.ends_with("tokens"));
        let counts = Counted::of(unit.as_deref().or(named).unwrap_or(&key.thing));
        Some(Quota {
            counts,
            name: key.name,
            limit,
            remaining,
            resets_in,
            // A window ends after it has begun; one that ends later than it lasts is misjudged.
            window: window.filter(|window| resets_in.is_none_or(|resets_in| resets_in <= *window)),
        })
    }
}
