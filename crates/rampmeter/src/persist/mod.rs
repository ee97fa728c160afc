//! Quotas that survive restarts: what the rates of a gate have used is kept in a file.
//!
//! See [`Gate::persist`](crate::Gate::persist).

mod disk;
mod format;
mod record;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use disk::RealDisk;
pub(crate) use record::{InstanceRecord, Record, unix_ns};
pub(crate) use store::Store;

/// How much of what was used may be forgotten if the process or the machine dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What changed is written so often, and when the gate is dropped; in between, nobody waits
    /// for the disk. What was used since the last write may be forgotten.
    Interval(Duration),
    /// Nothing: what a call is charged is on the disk before it is admitted. A write charges some
    /// calls more in advance, so that most calls need not wait for one; what nobody has used of
    /// that by the end is given back when the gate is dropped, and stays charged if it dies.
    Strict,
}

impl Durability {
    /// How often is written unless something else is said.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
}

impl Default for Durability {
    /// Every second.
    fn default() -> Durability {
        Durability::Interval(Durability::DEFAULT_INTERVAL)
    }
}

/// What [`Gate::persist`](crate::Gate::persist) found in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How long ago it was written; `None` if there was no state.
    pub age: Option<Duration>,
    /// Whether the gate that wrote it came to its end; if not, what it used last may be missing.
    pub clean: bool,
    /// Rates that carry on.
    pub rates: usize,
    /// By how much the file is from the future: the clock was set back since, and nothing that
    /// was used is forgotten before a whole period has passed.
    pub ahead: Option<Duration>,
    /// What the policy has no place for.
    pub left_out: Vec<LeftOut>,
    /// What was in the place of the state, and none.
    pub set_aside: Option<SetAside>,
}

/// How the keeping of a gate's state has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persisted {
    /// The file.
    pub path: PathBuf,
    /// Writes that are on the disk.
    pub writes: u64,
    /// Writes that failed.
    pub failures: u64,
    /// Why the last one did, if it did.
    pub last_error: Option<String>,
}

/// A part of a state that was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The limit's name.
    pub limit: String,
    /// Why.
    pub why: &'static str,
}

/// A file that was no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it was.
    pub from: PathBuf,
    /// Where it is now.
    pub to: PathBuf,
    /// What was wrong.
    pub why: String,
}

/// Why a state file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum PersistError {
    /// Another process, or another gate of this one, uses it.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// This gate has a state file.
    Already {
        /// That file.
        path: PathBuf,
    },
    /// This gate has none.
    Nowhere,
    /// It cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        error: io::Error,
    },
}

impl fmt::Display for PersistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PersistError::InUse { path } => write!(
                f,
                "{}: another gate keeps its state here, of this process or of another; wait for \
                 its end, or name another file",
                path.display()
            ),
            PersistError::Already { path } => write!(
                f,
                "this gate keeps its state in {} already; make another gate for another file",
                path.display()
            ),
            PersistError::Nowhere => {
                f.write_str("this gate keeps no state; name a file with Gate::persist")
            }
            PersistError::Io { path, doing, error } => write!(
                f,
                "{}: cannot {doing} the state: {error}; name a file in a folder that exists, has \
                 room and may be written to",
                path.display()
            ),
        }
    }
}

impl std::error::Error for PersistError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PersistError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what limit {} had used is left out: {}", self.limit, self.why)
    }
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SetAside { from, to, why } = self;
        write!(
            f,
            "{}: {why}; it is set aside as {}, and quotas begin anew",
            from.display(),
            to.display()
        )
    }
}
