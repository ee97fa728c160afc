//! A file that is there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// As many as a system follows.
const MOST_LINKS: usize = 40;

/// Writes a file beside its place, and gives it its name when all of it is on the disk. What had
/// the name before is there until then, and if it fails, afterwards. A link is followed, a device or a
/// pipe of that name is written to as it is, and a folder that is missing is made.
///
/// # Errors
///
/// What could not be written; nothing of it is left.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StoreError> {
    let unwritten = |error| StoreError::Write(path.into(), error);
    let path = &followed(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| StoreError::Write(folder.into(), error))?;
    }
    match fs::metadata(path) {
        Ok(it) if !it.is_file() => return fill(path, write).map(drop).map_err(unwritten),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritten(error)),
        _ => {}
    }
    let part = part_of(path);
    // Not all of a full disk's errors come before the sync.
    let written = fill(&part, write).and_then(|file| file.sync_data());
    written.and_then(|()| fs::rename(&part, path)).map_err(|error| {
        let _ = fs::remove_file(&part);
        unwritten(error)
    })
}

/// Where a link leads, also if nothing is there yet; after so many links it is one that leads to itself.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(to) = fs::read_link(&path) else { break };
        path.pop();
        path.push(to);
    }
    path
}

fn fill(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<File> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)
}

/// The name of a file while it is being written.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}
