//! A hash table from keys to small ids that keeps no keys: the caller compares.
//!
//! Open addressing with linear probing and backward-shift deletion. The hash is fixed, so that the
//! same inputs give the same outputs; whoever may choose keys should have them hashed under a
//! secret before they come here, as the gate does with the names of flows.

use alloc::vec::Vec;

const EMPTY: u32 = u32::MAX;

/// A set of `(hash, id)`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    places: Vec<(u32, u32)>,
    len: usize,
}

/// The hash of two words.
#[inline]
pub(crate) fn hash(a: u64, b: u64) -> u32 {
    let mixed = (a ^ b.rotate_left(32).wrapping_mul(0xd6e8_feb8_6659_fd93))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

impl Table {
    /// The id with this hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some((known, id)) = self.places.get(at) {
            if *id == EMPTY {
                return None;
            }
            if *known == hash && is_it(*id) {
                return Some(*id);
            }
            at = (at + 1) & mask;
        }
        None
    }

    pub(crate) fn insert(&mut self, hash: u32, id: u32) {
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        self.put(hash, id);
        self.len += 1;
    }

    /// Takes an id out; says whether it was there.
    pub(crate) fn remove(&mut self, hash: u32, id: u32) -> bool {
        let mask = self.places.len().wrapping_sub(1);
        let mut hole = hash as usize & mask;
        loop {
            match self.places.get(hole) {
                Some((_, found)) if *found == id => break,
                Some((_, found)) if *found != EMPTY => hole = (hole + 1) & mask,
                _ => return false,
            }
        }
        self.len -= 1;
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let (hash, id) = self.places[next];
            if id == EMPTY {
                self.places[hole] = (0, EMPTY);
                return true;
            }
            // It may move into the hole if that is not before its home.
            let home = hash as usize & mask;
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.places[hole] = (hash, id);
                hole = next;
            }
        }
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(8);
        let old = core::mem::replace(&mut self.places, alloc::vec![(0, EMPTY); size]);
        for (hash, id) in old {
            if id != EMPTY {
                self.put(hash, id);
            }
        }
    }

    fn put(&mut self, hash: u32, id: u32) {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at].1 != EMPTY {
            at = (at + 1) & mask;
        }
        self.places[at] = (hash, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn the_table_agrees_with_a_sorted_set_under_any_mix_of_changes() {
        let mut table = Table::default();
        let mut set = BTreeSet::new();
        let mut state = 3u64;
        for _ in 0..50_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = u32::try_from(state >> 33).unwrap_or(0) % 200;
            // Few hashes, so that many collide.
            let hash = id % 23;
            if state & (1 << 20) == 0 {
                assert_eq!(table.remove(hash, id), set.remove(&id));
            } else if set.insert(id) {
                table.insert(hash, id);
            }
            let probe = u32::try_from(state >> 43).unwrap_or(0) % 200;
            let found = table.find(probe % 23, |id| id == probe);
            assert_eq!(found.is_some(), set.contains(&probe));
        }
    }
}
