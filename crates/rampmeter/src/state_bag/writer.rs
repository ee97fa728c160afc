//! A call's way into the bag.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::StateBag;
use super::batch::Batch;
use super::books::{Books, Write};
use super::error::BagError;
use super::number::Amount;
use super::snapshot::{self, BagSnapshot, Versioned};
use super::writer_id::{Who, WriterId};

/// So often an update is tried anew because another call was quicker: each time that one has got on.
const MOST_TRIES: u32 = 1_000;

/// Reads and writes a [`StateBag`] for one call. Clones write for the same call and know what it has
/// read.
///
/// Every write takes effect at once, whole or not at all, and is visible to all. When a call that
/// runs under an [`Executor`](crate::Executor) fails, what it had put to merged keys is withdrawn;
/// what it wrote to other keys stays. Once the call has ended its writer refuses to write.
#[derive(Clone)]
pub struct BagWriter(Arc<Inner>);

struct Inner {
    bag: StateBag,
    who: Who,
    output: Option<Arc<str>>,
    sight: Mutex<Sight>,
}

/// What the call knows, and whether it still writes. Locked before the bag is.
#[derive(Default)]
struct Sight {
    /// The versions it has read or made of keys that had a value.
    seen: HashMap<Arc<str>, u64>,
    /// The merged keys that it has put something to.
    merged: BTreeSet<Arc<str>>,
    has_ended: bool,
}

impl BagWriter {
    pub(super) fn new(bag: StateBag, who: Who, output: Option<Arc<str>>) -> BagWriter {
        BagWriter(Arc::new(Inner { bag, who, output, sight: Mutex::default() }))
    }

    /// Who writes.
    pub fn id(&self) -> &WriterId {
        &self.0.who.id
    }

    /// The bag.
    pub fn bag(&self) -> &StateBag {
        &self.0.bag
    }

    /// The value of a key; `None` if it has none. The call may write over it from here on, until
    /// another one does.
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
        let found = self.look(key);
        snapshot::typed(key, found)
    }

    /// All keys as they are at one moment. The call has read all of them then.
    pub fn snapshot(&self) -> BagSnapshot {
        let mut sight = self.0.sight.lock();
        let snapshot = self.0.bag.snapshot();
        let versions = snapshot.keys.iter().map(|(key, it)| (key.clone(), it.version));
        sight.seen = versions.collect();
        snapshot
    }

    /// Gives a key a value, or puts it to what others have put to a merged key. Returns the version.
    ///
    /// # Errors
    /// [`BagError::Conflict`] if the key is not merged and its value is of another call and was not
    /// read by this one; [`BagError::Merge`] if it cannot be merged; a bound.
    pub fn set<T: Serialize>(&self, key: &str, value: T) -> Result<u64, BagError> {
        self.write_one(key, Write::Set(json(key, value)?), |_, _| ())
    }

    /// Adds to a number, which is zero while the key has no value, and returns the sum. Whole
    /// numbers are exact; a float makes the sum a float.
    ///
    /// # Errors
    /// The value is no number, the sum too large, or the key merged by anything but `sum`; a bound.
    pub fn add(&self, key: &str, amount: impl Into<Amount>) -> Result<Number, BagError> {
        let amount = finite(key, amount.into())?;
        let mut sum = None;
        self.write_one(key, Write::Add(amount), |books, key| sum = books.value(key))?;
        match sum.as_ref().map(|it| &*it.value) {
            Some(Value::Number(sum)) => Ok(sum.clone()),
            _ => Ok(Number::from(0)),
        }
    }

    /// Gives a key a value if it has this version, 0 for a key without one. Returns the version.
    ///
    /// # Errors
    /// [`BagError::Conflict`] with the version that it has; the key is merged; a bound.
    pub fn compare_and_swap<T: Serialize>(
        &self,
        key: &str,
        version: u64,
        value: T,
    ) -> Result<u64, BagError> {
        self.write_one(key, Write::Swap(version, json(key, value)?), |_, _| ())
    }

    /// Makes another value of the one there is, as often as it takes until no other call comes
    /// between, at most 1,000 times, and returns it. No lock is held while `change` runs.
    ///
    /// # Errors
    /// Those of [`BagWriter::get`] and [`BagWriter::compare_and_swap`].
    pub fn update<T: DeserializeOwned + Serialize>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, BagError> {
        let mut tries = 1;
        loop {
            let (present, version) = self.get_versioned(key)?;
            let value = change(present);
            match self.compare_and_swap(key, version, &value) {
                Ok(_) => return Ok(value),
                Err(BagError::Conflict(_)) if tries < MOST_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes a key with all that was put to it. Nothing happens if it has no value.
    ///
    /// # Errors
    /// [`BagError::Conflict`] if another call has written to it and this one has not read that.
    pub fn remove(&self, key: &str) -> Result<(), BagError> {
        self.write_one(key, Write::Remove, |_, _| ()).map(|_| ())
    }

    /// Several writes that take effect together or not at all.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Ends the writer for a call that failed, and withdraws what it has put to merged keys. An
    /// executor does this for the calls that it runs.
    pub fn withdraw(&self) {
        self.end(false);
    }

    /// The key that the policy gives the call's output.
    pub(super) fn output(&self) -> Option<&Arc<str>> {
        self.0.output.as_ref()
    }

    /// From here on the writer writes no more.
    pub(super) fn end(&self, succeeded: bool) {
        let mut sight = self.0.sight.lock();
        let merged = std::mem::take(&mut sight.merged);
        if !succeeded {
            self.0.bag.books.lock().withdraw(&self.0.who, merged);
        }
        sight.has_ended = true;
    }

    /// Does all of the writes or none, then looks at what has become.
    pub(super) fn write<R>(
        &self,
        writes: Vec<(Arc<str>, Write)>,
        then: impl FnOnce(&mut Books) -> R,
    ) -> Result<(u64, R), BagError> {
        let mut sight = self.0.sight.lock();
        if sight.has_ended {
            return Err(BagError::Ended { call: self.0.who.id.clone() });
        }
        let keys: Vec<Arc<str>> = writes.iter().map(|(key, _)| key.clone()).collect();
        let planned = writes.into_iter().map(|(key, write)| {
            let seen = sight.seen.get(&key).copied();
            (key, write, seen)
        });
        let planned = planned.collect();
        let mut books = self.0.bag.books.lock();
        let version = books.write(&self.0.who, planned)?;
        for key in keys {
            sight.has_written(key, &books);
        }
        Ok((version, then(&mut books)))
    }

    fn write_one(
        &self,
        key: &str,
        write: Write,
        then: impl FnOnce(&mut Books, &str),
    ) -> Result<u64, BagError> {
        let written = self.write(vec![(key.into(), write)], |books| then(books, key));
        written.map(|(version, ())| version)
    }

    fn look(&self, key: &str) -> Option<Versioned> {
        let mut sight = self.0.sight.lock();
        let mut books = self.0.bag.books.lock();
        let found = books.value(key);
        sight.has_seen(key, found.as_ref().map(|it| it.version), books.max_keys());
        found
    }
}

impl Sight {
    fn has_seen(&mut self, key: &str, version: Option<u64>, most: usize) {
        let Some(version) = version else {
            self.seen.remove(key);
            return;
        };
        // Keys that were removed by others may pile up here. To have forgotten some is safe: the
        // call must read them anew before it writes over them.
        if self.seen.len() > most {
            self.seen.clear();
        }
        self.seen.insert(key.into(), version);
    }

    /// The call knows what it has made of a key, but not what others have put to a merged one.
    fn has_written(&mut self, key: Arc<str>, books: &Books) {
        match books.version_of(&key) {
            Some((_, true)) => drop(self.merged.insert(key)),
            Some((version, false)) => drop(self.seen.insert(key, version)),
            None => drop(self.seen.remove(&key)),
        }
    }
}

/// A value as the bag keeps it.
pub(super) fn json(key: &str, value: impl Serialize) -> Result<Value, BagError> {
    let wrong =
        |error: serde_json::Error| BagError::Type { key: key.into(), reason: error.to_string() };
    serde_json::to_value(value).map_err(wrong)
}

pub(super) fn finite(key: &str, amount: Amount) -> Result<Number, BagError> {
    let reason = || "what is added is not a finite number".to_owned();
    amount.0.ok_or_else(|| BagError::Merge { key: key.into(), reason: reason() })
}

impl fmt::Debug for BagWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BagWriter").field("id", &self.0.who.id).finish_non_exhaustive()
    }
}
