//! The write protocol, stopped everywhere, on a disk that forgets what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rampmeter_core::{Counts, LimitId, RateId, RateUsage, Room, Unit, Usage, Used};

use super::disk::Disk;
use super::format::{Flaw, decode, encode};
use super::record::{InstanceRecord, Record};
use super::store::Store;

const FILE: &str = "state/quota";

/// A disk in memory that a crash stops after so many steps; a step is a byte written, or one of
/// the other operations.
#[derive(Clone, Default)]
struct Model(Arc<Mutex<Files>>);

#[derive(Clone, Default)]
struct Files {
    /// Each with what is written, and how much of that is synced.
    contents: Vec<(Vec<u8>, usize)>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    steps_left: Option<usize>,
    steps: usize,
}

/// What is left after a crash.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The process was killed: the system still has all that it was given.
    Nothing,
    /// Whatever was not synced.
    All,
    /// What was written, but not the names.
    Names,
    /// What was written, but not the names' contents: they have their length, and are zeros.
    Contents,
}

impl Files {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => return Err(io::Error::other("the power is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.steps += 1;
        Ok(())
    }

    fn crashed(mut self, loss: Loss) -> Files {
        self.steps_left = None;
        if matches!(loss, Loss::All | Loss::Names) {
            self.names = self.synced_names.clone();
        }
        for (bytes, synced) in &mut self.contents {
            match loss {
                Loss::All => bytes.truncate(*synced),
                Loss::Contents => bytes[*synced..].fill(0),
                Loss::Nothing | Loss::Names => {}
            }
        }
        self
    }
}

impl Disk for Model {
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let files = self.0.lock();
        Ok(files.names.get(path).map(|at| files.contents[*at].0.clone()))
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.lock();
        files.step()?;
        files.contents.push((Vec::new(), 0));
        let at = files.contents.len() - 1;
        files.names.insert(path.to_owned(), at);
        for byte in bytes {
            files.step()?;
            files.contents[at].0.push(*byte);
        }
        Ok(())
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        let mut files = self.0.lock();
        files.step()?;
        let at = files.names[path];
        files.contents[at].1 = files.contents[at].0.len();
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock();
        files.step()?;
        let at = files.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.names.insert(to.to_owned(), at);
        Ok(())
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        assert_eq!(folder, Path::new("state"));
        let mut files = self.0.lock();
        files.step()?;
        files.synced_names = files.names.clone();
        Ok(())
    }

    fn has(&mut self, path: &Path) -> bool {
        self.0.lock().names.contains_key(path)
    }
}

fn store(disk: &Model) -> Store {
    Store::on(Path::new(FILE), Box::new(disk.clone()))
}

/// A state in which so much was used.
fn record(units: u64) -> Record {
    let period = Duration::from_secs(60);
    let rate = |budget, counts, used| {
        let word = (budget == 1).then_some(Room { left: units, lasts: period });
        RateUsage { id: RateId::default(), budget, counts, amount: 100, period, used, word }
    };
    let taken = (1..=20).map(|at| (Duration::from_millis(at * 17), units)).collect();
    let usage = Usage {
        limit: LimitId(0),
        label: Some("tenant".into()),
        cool_down: Some(period / 7),
        rates: vec![
            rate(0, Counts::Calls, Used::Sliding { window: period, taken }),
            rate(1, Counts::Unit(Unit(0)), Used::Bucket { full_in: Duration::from_micros(units) }),
            rate(2, Counts::Calls, Used::Calendar { units, debt: 0, ends_in: period / 3 }),
        ],
    };
    let instance = |secret| InstanceRecord::new("search", secret, &usage);
    let instances = vec![instance(false), instance(true)];
    Record { written_unix_ns: 1_790_000_000_000_000_000 + units, clean: false, instances }
}

#[test]
fn a_write_that_is_stopped_anywhere_leaves_the_old_state_or_the_new_one_and_none_once_done() {
    let (old, new) = (record(3), record(7));
    let disk = Model::default();
    store(&disk).save(&old).unwrap();
    let before = disk.0.lock().clone();
    let steps = before.steps;
    assert!(steps > 1_000, "{steps} places to stop at");
    let mut news = 0;
    for stop in 0..=steps {
        let disk = Model(Arc::new(Mutex::new(Files { steps_left: Some(stop), ..before.clone() })));
        let done = store(&disk).save(&new).is_ok();
        assert_eq!(done, stop == steps);
        for loss in [Loss::Nothing, Loss::All, Loss::Names, Loss::Contents] {
            let left = Model(Arc::new(Mutex::new(disk.0.lock().clone().crashed(loss))));
            let found = store(&left).load().unwrap();
            assert_eq!(found.set_aside, None, "stopped after {stop}, lost {loss:?}");
            let found = found.record.unwrap();
            assert!(found == new || !done && found == old, "stopped after {stop}, lost {loss:?}");
            news += usize::from(found == new);
            // And it can be written again, over whatever lies there.
            store(&left).save(&new).unwrap();
            assert_eq!(store(&left).load().unwrap().record.as_ref(), Some(&new));
        }
    }
    assert!(news >= 4, "the whole write is seen");
}

#[test]
fn a_file_that_is_cut_off_or_differs_in_one_bit_is_taken_for_nothing() {
    let bytes = encode(&record(3)).unwrap();
    assert_eq!(decode(&bytes), Ok(record(3)));
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "the first {length} bytes");
    }
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&bytes).is_err(), "bit {bit}");
    }
    let longer = [&bytes[..], b" "].concat();
    assert_eq!(decode(&longer), Err(Flaw::Torn));
}

#[test]
fn what_is_none_of_ours_is_told_by_what_is_wrong_with_it() {
    let whole = encode(&record(3)).unwrap();
    let text = String::from_utf8(whole).unwrap();
    let next = text.replacen("rampmeter-state 1 ", "rampmeter-state 2 ", 1);
    let cases: [(&[u8], &str); 6] = [
        (b"", "it is torn"),
        (b"rampmeter", "it is torn"),
        (b"[limits.a]\nrequests = \"1/s\"\n", "it is no state file"),
        (b"\xff\xfe\n", "it is no state file"),
        (next.as_bytes(), "it is of version \"2\", and this program reads version 1"),
        (&text.as_bytes()[..text.len() - 1], "it is torn"),
    ];
    for (bytes, what) in cases {
        let flaw = decode(bytes).unwrap_err().to_string();
        assert!(flaw.starts_with(what), "{flaw}");
    }
}

#[test]
fn what_a_later_program_says_besides_is_passed_over() {
    let text = String::from_utf8(encode(&record(3)).unwrap()).unwrap();
    let body = text.split_once('\n').unwrap().1;
    let more = body.replacen("\"limit\":", "\"more_ns\":5,\"limit\":", 2);
    let more = more.replacen("\"clean\":", "\"more\":{\"than\":[\"this\"]},\"clean\":", 1);
    assert_eq!(serde_json::from_str::<Record>(&more).unwrap(), record(3));
}

#[test]
fn each_flawed_file_is_set_aside_under_a_name_of_its_own_and_none_is_deleted() {
    let disk = Model::default();
    for number in 1..=3 {
        let torn = format!("rampmeter-state 1 {number}");
        let mut writer = disk.clone();
        writer.write(Path::new(FILE), torn.as_bytes()).unwrap();
        let found = store(&disk).load().unwrap();
        assert_eq!(found.record, None);
        let to = PathBuf::from(format!("{FILE}.corrupt-{number}"));
        assert_eq!(found.set_aside.unwrap().to, to);
        assert_eq!(writer.read(&to).unwrap(), Some(torn.into_bytes()));
        assert_eq!(writer.read(Path::new(FILE)).unwrap(), None);
    }
}
