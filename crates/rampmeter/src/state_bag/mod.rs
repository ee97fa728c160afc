//! State that tools share: a bag of keys, each with a JSON value.
//!
//! Nothing that a call wrote is lost silently. A key has a version, and by default a call that writes
//! over what another one wrote must have read it: otherwise the write is a [`Conflict`] that names
//! both calls. What several calls write to one key on purpose is put together by a [`Merge`] that is
//! declared for it, in the model's order, whichever of them is done first. A journal says which call
//! wrote what.
//!
//! One lock, held for one operation, never while a caller's code runs but for a merge's own
//! function. Everything has a bound: keys, bytes and the journal.

mod attempt;
mod batch;
mod books;
mod cell;
mod error;
mod journal;
mod merge;
mod number;
mod rules;
mod snapshot;
#[cfg(test)]
mod tests;
mod turn;
mod writer;
mod writer_id;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;

pub use batch::Batch;
pub use error::{BagError, Bound, Conflict};
pub use journal::{Journal, JournalEntry, Operation};
pub use merge::{Merge, OwnMerge};
pub use number::Amount;
pub use rules::{BagRules, RuleError};
pub use snapshot::{BagSnapshot, Versioned};
pub use writer::BagWriter;
pub use writer_id::WriterId;

pub(crate) use rules::MAX_MERGES;
pub(crate) use turn::BagTurn;

use books::Books;

/// Keys with JSON values that the calls of a turn, or of many, share. Clones share all of it.
///
/// ```
/// use rampmeter::state_bag::{BagRules, Merge, StateBag, WriterId};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bag = StateBag::new(BagRules::new().merge("results.*", Merge::Append))?;
/// let (a, b) = (bag.writer(WriterId::new("a")), bag.writer(WriterId::new("b")));
///
/// // In the model's order, whoever is first.
/// b.set("results.search", "second")?;
/// a.set("results.search", "first")?;
/// assert_eq!(bag.get::<Vec<String>>("results.search")?.unwrap(), ["first", "second"]);
///
/// // Without a merge, a call writes over what it has read, or not at all.
/// a.set("plan", "one")?;
/// assert!(b.set("plan", "two").is_err());
/// assert_eq!(b.get::<String>("plan")?.as_deref(), Some("one"));
/// b.set("plan", "two")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct StateBag {
    books: Arc<Mutex<Books>>,
}

impl StateBag {
    /// An empty bag.
    ///
    /// # Errors
    /// Two patterns for merges of which neither is more exact, one with two `*`, or too many.
    pub fn new(rules: BagRules) -> Result<StateBag, RuleError> {
        rules.check()?;
        Ok(StateBag { books: Arc::new(Mutex::new(Books::new(rules))) })
    }

    /// A writer of its own, which comes after all that began before it. A tool that runs under an
    /// [`Executor`](crate::Executor) has one already, as [`Invocation::state`](crate::Invocation).
    pub fn writer(&self, id: WriterId) -> BagWriter {
        let turn = self.turn(id.turn);
        turn.write_as(id, 0, None)
    }

    /// The value of a key; `None` if it has none.
    ///
    /// # Errors
    /// It is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, BagError> {
        self.get_versioned(key).map(|(value, _)| value)
    }

    /// The value of a key with its version, which is 0 while the key has no value.
    ///
    /// # Errors
    /// It is not a `T`.
    pub fn get_versioned<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<(Option<T>, u64), BagError> {
        let found = self.books.lock().value(key);
        snapshot::typed(key, found)
    }

    /// All keys as they are at one moment. It copies a pointer for each value, and no value.
    pub fn snapshot(&self) -> BagSnapshot {
        self.books.lock().snapshot()
    }

    /// Which call wrote what, as far back as the journal goes.
    pub fn journal(&self) -> Journal {
        self.books.lock().journal.clone()
    }

    /// A turn that begins now.
    pub(crate) fn turn(&self, number: Option<u64>) -> BagTurn {
        let mut turn = BagTurn::new(self);
        turn.begin(number);
        turn
    }
}

/// The values are the tools' own; only how many there are is shown.
impl fmt::Debug for StateBag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.books.lock().len();
        f.debug_struct("StateBag").field("keys", &keys).finish_non_exhaustive()
    }
}
