//! The books of a scene of keys: who was asked for, who waits and who runs, told by the engine's
//! answers alone.

use std::collections::HashMap;

use rampmeter_core::CallId;

use super::scene::Scene;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Waiting,
    Running,
    Over,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: CallId,
    pub(super) kind: usize,
    /// Whom it was made by, or who has taken it over since.
    pub(super) parent: Option<usize>,
    pub(super) nested: bool,
    pub(super) priority: u8,
    pub(super) flow: u64,
    pub(super) state: State,
    /// When it was asked for first.
    pub(super) arrived: u64,
    pub(super) expires: u64,
    /// It ends only after its calls.
    pub(super) joins: bool,
    pub(super) done: bool,
}

#[derive(Default)]
pub(super) struct Books {
    pub(super) now: u64,
    pub(super) calls: Vec<Entry>,
    pub(super) by_id: HashMap<CallId, usize>,
    /// Calls that wait or run, in the order in which they were asked for.
    pub(super) live: Vec<usize>,
    pub(super) paused: Vec<bool>,
}

impl Books {
    pub(super) fn enter(&mut self, entry: Entry) -> usize {
        let number = self.calls.len();
        self.by_id.insert(entry.id, number);
        self.live.push(number);
        self.calls.push(entry);
        number
    }

    /// A call is over: those that it made are its caller's from now on.
    pub(super) fn ends(&mut self, number: usize) {
        self.calls[number].state = State::Over;
        self.live.retain(|it| *it != number);
        let parent = self.calls[number].parent;
        for other in &self.live {
            let other = &mut self.calls[*other];
            if other.parent == Some(number) {
                other.parent = parent;
            }
        }
    }

    pub(super) fn in_state(&self, state: State) -> Vec<usize> {
        self.live.iter().copied().filter(|it| self.calls[*it].state == state).collect()
    }

    /// Whether `above` waits for `call`, which it has made, itself or through others.
    pub(super) fn is_above(&self, above: usize, call: usize) -> bool {
        let mut at = self.calls[call].parent;
        while let Some(parent) = at {
            if parent == above {
                return true;
            }
            at = self.calls[parent].parent;
        }
        false
    }

    pub(super) fn has_calls(&self, call: usize) -> bool {
        self.live.iter().any(|it| self.calls[*it].parent == Some(call))
    }

    /// Whether one call was asked for first before another.
    pub(super) fn is_before(&self, one: usize, other: usize) -> bool {
        (self.calls[one].arrived, one) < (self.calls[other].arrived, other)
    }

    /// Whether two calls cannot share one of their keys.
    pub(super) fn clash(&self, scene: &Scene, one: usize, other: usize) -> bool {
        let keys = |call: usize| &scene.kinds[self.calls[call].kind].keys;
        keys(one).iter().any(|(key, writes)| {
            keys(other).iter().any(|(it, theirs)| it == key && (*writes || *theirs))
        })
    }
}
