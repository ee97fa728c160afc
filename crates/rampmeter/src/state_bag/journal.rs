//! Which call wrote what.

use std::collections::VecDeque;
use std::sync::Arc;

use super::writer_id::WriterId;

/// What was done to a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// It was set.
    Set,
    /// Something was added to it.
    Add,
    /// It was set by one who named the version that it had.
    Swap,
    /// It was removed.
    Remove,
    /// The call failed, and what it had put to the others was taken out again.
    Withdraw,
    /// The call failed, and what it had put to the others had to stay: without it they cannot be
    /// merged.
    Keep,
}

/// One write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalEntry {
    /// The version that the key has had since: the number of this write, of all that the bag saw.
    pub version: u64,
    /// The key.
    pub key: Arc<str>,
    /// What was done.
    pub operation: Operation,
    /// By whom.
    pub by: Arc<WriterId>,
}

/// The last writes, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<JournalEntry>,
    dropped: u64,
}

impl Operation {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Set => "set",
            Operation::Add => "add",
            Operation::Swap => "swap",
            Operation::Remove => "remove",
            Operation::Withdraw => "withdraw",
            Operation::Keep => "keep",
        }
    }
}

impl Journal {
    /// The entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &JournalEntry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// How many older ones made room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn push(&mut self, entry: JournalEntry, capacity: usize) {
        self.entries.push_back(entry);
        while self.entries.len() > capacity {
            self.entries.pop_front();
            self.dropped += 1;
        }
    }
}
