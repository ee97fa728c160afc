//! Several writes at once.

use std::sync::Arc;

use serde::Serialize;

use super::books::Write;
use super::error::BagError;
use super::number::Amount;
use super::writer::{BagWriter, finite, json};

/// Writes that take effect together or not at all. What was read for them is still so if they name
/// its version:
///
/// ```
/// # use rampmeter::state_bag::{BagError, StateBag, WriterId};
/// # fn main() -> Result<(), BagError> {
/// # let bag = StateBag::default();
/// # let call = bag.writer(WriterId::new("a"));
/// # call.set("from", 8)?;
/// let (from, version) = call.get_versioned::<i64>("from")?;
/// call.batch().swap("from", version, from.unwrap_or(0) - 5).add("to", 5).commit()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is written before `commit`"]
pub struct Batch<'a> {
    writer: &'a BagWriter,
    writes: Result<Vec<(Arc<str>, Write)>, BagError>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(writer: &'a BagWriter) -> Batch<'a> {
        Batch { writer, writes: Ok(vec![]) }
    }

    /// As [`BagWriter::set`].
    pub fn set<T: Serialize>(self, key: &str, value: T) -> Self {
        self.with(key, json(key, value).map(Write::Set))
    }

    /// As [`BagWriter::add`].
    pub fn add(self, key: &str, amount: impl Into<Amount>) -> Self {
        self.with(key, finite(key, amount.into()).map(Write::Add))
    }

    /// As [`BagWriter::compare_and_swap`].
    pub fn swap<T: Serialize>(self, key: &str, version: u64, value: T) -> Self {
        self.with(key, json(key, value).map(|value| Write::Swap(version, value)))
    }

    /// As [`BagWriter::remove`].
    pub fn remove(self, key: &str) -> Self {
        self.with(key, Ok(Write::Remove))
    }

    /// Does all of it, and returns the version of the last write.
    ///
    /// # Errors
    /// The first that one of the writes has; then none of them takes effect.
    pub fn commit(self) -> Result<u64, BagError> {
        self.writer.write(self.writes?, |_| ()).map(|(version, ())| version)
    }

    fn with(mut self, key: &str, write: Result<Write, BagError>) -> Self {
        match (&mut self.writes, write) {
            (Ok(writes), Ok(write)) => writes.push((key.into(), write)),
            (Ok(_), Err(error)) => self.writes = Err(error),
            (Err(_), _) => {}
        }
        self
    }
}
