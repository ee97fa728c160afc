//! The folder that playings are kept in.

use std::fs::{self, File, TryLockError};
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use super::super::record::Played;
use super::super::regime::{Clock, Job};
use super::super::scenario::Scenario;
use super::error::StoreError;
use super::file::{self, Flaw, Head};
use super::whole::write_whole;

const JOBS: &str = "jobs";
const SCENARIOS: &str = "scenarios";
const LOCK: &str = "lab.lock";

/// A folder of playings.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held for as long as somebody plays into it.
    _lock: Option<File>,
}

/// A playing as it was found.
#[derive(Debug)]
pub struct Kept {
    /// Its file.
    pub path: PathBuf,
    /// What it was played from, if so much can be read.
    pub from: Option<String>,
    /// The build that played it.
    pub by: Option<String>,
    /// The playing, or why it is not believed.
    pub played: Result<Played, Flaw>,
}

impl Store {
    /// Opens a folder to play into, and makes it if need be. It is held until the store is dropped.
    ///
    /// # Errors
    ///
    /// If it is no folder, cannot be written, or another process plays into it.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        if folder.exists() && !folder.is_dir() {
            return Err(StoreError::NoFolder(folder.into()));
        }
        let in_the_way = |error| StoreError::Write(folder.into(), error);
        fs::create_dir_all(folder.join(JOBS)).map_err(in_the_way)?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(|error| StoreError::Write(path.clone(), error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Store { folder: folder.into(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Taken(folder.into())),
            Err(TryLockError::Error(error)) => Err(StoreError::Write(path, error)),
        }
    }

    /// Opens a folder that was played into already, as [`open`](Store::open) does.
    ///
    /// # Errors
    ///
    /// If nothing was ever played into it, it cannot be written, or another process plays into it.
    pub fn reopen(folder: &Path) -> Result<Store, StoreError> {
        Store::read_only(folder)?;
        Store::open(folder)
    }

    /// Opens a folder to read what was played.
    ///
    /// # Errors
    ///
    /// If it is no folder or nothing was ever played into it.
    pub fn read_only(folder: &Path) -> Result<Store, StoreError> {
        match fs::metadata(folder) {
            Err(error) => Err(StoreError::Read(folder.into(), error)),
            Ok(it) if !it.is_dir() => Err(StoreError::NoFolder(folder.into())),
            Ok(_) if !folder.join(JOBS).is_dir() => Err(StoreError::Empty(folder.into())),
            Ok(_) => Ok(Store { folder: folder.into(), _lock: None }),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the playing of a job is kept.
    pub fn path(&self, job: &Job) -> PathBuf {
        let Job { scenario, regime, seed, clock, size } = job;
        let size = size.map(|size| format!("@{size}")).unwrap_or_default();
        let clock = match clock {
            Clock::Virtual => "virtual",
            Clock::Real => "real",
        };
        let name = format!("{regime}{size}-{seed}.{clock}.jsonl");
        self.folder.join(JOBS).join(scenario).join(name)
    }

    /// Whether a job was played to its end from what has the fingerprint `from`, by the build `by`:
    /// nothing if it was never played.
    ///
    /// # Errors
    ///
    /// Why what is there is not believed.
    pub fn has(&self, job: &Job, from: &str, by: &str) -> Result<bool, Flaw> {
        let path = self.path(job);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file.map_err(|error| Flaw::Unreadable(error.to_string()))?,
        };
        let mut file = BufReader::new(file);
        let head = file::head(&mut file)?;
        if (&head.job, head.from.as_str(), head.by.as_str()) != (job, from, by) {
            return Err(Flaw::Outdated);
        }
        match read(&path).played?.facts.broken {
            Some(why) => Err(Flaw::Broken(why)),
            None => Ok(true),
        }
    }

    /// Keeps a playing.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then what was kept of the job before is still there.
    pub fn keep(&self, played: &Played, from: &str, by: &str) -> Result<(), StoreError> {
        let head = Head { job: played.job.clone(), from: from.into(), by: by.into() };
        write_whole(&self.path(&played.job), |out| file::write(out, &head, played))
    }

    /// Keeps what a scenario says, so that its playings can be read without it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn keep_scenario(&self, scenario: &Scenario) -> Result<(), StoreError> {
        let path = self.scenario_path(&scenario.name);
        if fs::read_to_string(&path).is_ok_and(|text| text == scenario.text) {
            return Ok(());
        }
        write_whole(&path, |out| out.write_all(scenario.text.as_bytes()))
    }

    /// The names and texts of all scenarios that were played, by name.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn scenarios(&self) -> Result<Vec<(String, String)>, StoreError> {
        let folder = self.folder.join(SCENARIOS);
        let mut found = Vec::new();
        for path in files(&folder, "toml")? {
            let text = fs::read_to_string(&path);
            let text = text.map_err(|error| StoreError::Read(path.clone(), error))?;
            found.push((name_within(&folder, &path), text));
        }
        Ok(found)
    }

    /// Where a scenario's text is kept.
    pub fn scenario_path(&self, name: &str) -> PathBuf {
        self.folder.join(SCENARIOS).join(format!("{name}.toml"))
    }

    /// The files of all that was played, by name.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, StoreError> {
        files(&self.folder.join(JOBS), "jsonl")
    }

    /// What one of those files holds.
    pub fn read(&self, path: &Path) -> Kept {
        let mut kept = read(path);
        if let Ok(played) = &kept.played
            && self.path(&played.job) != path
        {
            kept.played = Err(Flaw::Line(1, "it is another job's than its name says".into()));
        }
        kept
    }
}

fn read(path: &Path) -> Kept {
    let read = File::open(path)
        .map_err(|error| Flaw::Unreadable(error.to_string()))
        .and_then(|file| file::read(&mut BufReader::new(file)));
    let (head, played) = match read {
        Ok((head, played)) => (Some(head), Ok(played)),
        Err(flaw) => (None, Err(flaw)),
    };
    let (from, by) = head.map(|head| (head.from, head.by)).unzip();
    Kept { path: path.into(), from, by, played }
}

/// All files of this ending in a folder and below it, in the order of their names.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, StoreError> {
    let unread = |error| StoreError::Read(folder.into(), error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unread)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unread)?.path();
        if path.is_dir() {
            found.extend(files(&path, ending)?);
        } else if path.extension().is_some_and(|it| it == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `family/name` of `FOLDER/family/name.toml`.
fn name_within(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let parts = inside.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
