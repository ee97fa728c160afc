//! Resource keys: names that calls read or write while they run, such as `file:/a/b`.
//!
//! A key is an instance like one of a limit: made when a call first names it, and collected when
//! nobody holds it or waits for it and another needs the place. Its one budget is so many slots
//! that readers, of whom each takes one, never fill it; a writer takes all of them. So a call that
//! a reader makes and that writes borrows its caller's slot and waits for the other readers alone,
//! and who would wait for ever is found as with any other slots. The order at a key is its line's
//! (`line.rs`).

use alloc::{string::String, vec::Vec};

use crate::call::{Call, KeyAccess, LimitId};
use crate::config::BudgetConfig;
use crate::decision::{Reason, Refusal, Retry};
use crate::engine::Engine;
use crate::lane::NONE;
use crate::resolve::MAX_DRAWS;
use crate::snapshot::KeySnapshot;

/// What a writer takes. A reader takes 1.
pub(crate) const WHOLE: u64 = 1 << 32;

/// What a key allows.
pub(crate) const KEY_BUDGETS: &[BudgetConfig] = &[BudgetConfig::slots(WHOLE)];

/// The longest name of a key.
pub const MAX_KEY_BYTES: usize = 4_096;

/// Keys by number, so that a refusal can name one in place of a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyNumbers {
    instances: Vec<u32>,
    free: Vec<u16>,
}

impl KeyNumbers {
    /// A number that no key has.
    pub(crate) fn take(&mut self) -> u16 {
        self.free.pop().unwrap_or_else(|| {
            let number = u16::try_from(self.instances.len()).unwrap_or(u16::MAX);
            self.instances.push(NONE);
            LimitId::FIRST_KEY.0.saturating_add(number)
        })
    }

    pub(crate) fn set(&mut self, number: u16, instance: u32) {
        if let Some(place) = self.instances.get_mut(place_of(number)) {
            *place = instance;
        }
    }

    /// The key that had this number is gone.
    pub(crate) fn give(&mut self, number: u16) {
        self.set(number, NONE);
        self.free.push(number);
    }

    fn instance(&self, number: u16) -> u32 {
        self.instances.get(place_of(number)).copied().unwrap_or(NONE)
    }
}

fn place_of(number: u16) -> usize {
    usize::from(number.saturating_sub(LimitId::FIRST_KEY.0))
}

impl Engine {
    /// Adds what a call reads and writes to its route.
    pub(crate) fn add_keys(&mut self, call: &Call<'_>) -> Result<(), Refusal> {
        for (name, access) in call.keys {
            if let Err((reason, retry)) = self.add_key(name, *access) {
                self.let_go_of_keys();
                return Err(Refusal { reason, limit: None, retry });
            }
        }
        Ok(())
    }

    fn add_key(&mut self, name: &str, access: KeyAccess) -> Result<(), (Reason, Retry)> {
        if name.len() > MAX_KEY_BYTES || self.builder.len() >= MAX_DRAWS {
            return Err((Reason::Unsupported, Retry::Never));
        }
        let found = self.find_key(name);
        let instance = found.ok_or((Reason::TooManyKeys, Retry::OnRelease))?;
        let budget = self.instances.get(instance).budgets.start;
        let slots = if access == KeyAccess::Exclusive { WHOLE } else { 1 };
        if self.builder.key(instance, budget, slots) {
            // It must not be collected when the next one is looked for.
            self.instances.used(instance);
        }
        Ok(())
    }

    /// The keys in the builder have a route of their own now, or never will.
    pub(crate) fn let_go_of_keys(&mut self) {
        for id in self.builder.keys() {
            self.instances.unused_by_one(id, self.now);
        }
    }

    fn find_key(&mut self, name: &str) -> Option<u32> {
        if let Some(found) = self.instances.find_key(&self.config, name, self.now) {
            return Some(found);
        }
        // Keys may be held by nothing but routes that are kept in case.
        while let Some(route) = self.routes.collect(0) {
            self.instances.unused(&route, self.now);
        }
        self.instances.find_key(&self.config, name, self.now)
    }

    /// The name of a key; empty if there is no such key any more.
    pub(crate) fn key_name(&self, key: LimitId) -> &str {
        let instance = self.instances.existing(self.instances.numbers.instance(key.0));
        instance.and_then(|it| it.label.as_deref()).unwrap_or_default()
    }

    /// The keys that are held or waited for.
    pub(crate) fn keys_in_use(&self) -> Vec<KeySnapshot> {
        let keys = self.instances.keys().filter_map(|id| {
            let instance = self.instances.get(id);
            let held = self.instances.budgets.slots(instance.budgets.start)?.held;
            (held > 0 || instance.queued > 0).then(|| KeySnapshot {
                key: LimitId(instance.limit),
                name: instance.label.as_deref().map(String::from).unwrap_or_default(),
                written: held >= WHOLE,
                readers: if held >= WHOLE { 0 } else { held },
                waiting: instance.queued,
            })
        });
        keys.collect()
    }
}
