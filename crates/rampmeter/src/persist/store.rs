//! One state file: its lock, how it is read, and how it is written so that a crash at any moment
//! leaves the old one or the new one, whole.
//!
//! 1. Write `FILE.new`, for its owner alone. 2. Sync it: all of it is on the disk. 3. Rename it to
//!    `FILE`: one step, which either happens or does not. 4. Sync the folder: now it has happened.
//!
//! What is found in the place of a state file and is none is renamed to `FILE.corrupt-N`, and
//! never deleted. Whoever holds the lock on `FILE.lock` is the only one who reads or writes.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::format::{self, Flaw};
use super::record::Record;
use super::{PersistError, SetAside};

pub(crate) struct Store {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// Locked for as long as it is open.
    _lock: Option<File>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) record: Option<Record>,
    pub(crate) set_aside: Option<SetAside>,
}

impl Store {
    /// The store at `path`, which nobody else uses.
    pub(crate) fn open(path: &Path, disk: Box<dyn Disk>) -> Result<Store, PersistError> {
        let lock = lock(&beside(path, ".lock"), path)?;
        Ok(Store { path: path.to_owned(), disk, _lock: Some(lock) })
    }

    /// A store on a disk that nobody else has.
    #[cfg(test)]
    pub(crate) fn on(path: &Path, disk: Box<dyn Disk>) -> Store {
        Store { path: path.to_owned(), disk, _lock: None }
    }

    /// Reads the state; what is none is set aside.
    pub(crate) fn load(&mut self) -> Result<Found, PersistError> {
        let bytes = self.disk.read(&self.path);
        let Some(bytes) = bytes.map_err(|error| self.failed("read", error))? else {
            return Ok(Found::default());
        };
        match format::decode(&bytes) {
            Ok(record) => Ok(Found { record: Some(record), set_aside: None }),
            Err(flaw) => Ok(Found { record: None, set_aside: Some(self.set_aside(&flaw)?) }),
        }
    }

    /// Writes the state; it is on the disk when this returns.
    pub(crate) fn save(&mut self, record: &Record) -> Result<(), PersistError> {
        let bytes = format::encode(record).map_err(std::io::Error::other);
        let bytes = bytes.map_err(|error| self.failed("write", error))?;
        let new = beside(&self.path, ".new");
        let disk = &mut self.disk;
        let written = disk
            .write(&new, &bytes)
            .and_then(|()| disk.sync(&new))
            .and_then(|()| disk.rename(&new, &self.path))
            .and_then(|()| disk.sync_folder(folder(&self.path)));
        written.map_err(|error| self.failed("write", error))
    }

    fn set_aside(&mut self, flaw: &Flaw) -> Result<SetAside, PersistError> {
        let mut names = (1u32..).map(|number| beside(&self.path, &format!(".corrupt-{number}")));
        let Some(to) = names.find(|name| !self.disk.has(name)) else {
            return Err(self.failed("set aside", std::io::ErrorKind::AlreadyExists.into()));
        };
        let moved = self.disk.rename(&self.path, &to);
        let moved = moved.and_then(|()| self.disk.sync_folder(folder(&self.path)));
        moved.map_err(|error| self.failed("set aside", error))?;
        Ok(SetAside { from: self.path.clone(), to, why: flaw.to_string() })
    }

    fn failed(&self, doing: &'static str, error: std::io::Error) -> PersistError {
        PersistError::Io { path: self.path.clone(), doing, error }
    }
}

/// Takes the lock, or says who has it.
fn lock(at: &Path, path: &Path) -> Result<File, PersistError> {
    let failed = |error| PersistError::Io { path: path.to_owned(), doing: "lock", error };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(at).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PersistError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// `FILE` with something after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
