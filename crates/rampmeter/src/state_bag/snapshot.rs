//! What a bag holds at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::BagError;
use super::writer_id::WriterId;

/// The value of a key.
#[derive(Clone, PartialEq, Debug)]
pub struct Versioned {
    /// The value.
    pub value: Arc<Value>,
    /// The number of the write that made it so, of all that the bag saw; never 0.
    pub version: u64,
    /// Who wrote last.
    pub by: Arc<WriterId>,
}

/// All keys of a bag as they were at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BagSnapshot {
    /// By key.
    pub keys: BTreeMap<Arc<str>, Versioned>,
    /// How many writes the bag had seen: no version is greater.
    pub version: u64,
}

impl BagSnapshot {
    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).map(|it| &*it.value)
    }
}

/// What was found, as a `T`.
pub(super) fn typed<T: DeserializeOwned>(
    key: &str,
    found: Option<Versioned>,
) -> Result<(Option<T>, u64), BagError> {
    let Some(found) = found else { return Ok((None, 0)) };
    let value = T::deserialize(&*found.value)
        .map_err(|error| BagError::Type { key: key.into(), reason: error.to_string() })?;
    Ok((Some(value), found.version))
}
