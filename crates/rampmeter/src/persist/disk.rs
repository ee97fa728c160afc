//! The few things that are asked of a disk, one by one, so that tests may stop between any two.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// A state file may be so large; whoever has more has something else.
const MOST_BYTES: u64 = 1 << 30;

/// Where state files are.
pub(crate) trait Disk: Send {
    /// A file's content; `None` if there is no such file.
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// A new file for its owner alone, in the place of whatever was there.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// What was written to a file is on the disk when this returns.
    fn sync(&mut self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in the place of whatever had it.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// The names of a folder's files are on the disk when this returns.
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;
    /// Whether anything has this name.
    fn has(&mut self, path: &Path) -> bool;
}

/// The operating system's.
#[derive(Debug, Default)]
pub(crate) struct RealDisk {
    /// The file that was written last, until it is synced.
    open: Option<File>,
}

impl Disk for RealDisk {
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?,
        };
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.open = None;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // New, so that nobody's link leads elsewhere.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        self.open = Some(file);
        Ok(())
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        match self.open.take() {
            Some(file) => file.sync_all(),
            None => OpenOptions::new().write(true).open(path)?.sync_all(),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and a rename needs no such thing.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        let _ = folder;
        Ok(())
    }

    fn has(&mut self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }
}
