//! The last good results of tools, bounded by how many and by how long they are together. The one
//! that was used the longest ago goes first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter_core::Instant;

use super::CacheKey;
use crate::policy::CachePolicy;

/// What a result takes beside its text, about.
const BYTES_BESIDE: u64 = 200;

/// The last good results. No method waits.
#[derive(Debug)]
pub struct LastGood {
    store: Mutex<Store>,
}

/// A result that was good, and how old it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// What the tool said.
    pub text: Arc<str>,
    /// How long ago.
    pub age: Duration,
}

#[derive(Debug)]
struct Store {
    policy: CachePolicy,
    results: HashMap<CacheKey, Good>,
    /// Keys by when they were last used.
    used: BTreeMap<u64, CacheKey>,
    uses: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Good {
    text: Arc<str>,
    at: Instant,
    used: u64,
}

impl LastGood {
    /// Keeps nothing yet.
    pub fn new(policy: CachePolicy) -> LastGood {
        let (results, used) = (HashMap::new(), BTreeMap::new());
        LastGood { store: Mutex::new(Store { policy, results, used, uses: 0, bytes: 0 }) }
    }

    /// The bounds are others from now on.
    pub fn apply(&self, policy: CachePolicy) {
        let mut store = self.store.lock();
        store.policy = policy;
        store.shrink();
    }

    /// Keeps what a tool said at `at`, unless something later is kept. A result that is longer than
    /// all may be together is not kept, and nor is the one before it.
    pub fn put(&self, key: CacheKey, text: impl Into<Arc<str>>, at: Instant) {
        let text = text.into();
        let mut store = self.store.lock();
        if store.results.get(&key).is_some_and(|kept| kept.at > at) {
            return;
        }
        store.remove(&key);
        if weight(&text) > store.policy.bytes {
            return;
        }
        store.bytes += weight(&text);
        let used = store.next_use();
        store.used.insert(used, key);
        store.results.insert(key, Good { text, at, used });
        store.shrink();
    }

    /// What is kept, if it is no older than `max_age`.
    pub fn get(&self, key: &CacheKey, now: Instant, max_age: Duration) -> Option<Kept> {
        let mut store = self.store.lock();
        let fresh = store.next_use();
        let kept = store.results.get_mut(key)?;
        let age = now.saturating_since(kept.at);
        if age > max_age {
            return None;
        }
        let found = Kept { text: kept.text.clone(), age };
        let used = std::mem::replace(&mut kept.used, fresh);
        store.used.remove(&used);
        store.used.insert(fresh, *key);
        Some(found)
    }

    /// How many results are kept, and how many bytes they take, about.
    pub fn size(&self) -> (usize, u64) {
        let store = self.store.lock();
        (store.results.len(), store.bytes)
    }
}

impl Store {
    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn remove(&mut self, key: &CacheKey) {
        if let Some(gone) = self.results.remove(key) {
            self.used.remove(&gone.used);
            self.bytes -= weight(&gone.text);
        }
    }

    fn shrink(&mut self) {
        let most = usize::try_from(self.policy.entries).unwrap_or(usize::MAX);
        while self.results.len() > most || self.bytes > self.policy.bytes {
            let Some((_, oldest)) = self.used.first_key_value() else { return };
            let oldest = *oldest;
            self.remove(&oldest);
        }
    }
}

fn weight(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_add(BYTES_BESIDE)
}
