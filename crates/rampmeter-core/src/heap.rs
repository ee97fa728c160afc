//! A four-ary min-heap whose entries can be found again by a small dense id.
//!
//! The scheduler moves entries all the time (a flow is charged, a call is cancelled), so a heap
//! that can only pop would fill with stale entries. Positions are kept in a side table.

use alloc::vec::Vec;

const ARITY: usize = 4;
const ABSENT: u32 = u32::MAX;

/// Min-heap of `(key, id)`; each id is present at most once.
#[derive(Debug, Clone)]
pub(crate) struct Heap<K> {
    items: Vec<(K, u32)>,
    positions: Vec<u32>,
}

impl<K> Default for Heap<K> {
    fn default() -> Self {
        Heap { items: Vec::new(), positions: Vec::new() }
    }
}

impl<K: Ord + Copy> Heap<K> {
    /// The least entry.
    pub(crate) fn peek(&self) -> Option<(K, u32)> {
        self.items.first().copied()
    }

    /// Shows the ids of the least `most` entries, in order, for as long as `go_on` says so.
    pub(crate) fn least(&self, most: usize, mut go_on: impl FnMut(u32) -> bool) {
        // Whatever is next is the root, or a child of one that was shown: those are kept in order,
        // behind the ones that were shown, and no more of them than may still be.
        let mut front: Vec<(K, usize)> = Vec::with_capacity(most.min(self.items.len()));
        front.extend(self.peek().filter(|_| most > 0).map(|(key, _)| (key, 0)));
        let mut shown = 0;
        while let Some((_, at)) = front.get(shown).copied() {
            shown += 1;
            if !go_on(self.items[at].1) || shown == most {
                return;
            }
            let first = at * ARITY + 1;
            let end = (first + ARITY).min(self.items.len());
            for ((key, _), at) in self.items.get(first..end).unwrap_or_default().iter().zip(first..)
            {
                let key = *key;
                if front.len() == most {
                    if front.last().is_some_and(|(last, _)| *last <= key) {
                        continue;
                    }
                    front.pop();
                }
                let less = front.iter().rposition(|(other, _)| *other <= key);
                front.insert(less.map_or(shown, |less| less + 1), (key, at));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn key(&self, id: u32) -> Option<K> {
        self.position(id).map(|at| self.items[at].0)
    }

    /// Inserts `id`, or moves it to a new key.
    pub(crate) fn set(&mut self, id: u32, key: K) {
        match self.position(id) {
            Some(at) => {
                self.items[at].0 = key;
                let at = self.sift_up(at);
                self.sift_down(at);
            }
            None => {
                let slot = id as usize;
                if slot >= self.positions.len() {
                    self.positions.resize(slot + 1, ABSENT);
                }
                self.items.push((key, id));
                self.sift_up(self.items.len() - 1);
            }
        }
    }

    /// Removes `id`; says whether it was there.
    pub(crate) fn remove(&mut self, id: u32) -> bool {
        let Some(at) = self.position(id) else { return false };
        let last = self.items.len() - 1;
        self.items.swap(at, last);
        self.items.pop();
        self.positions[id as usize] = ABSENT;
        if at < self.items.len() {
            let at = self.sift_up(at);
            self.sift_down(at);
        }
        true
    }

    fn position(&self, id: u32) -> Option<usize> {
        self.positions.get(id as usize).copied().filter(|at| *at != ABSENT).map(|at| at as usize)
    }

    /// Moves the entry up to its place, records the places that changed, returns its place.
    fn sift_up(&mut self, mut at: usize) -> usize {
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.items[parent].0 <= self.items[at].0 {
                break;
            }
            self.items.swap(parent, at);
            self.record(at);
            at = parent;
        }
        self.record(at);
        at
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let first = at * ARITY + 1;
            let end = (first + ARITY).min(self.items.len());
            let Some(least) = (first..end).min_by_key(|child| self.items[*child].0) else { break };
            if self.items[at].0 <= self.items[least].0 {
                break;
            }
            self.items.swap(at, least);
            self.record(at);
            at = least;
        }
        if at < self.items.len() {
            self.record(at);
        }
    }

    fn record(&mut self, at: usize) {
        let id = self.items[at].1;
        self.positions[id as usize] = u32::try_from(at).unwrap_or(ABSENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn the_heap_agrees_with_a_sorted_set_under_any_mix_of_changes() {
        let mut heap = Heap::default();
        let mut keys = [None; 40];
        let mut set = BTreeSet::new();
        let mut state = 7u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = (state >> 33) as u32 % 40;
            let key = (state >> 50) % 100;
            let old = keys[id as usize].take();
            if let Some(old) = old {
                set.remove(&(old, id));
            }
            if state & (1 << 20) == 0 {
                assert_eq!(heap.remove(id), old.is_some());
            } else {
                heap.set(id, (key, id));
                keys[id as usize] = Some(key);
                set.insert((key, id));
            }
            assert_eq!(heap.peek(), set.first().map(|(key, id)| ((*key, *id), *id)));
            assert_eq!(heap.is_empty(), set.is_empty());
            let mut least = Vec::new();
            heap.least(3, |id| {
                least.push(id);
                true
            });
            assert!(least.iter().eq(set.iter().take(3).map(|(_, id)| id)));
            assert_eq!(heap.key(id), keys[id as usize].map(|key| (key, id)));
        }
    }
}
