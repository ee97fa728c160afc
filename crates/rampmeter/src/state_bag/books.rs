//! What the bag's lock guards: the keys, their versions, the journal. Every operation either changes
//! all that belongs to it or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use rampmeter_core::MAX_KEY_BYTES;
use serde_json::{Number, Value};

use super::cell::{Cell, Content, OVERHEAD_BYTES, Parts, Refused, Room, check_depth, json_bytes};
use super::error::{BagError, Bound, Conflict};
use super::journal::{Journal, JournalEntry, Operation};
use super::merge::Merge;
use super::number;
use super::rules::BagRules;
use super::snapshot::{BagSnapshot, Versioned};
use super::writer_id::Who;

#[derive(Default)]
pub(super) struct Books {
    rules: BagRules,
    cells: BTreeMap<Arc<str>, Cell>,
    /// The number of the last write. A version of the whole bag, rather than one of each key, does
    /// not begin anew when a key is removed and made again.
    version: u64,
    bytes: u64,
    pub(super) journal: Journal,
    turns_begun: u64,
    next_turn: u64,
}

/// What is done to one key.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Set(Value),
    Add(Number),
    /// Set if it has this version, 0 for a key without a value.
    Swap(u64, Value),
    Remove,
}

/// One write of a batch: the key, what is done, and the version that the writer has seen.
pub(super) type Planned = (Arc<str>, Write, Option<u64>);

impl Write {
    fn operation(&self) -> Operation {
        match self {
            Write::Set(_) => Operation::Set,
            Write::Add(_) => Operation::Add,
            Write::Swap(..) => Operation::Swap,
            Write::Remove => Operation::Remove,
        }
    }
}

impl Books {
    pub(super) fn new(rules: BagRules) -> Books {
        Books { rules, ..Books::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn max_keys(&self) -> usize {
        self.rules.max_keys
    }

    pub(super) fn value(&mut self, key: &str) -> Option<Versioned> {
        self.cells.get_mut(key).map(versioned)
    }

    /// The version of a key, and whether it is merged.
    pub(super) fn version_of(&self, key: &str) -> Option<(u64, bool)> {
        let is_merged = |cell: &Cell| matches!(cell.content, Content::Merged(_));
        self.cells.get(key).map(|cell| (cell.version, is_merged(cell)))
    }

    pub(super) fn snapshot(&mut self) -> BagSnapshot {
        let keys = self.cells.iter_mut().map(|(key, cell)| (key.clone(), versioned(cell)));
        BagSnapshot { keys: keys.collect(), version: self.version }
    }

    /// The place of a turn that begins now: its number, and how many began before it.
    pub(super) fn begin_turn(&mut self, number: Option<u64>) -> (u64, u64) {
        let turn = number.unwrap_or(self.next_turn);
        self.next_turn = self.next_turn.max(turn.saturating_add(1));
        self.turns_begun += 1;
        (turn, self.turns_begun)
    }

    /// Does all of the writes or none. Returns the version of the last.
    pub(super) fn write(&mut self, who: &Who, writes: Vec<Planned>) -> Result<u64, BagError> {
        let before = (self.version, self.bytes);
        let mut undo: Vec<(Arc<str>, Option<Cell>)> = Vec::new();
        let mut entries = Vec::with_capacity(writes.len());
        let alone = writes.len() == 1;
        for (key, write, seen) in writes {
            if !alone {
                undo.push((key.clone(), self.cells.get(&key).cloned()));
            }
            match self.write_one(who, &key, write, seen) {
                Ok(entry) => entries.extend(entry),
                Err(error) => {
                    (self.version, self.bytes) = before;
                    for (key, cell) in undo.into_iter().rev() {
                        match cell {
                            Some(cell) => drop(self.cells.insert(key, cell)),
                            None => drop(self.cells.remove(&key)),
                        }
                    }
                    return Err(error);
                }
            }
        }
        for entry in entries {
            self.journal.push(entry, self.rules.journal_capacity);
        }
        Ok(self.version)
    }

    /// One write, which changes nothing if it fails.
    fn write_one(
        &mut self,
        who: &Who,
        key: &Arc<str>,
        write: Write,
        seen: Option<u64>,
    ) -> Result<Option<JournalEntry>, BagError> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(BagError::Key { bytes: key.len() });
        }
        let merge = self.rules.merge_of(key);
        let operation = write.operation();
        match (merge, write) {
            (_, Write::Remove) if !self.cells.contains_key(key) => return Ok(None),
            (_, Write::Remove) => {
                self.check_seen(who, key, seen)?;
                self.drop_cell(key);
            }
            (Merge::Error, Write::Set(value)) => {
                self.check_seen(who, key, seen)?;
                self.put(who, key, value)?;
            }
            (Merge::Error, Write::Swap(version, value)) => {
                let present = self.cells.get(key).map_or(0, |cell| cell.version);
                if present != version {
                    return Err(self.conflict(who, key, version));
                }
                self.put(who, key, value)?;
            }
            (Merge::Error, Write::Add(more)) => {
                let present = self.cells.get_mut(key).map(Cell::value);
                let sum = number::sum(present.as_deref(), &Value::Number(more));
                let sum = sum.map_err(|reason| BagError::Merge { key: (&**key).into(), reason })?;
                self.put(who, key, Value::Number(sum))?;
            }
            (Merge::Sum, Write::Add(more)) => self.add(who, key, merge, Value::Number(more))?,
            (_, Write::Set(value)) => self.add(who, key, merge, value)?,
            (_, Write::Swap(..) | Write::Add(_)) => {
                let key = (&**key).into();
                return Err(BagError::Merged { key, merge: merge.word(), operation });
            }
        }
        Ok(Some(self.entry(who, key, operation)))
    }

    /// Takes out what a failed call has put to merged keys. What it wrote to other keys stays, as
    /// a file would that it wrote: others may have built on it.
    pub(super) fn withdraw(&mut self, who: &Who, keys: impl IntoIterator<Item = Arc<str>>) {
        for key in keys {
            let Some(cell) = self.cells.get_mut(&key) else { continue };
            let before = cell.charge();
            let Content::Merged(parts) = &mut cell.content else { continue };
            let withdrawn = parts.withdraw(who.place);
            if parts.is_empty() {
                self.drop_cell(&key);
            } else {
                let after = cell.charge();
                self.bytes = (self.bytes - before).saturating_add(after);
            }
            let operation = if withdrawn { Operation::Withdraw } else { Operation::Keep };
            let entry = self.entry(who, &key, operation);
            self.journal.push(entry, self.rules.journal_capacity);
        }
    }

    /// A write over what another call wrote is one that has seen it. Without a value there is
    /// nothing to write over, unless the writer has seen one: then it has not seen that it is gone.
    fn check_seen(&self, who: &Who, key: &str, seen: Option<u64>) -> Result<(), BagError> {
        let sound = match self.cells.get(key) {
            // Of a merged key the last writer need not know what the others have put to it.
            Some(Cell { content: Content::Merged(_), version, .. }) => seen == Some(*version),
            Some(cell) => cell.who.place == who.place || seen == Some(cell.version),
            None => seen.is_none(),
        };
        if sound { Ok(()) } else { Err(self.conflict(who, key, seen.unwrap_or(0))) }
    }

    fn conflict(&self, who: &Who, key: &str, seen: u64) -> BagError {
        let cell = self.cells.get(key);
        let removed = || self.journal.entries().rev().find(|it| &*it.key == key);
        let other = match cell {
            Some(cell) => Some(cell.who.id.clone()),
            None => removed().map(|it| it.by.clone()),
        };
        BagError::Conflict(Box::new(Conflict {
            key: key.into(),
            call: who.id.clone(),
            other,
            seen,
            present: cell.map_or(0, |cell| cell.version),
        }))
    }

    /// Makes `value` the value of a key that is not merged.
    fn put(&mut self, who: &Who, key: &Arc<str>, value: Value) -> Result<(), BagError> {
        check_depth(&value).map_err(|reason| BagError::Merge { key: (&**key).into(), reason })?;
        let bytes = json_bytes(&value);
        let (room, old) = self.room(key)?;
        if bytes > room.value {
            return Err(self.full(key, Bound::ValueBytes));
        }
        if bytes + OVERHEAD_BYTES > room.total + old {
            return Err(self.full(key, Bound::TotalBytes));
        }
        let content = Content::Plain(Arc::new(value), bytes);
        let cell = Cell { content, version: self.version, who: who.clone() };
        self.drop_cell(key);
        self.bytes += cell.charge() + key_bytes(key);
        self.cells.insert(key.clone(), cell);
        Ok(())
    }

    /// Puts `value` to what others have put to a merged key.
    fn add(
        &mut self,
        who: &Who,
        key: &Arc<str>,
        merge: Merge,
        value: Value,
    ) -> Result<(), BagError> {
        let (room, old) = self.room(key)?;
        let mut added = Ok(());
        if let Some(cell) = self.cells.get_mut(key) {
            if let Content::Merged(parts) = &mut cell.content {
                added = parts.add(who.place, value, room);
                self.bytes = self.bytes - old + parts.charge();
            }
        } else {
            let mut parts = Parts::new(merge);
            added = parts.add(who.place, value, room);
            if added.is_ok() {
                self.bytes += parts.charge() + key_bytes(key);
                let content = Content::Merged(parts);
                let cell = Cell { content, version: self.version, who: who.clone() };
                self.cells.insert(key.clone(), cell);
            }
        }
        added.map_err(|refused| match refused {
            Refused::Bound(bound) => self.full(key, bound),
            Refused::Merge(reason) => BagError::Merge { key: (&**key).into(), reason },
        })
    }

    /// How much may be added, beside the key, and what its value takes now.
    fn room(&self, key: &str) -> Result<(Room, u64), BagError> {
        let left = self.rules.max_total_bytes.saturating_sub(self.bytes);
        let (total, old) = match self.cells.get(key) {
            Some(cell) => (left, cell.charge()),
            None if self.cells.len() >= self.rules.max_keys => {
                return Err(self.full(key, Bound::Keys));
            }
            None => (left.saturating_sub(key_bytes(key)), 0),
        };
        Ok((Room { value: self.rules.max_value_bytes, total }, old))
    }

    fn full(&self, key: &str, bound: Bound) -> BagError {
        let most = match bound {
            Bound::Keys => self.rules.max_keys as u64,
            Bound::ValueBytes => self.rules.max_value_bytes,
            Bound::TotalBytes => self.rules.max_total_bytes,
        };
        BagError::Full { key: key.into(), bound, most }
    }

    fn drop_cell(&mut self, key: &str) {
        if let Some(cell) = self.cells.remove(key) {
            self.bytes -= cell.charge() + key_bytes(key);
        }
    }

    /// The key was written: it has the next version, and the journal says so.
    fn entry(&mut self, who: &Who, key: &Arc<str>, operation: Operation) -> JournalEntry {
        self.version += 1;
        if let Some(cell) = self.cells.get_mut(key) {
            cell.version = self.version;
            cell.who = who.clone();
        }
        JournalEntry { version: self.version, key: key.clone(), operation, by: who.id.clone() }
    }

    /// What is counted, counted again.
    #[cfg(test)]
    pub(super) fn counts_right(&self) -> bool {
        let bytes = self.cells.iter().map(|(key, cell)| cell.charge() + key_bytes(key));
        self.bytes == bytes.sum::<u64>() && self.bytes <= self.rules.max_total_bytes
    }
}

fn key_bytes(key: &str) -> u64 {
    key.len() as u64 + OVERHEAD_BYTES
}

fn versioned(cell: &mut Cell) -> Versioned {
    Versioned { value: cell.value(), version: cell.version, by: cell.who.id.clone() }
}
