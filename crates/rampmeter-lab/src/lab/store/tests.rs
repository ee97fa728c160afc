//! What is kept, and what is not believed.

use std::io::{self, Write};

use tempfile::TempDir;

use super::super::record::{CallRecord, Facts, Played, Run, RunEnd, Status};
use super::super::regime::{Clock, Job, Regime};
use super::file::{self, Head};
use super::*;

fn job() -> Job {
    let scenario = "stress/hundred".into();
    let (regime, clock) = (Regime::Rampmeter, Clock::Virtual);
    Job { scenario, regime, seed: 7, clock, size: Some(4) }
}

fn played() -> Played {
    let run = Run { started: 5, ended: 9, end: RunEnd::Done };
    let record = |call, runs| CallRecord {
        call,
        asked: 0,
        answered: Some(9),
        status: Status::Succeeded,
        runs,
    };
    let facts = Facts { ended: 9, lags: vec![1, 2], ..Facts::default() };
    Played { job: job(), records: vec![record(0, vec![run]), record(1, Vec::new())], facts }
}

fn store() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn text(store: &Store) -> String {
    std::fs::read_to_string(store.path(&job())).unwrap()
}

#[test]
fn what_was_played_is_found_again_as_it_was() {
    let (folder, store) = store();
    assert_eq!(store.has(&job(), "print", "build"), Ok(false));
    store.keep(&played(), "print", "build").unwrap();
    assert_eq!(store.has(&job(), "print", "build"), Ok(true));
    let expected = folder.path().join("jobs/stress/hundred/rampmeter@4-7.virtual.jsonl");
    assert_eq!(store.files().unwrap(), [expected.as_path()]);
    let kept = store.read(&expected);
    assert_eq!(kept.played, Ok(played()));
    assert_eq!((kept.from.as_deref(), kept.by.as_deref()), (Some("print"), Some("build")));
}

#[test]
fn what_was_played_from_something_else_or_by_another_build_is_outdated() {
    let (_folder, store) = store();
    store.keep(&played(), "print", "build").unwrap();
    assert_eq!(store.has(&job(), "another", "build"), Err(Flaw::Outdated));
    assert_eq!(store.has(&job(), "print", "another"), Err(Flaw::Outdated));
}

#[test]
fn what_broke_off_is_kept_and_played_again() {
    let (_folder, store) = store();
    let mut broken = played();
    broken.facts.broken = Some("it died".into());
    store.keep(&broken, "print", "build").unwrap();
    assert_eq!(store.has(&job(), "print", "build"), Err(Flaw::Broken("it died".into())));
    assert_eq!(store.read(&store.path(&job())).played, Ok(broken));
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_not_believed() {
    let (_folder, store) = store();
    store.keep(&played(), "print", "build").unwrap();
    let whole = text(&store);
    for end in 0..whole.len() {
        std::fs::write(store.path(&job()), &whole[..end]).unwrap();
        assert!(store.has(&job(), "print", "build").is_err(), "cut off after {end} bytes");
    }
}

#[test]
fn a_file_with_any_byte_changed_is_not_believed() {
    let (_folder, store) = store();
    store.keep(&played(), "print", "build").unwrap();
    let whole = text(&store).into_bytes();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(store.path(&job()), &changed).unwrap();
        assert!(store.has(&job(), "print", "build").is_err(), "changed at {at}");
    }
}

#[test]
fn a_damaged_file_names_its_line() {
    let (_folder, store) = store();
    store.keep(&played(), "print", "build").unwrap();
    let whole = text(&store);
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines.len(), 5);
    for (text, said) in [
        (lines[..3].join("\n") + "\n", "line 4: its end is missing"),
        ([lines[0], "{broken", lines[2]].join("\n") + "\n", "line 2: "),
        ([lines[0], lines[4]].join("\n") + "\n", "line 2: it does not belong there"),
        ([lines[1], lines[2]].join("\n") + "\n", "line 1: it is not the first line"),
        (whole.clone() + "more\n", "line 6: there is more"),
        ([lines[0], lines[1], lines[3], lines[4], ""].join("\n"), "its checksum is wrong"),
    ] {
        std::fs::write(store.path(&job()), text).unwrap();
        let flaw = store.has(&job(), "print", "build").unwrap_err().to_string();
        assert!(flaw.starts_with(said), "{flaw:?} is not {said:?}");
    }
}

#[test]
fn a_file_under_another_jobs_name_is_not_taken_for_it() {
    let (_folder, store) = store();
    store.keep(&played(), "print", "build").unwrap();
    let other = Job { seed: 8, ..job() };
    std::fs::copy(store.path(&job()), store.path(&other)).unwrap();
    assert_eq!(store.has(&other, "print", "build"), Err(Flaw::Outdated));
    assert!(matches!(store.read(&store.path(&other)).played, Err(Flaw::Line(1, _))));
}

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_is_full_after_any_byte_is_an_error() {
    let head = Head { job: job(), from: String::new(), by: String::new() };
    let mut whole = Vec::new();
    file::write(&mut whole, &head, &played()).unwrap();
    for room in 0..whole.len() {
        assert!(file::write(&mut Full(room), &head, &played()).is_err(), "room for {room}");
    }
    file::write(&mut Full(whole.len()), &head, &played()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_leaves_what_was_there_and_no_part_of_itself() {
    let (_folder, store) = store();
    store.keep(&played(), "before", "build").unwrap();
    let path = store.path(&job());
    let part = path.with_extension("jsonl.part");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = store.keep(&played(), "print", "build").unwrap_err().to_string();
    for said in ["rampmeter@4-7.virtual.jsonl", "make room"] {
        assert!(error.contains(said), "no {said:?} in {error:?}");
    }
    assert!(!part.exists());
    assert_eq!(store.has(&job(), "before", "build"), Ok(true));
    store.keep(&played(), "print", "build").unwrap();
    assert_eq!(store.has(&job(), "print", "build"), Ok(true));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_written_to_and_stays_one() {
    use std::os::unix::fs::FileTypeExt;
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Opened for both, so that neither side waits for the other to come.
    let mut reader = std::fs::File::options().read(true).write(true).open(&pipe).unwrap();
    write_whole(&pipe, |out| out.write_all(b"all of it")).unwrap();
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let mut read = [0; 9];
    io::Read::read_exact(&mut reader, &mut read).unwrap();
    assert_eq!(&read, b"all of it");
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_stays_one_also_if_nothing_is_there_yet() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (link, to) in [("link", "other/file"), ("of-link", "link"), ("itself", "itself")] {
        std::os::unix::fs::symlink(to, at(link)).unwrap();
    }
    for text in ["first", "second"] {
        write_whole(&at("of-link"), |out| out.write_all(text.as_bytes())).unwrap();
        assert_eq!(std::fs::read_to_string(at("other/file")).unwrap(), text);
    }
    assert!(write_whole(&at("itself"), |out| out.write_all(b"it")).is_err());
    for link in ["link", "of-link", "itself"] {
        assert!(at(link).is_symlink(), "{link}");
    }
}

#[test]
fn a_folder_is_played_into_by_one_at_a_time() {
    let (folder, store) = store();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Taken(_))));
    assert!(Store::read_only(folder.path()).is_ok());
    drop(store);
    assert!(Store::open(folder.path()).is_ok());
}

#[test]
fn a_name_that_is_no_folders_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(Store::open(&file), Err(StoreError::NoFolder(_))));
    assert!(matches!(Store::read_only(&file), Err(StoreError::NoFolder(_))));
    assert!(matches!(Store::read_only(folder.path()), Err(StoreError::Empty(_))));
    assert!(matches!(Store::read_only(&folder.path().join("no")), Err(StoreError::Read(..))));
}
