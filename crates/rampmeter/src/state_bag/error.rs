//! What a bag does not do, and what to do instead.

use std::fmt;
use std::sync::Arc;

use super::journal::Operation;
use super::writer_id::WriterId;

/// Why a bag did not do what it was asked. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BagError {
    /// Another call wrote the key meanwhile.
    Conflict(Box<Conflict>),
    /// The value cannot be put to what is there: no number, too large a sum, or the merge's own
    /// function says no.
    Merge {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// The key is merged, and merged keys are only set, added to or removed.
    Merged {
        /// The key.
        key: String,
        /// How.
        merge: &'static str,
        /// What was asked for.
        operation: Operation,
    },
    /// The bag would grow beyond a bound.
    Full {
        /// The key.
        key: String,
        /// Which bound.
        bound: Bound,
        /// How much that is.
        most: u64,
    },
    /// A key is empty or longer than it may be.
    Key {
        /// How long it is.
        bytes: usize,
    },
    /// A value is not of the type that was asked for, or cannot be written as JSON.
    Type {
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The call has ended: it succeeded, failed or was given up.
    Ended {
        /// Which call.
        call: Arc<WriterId>,
    },
}

/// Two calls wrote one key, and the second had not seen what the first wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The key.
    pub key: String,
    /// Whose write did not happen.
    pub call: Arc<WriterId>,
    /// Whose write it had not seen; unknown if that removed the key and the journal does not go
    /// back so far.
    pub other: Option<Arc<WriterId>>,
    /// The version it had seen; 0 for none.
    pub seen: u64,
    /// The version there is; 0 if there is none.
    pub present: u64,
}

/// What may not grow beyond it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bound {
    /// [`BagRules::max_keys`](super::BagRules::max_keys).
    Keys,
    /// [`BagRules::max_value_bytes`](super::BagRules::max_value_bytes).
    ValueBytes,
    /// [`BagRules::max_total_bytes`](super::BagRules::max_total_bytes).
    TotalBytes,
}

impl Bound {
    /// Its name in [`BagRules`](super::BagRules).
    pub fn as_str(self) -> &'static str {
        match self {
            Bound::Keys => "max_keys",
            Bound::ValueBytes => "max_value_bytes",
            Bound::TotalBytes => "max_total_bytes",
        }
    }
}

impl fmt::Display for BagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BagError::Conflict(conflict) => write!(f, "{conflict}"),
            BagError::Merge { key, reason } => write!(f, "state key {key:?}: {reason}"),
            BagError::Merged { key, merge, operation } => write!(
                f,
                "state key {key:?} is merged by `{merge}`, so it takes no `{}`: set it, or declare no \
                 merge for it",
                operation.as_str()
            ),
            BagError::Full { key, bound, most } => write!(
                f,
                "state key {key:?} would go beyond `{}`, {most}: write less, or raise the bound",
                bound.as_str()
            ),
            BagError::Key { bytes } => write!(
                f,
                "a state key has 1 to {} bytes, not {bytes}: give it another name",
                rampmeter_core::MAX_KEY_BYTES
            ),
            BagError::Type { key, reason } => write!(f, "state key {key:?}: {reason}"),
            BagError::Ended { call } => write!(
                f,
                "{call} has ended and writes no more: let the tool wait for what it starts"
            ),
        }
    }
}

impl std::error::Error for BagError {}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conflict { key, call, other, seen, present } = self;
        write!(f, "conflict at state key {key:?}: {call} has not seen ")?;
        match (other, present) {
            (Some(other), 0) => write!(f, "that {other} removed it")?,
            (None, 0) => write!(f, "that it has no value")?,
            (Some(other), _) => write!(f, "what {other} wrote (version {present}")?,
            (None, _) => write!(f, "its version {present}")?,
        }
        if *present > 0 && other.is_some() {
            match seen {
                0 => write!(f, ")")?,
                seen => write!(f, "; it saw {seen})")?,
            }
        }
        write!(
            f,
            "; read the key before writing it, use `add` or `update`, or declare how it is merged, as \
             in [state] {key:?} = \"append\""
        )
    }
}
