//! Values in reusable places, with small dense ids; a stale [`CallId`] is told from a live one by
//! the generation of its place.

use alloc::vec::Vec;

use crate::call::CallId;

#[derive(Debug, Clone)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.insert_named(value).index
    }

    /// [`Slab::insert`], and [`Slab::id`] of it.
    #[inline]
    pub(crate) fn insert_named(&mut self, value: T) -> CallId {
        let index = self.free.pop().unwrap_or_else(|| self.grow());
        let entry = &mut self.entries[index as usize];
        entry.value = Some(value);
        CallId { index, generation: entry.generation }
    }

    /// A place more.
    #[inline(never)]
    fn grow(&mut self) -> u32 {
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { generation: 0, value: None });
        index
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(index);
        Some(value)
    }

    /// Frees a place whose value is of no use any more, or has been copied.
    #[inline]
    pub(crate) fn free(&mut self, index: u32) {
        if let Some(entry) = self.entries.get_mut(index as usize)
            && entry.value.is_some()
        {
            entry.value = None;
            entry.generation = entry.generation.wrapping_add(1);
            self.free.push(index);
        }
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.value.as_mut()
    }

    /// What is there, with its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().zip(0u32..).filter_map(|(entry, at)| Some((at, entry.value.as_ref()?)))
    }

    /// What is there, with its place, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let entries = self.entries.iter_mut().zip(0u32..);
        entries.filter_map(|(entry, at)| Some((at, entry.value.as_mut()?)))
    }

    /// Places, used and free.
    pub(crate) fn places(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// The id by which the caller names the value at `index`.
    pub(crate) fn id(&self, index: u32) -> CallId {
        let generation = self.entries.get(index as usize).map_or(0, |entry| entry.generation);
        CallId { index, generation }
    }

    /// The place that `id` names, if what it named is still there.
    pub(crate) fn resolve(&self, id: CallId) -> Option<u32> {
        let entry = self.entries.get(id.index as usize)?;
        (entry.generation == id.generation && entry.value.is_some()).then_some(id.index)
    }
}

impl<T> core::ops::Index<u32> for Slab<T> {
    type Output = T;

    /// Only for ids that the engine itself keeps in step; a caller's id goes through `resolve`.
    #[allow(clippy::expect_used)]
    fn index(&self, index: u32) -> &T {
        self.entries[index as usize].value.as_ref().expect("the engine's own ids are live")
    }
}

impl<T> core::ops::IndexMut<u32> for Slab<T> {
    #[allow(clippy::expect_used)]
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.entries[index as usize].value.as_mut().expect("the engine's own ids are live")
    }
}
