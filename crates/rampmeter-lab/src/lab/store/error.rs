//! Why something could not be kept or read.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a folder of playings cannot be used, or a file of it not be written.
#[derive(Debug)]
pub enum StoreError {
    /// The folder's name is that of something else.
    NoFolder(PathBuf),
    /// Somebody else plays into it.
    Taken(PathBuf),
    /// It holds nothing that was played.
    Empty(PathBuf),
    /// A file or folder cannot be read.
    Read(PathBuf, io::Error),
    /// A file or folder cannot be written.
    Write(PathBuf, io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NoFolder(path) => {
                write!(f, "{} is no folder: name another one with --out", path.display())
            }
            StoreError::Taken(path) => write!(
                f,
                "another lab run plays into {}: wait for its end, or name another folder with --out",
                path.display()
            ),
            StoreError::Empty(path) => write!(
                f,
                "{} holds nothing that was played: name a folder that `rampmeter lab run --out` \
                 has written",
                path.display()
            ),
            StoreError::Read(path, error) => {
                write!(f, "cannot read {}: {error}; check its name and permissions", path.display())
            }
            StoreError::Write(path, error) => {
                let remedy = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room",
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        "see that it may be written"
                    }
                    _ => "see what is in its way",
                };
                write!(f, "cannot write {}: {error}; {remedy}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}
