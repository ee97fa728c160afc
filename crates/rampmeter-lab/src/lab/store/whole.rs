//! A file that is there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// Writes a file beside its place, and gives it its name when all of it is on the disk. What had
/// the name before is there until then, and if it fails, afterwards.
///
/// # Errors
///
/// What could not be written; nothing of it is left.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StoreError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| StoreError::Write(folder.into(), error))?;
    }
    let part = part_of(path);
    let written = fill(&part, write).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        StoreError::Write(path.into(), error)
    })
}

fn fill(part: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(part)?);
    write(&mut file)?;
    // Not all of a full disk's errors come before this.
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
}

/// The name of a file while it is being written.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}
