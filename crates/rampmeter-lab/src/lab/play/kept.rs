//! What of a gate outlives the death of its process: the file that it keeps its quotas' use in.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rampmeter::{Durability, Gate};

/// A folder of its own, for as long as it lives.
pub(super) struct Kept {
    folder: PathBuf,
    /// How many gates have been given a file.
    gates: AtomicU64,
}

/// A gate writes its state once a second; one that is about to die has last done so at the last full
/// second before.
pub(super) const INTERVAL_NS: u64 = 1_000_000_000;

/// It is written when it is asked for: the second is that of the playing's time.
const WHEN_ASKED: Durability = Durability::Interval(Duration::from_secs(1 << 30));

impl Kept {
    pub(super) fn new() -> Result<Kept, String> {
        static FOLDERS: AtomicU64 = AtomicU64::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("rampmeter-lab-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).map_err(|error| says(&folder, &error))?;
        Ok(Kept { folder, gates: AtomicU64::new(0) })
    }

    /// A new gate takes in what the one before it had written, and has a file of its own.
    pub(super) fn resumes(&self, gate: &Gate) -> Result<(), String> {
        let number = self.gates.fetch_add(1, Ordering::Relaxed);
        gate.persist(self.file(number), WHEN_ASKED).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The present gate writes its state: this is what the next one will find.
    pub(super) fn writes(&self, gate: &Gate) -> Result<(), String> {
        gate.save().map_err(|error| error.to_string())?;
        let next = self.gates.load(Ordering::Relaxed);
        let (from, to) = (self.file(next.saturating_sub(1)), self.file(next));
        fs::copy(from, &to).map_err(|error| says(&to, &error))?;
        Ok(())
    }

    fn file(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.state"))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // What cannot be removed stays behind in the folder for what is temporary.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn says(path: &std::path::Path, error: &io::Error) -> String {
    format!("{}: cannot keep a gate's state: {error}; make room there", path.display())
}
