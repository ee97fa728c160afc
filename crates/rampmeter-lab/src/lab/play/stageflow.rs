//! The real `stageflow-core`, in a Python of its own. Its driver is part of this binary: a Python with
//! the package is all that has to be there.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The modules of the driver, each after those that it imports; the last one's `main` plays.
pub const DRIVER: &[(&str, &str)] = &[
    ("clock", include_str!("../../../stageflow/clock.py")),
    ("script", include_str!("../../../stageflow/script.py")),
    ("book", include_str!("../../../stageflow/book.py")),
    ("faults", include_str!("../../../stageflow/faults.py")),
    ("world", include_str!("../../../stageflow/world.py")),
    ("tools", include_str!("../../../stageflow/tools.py")),
    ("turns", include_str!("../../../stageflow/turns.py")),
    ("house", include_str!("../../../stageflow/house.py")),
    ("measure", include_str!("../../../stageflow/measure.py")),
    ("driver", include_str!("../../../stageflow/driver.py")),
];

/// Makes modules of what [`DRIVER`] holds.
const BOOT: &str = include_str!("../../../stageflow/boot.py");

/// What is asked for of the package index, with the version that is known.
const REQUIREMENTS: &str = include_str!("../../../stageflow/requirements.txt");

/// Says the versions of both, or why it cannot.
const ASK: &str = "import sys; sys.path[:] = [p for p in sys.path if p]; import importlib.metadata, \
    platform, stageflow; print(importlib.metadata.version('stageflow-core')); \
    print(platform.python_implementation(), platform.python_version())";

/// So long a Python may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long the rest of its words is waited for when it has ended: what it started may hold them open.
const SPEAKING: Duration = Duration::from_secs(1);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// So much is heard of what it says, in bytes; more is nonsense.
const HEARD: u64 = 64 * 1024;
/// So much is shown of a line, in characters.
const SHOWN: usize = 80;

/// What the calls of a playing ran on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Under {
    /// The version of `stageflow-core`.
    pub stageflow: String,
    /// The Python, such as `CPython 3.11.7`.
    pub python: String,
}

impl Under {
    /// Whether it is the version that the lab knows, and `docs/stageflow.md` tells of.
    pub fn is_known(&self) -> bool {
        self.stageflow == known()
    }
}

impl fmt::Display for Under {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stageflow-core {}, {}", self.stageflow, self.python)
    }
}

/// The version of `stageflow-core` that the lab knows.
pub fn known() -> &'static str {
    let pinned = REQUIREMENTS.lines().find_map(|line| line.strip_prefix("stageflow-core=="));
    pinned.unwrap_or_default().trim()
}

/// Which Stageflow a Python has.
///
/// # Errors
///
/// There is no such Python, no `stageflow-core` in it, or it does not say so within ten seconds: with what
/// to do about it.
pub fn find(python: &Path) -> Result<Under, String> {
    find_within(python, PATIENCE)
}

fn find_within(python: &Path, patience: Duration) -> Result<Under, String> {
    let place = python.display();
    let mut command = Command::new(python);
    let asked = command.args(["-c", ASK]).stdin(Stdio::null());
    let asked = asked.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child =
        asked.map_err(|error| format!("cannot start {place}: {error}; {}", remedy()))?;
    let (said, why) = (heard(child.stdout.take()), heard(child.stderr.take()));
    let Some(status) = ended(&mut child, patience) else {
        return Err(format!(
            "{place} had not said within {patience:?} what it has, and was stopped; see what it does, or \
             name another Python with --python"
        ));
    };
    let last_words = |of: Receiver<String>| of.recv_timeout(SPEAKING).unwrap_or_default();
    let (said, why) = (last_words(said), last_words(why));
    if !status.success() && (said.is_empty() || !why.is_empty()) {
        let why = why.lines().last().unwrap_or("it said nothing");
        return Err(format!("{place} has no stageflow-core that it can use: {why}; {}", remedy()));
    }
    under(&said).filter(|_| status.success()).ok_or_else(|| {
        let shown: String = said.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
        format!("{place} does not answer as a Python does, but with {shown:?}; name another with --python")
    })
}

/// What is read, up to a bound, when nothing more comes; whoever holds it open holds nobody up.
fn heard(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        // What cannot be read is not said.
        let _ = from.map(|from| from.take(HEARD).read_to_end(&mut text));
        let _ = tell.send(String::from_utf8_lossy(&text).into_owned());
    });
    told
}

/// How it ended; nothing if it did not by itself.
fn ended(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < until => thread::park_timeout(LOOK),
            Ok(Some(status)) => return Some(status),
            _ => break,
        }
    }
    // It may have ended this very moment.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// What an answer says: two lines at its end.
fn under(said: &str) -> Option<Under> {
    let mut lines = said.lines().rev().map(str::trim);
    let (python, stageflow) = (lines.next()?, lines.next()?);
    let is_version = |it: &str| {
        it.starts_with(|first: char| first.is_ascii_digit())
            && it.chars().all(|it| it.is_ascii_alphanumeric() || ".+-!".contains(it))
    };
    let is_python = python.split_once(' ').is_some_and(|(_, version)| is_version(version));
    let both = is_version(stageflow) && is_python;
    both.then(|| Under { stageflow: stageflow.to_owned(), python: python.to_owned() })
}

/// The driver as a process, which speaks the lines of a child of the lab; its standard streams are the
/// caller's to set.
pub fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    // Nothing that Python draws by itself may reach a record.
    command.env("PYTHONHASHSEED", "0").args(["-c", BOOT]);
    for (name, source) in DRIVER {
        command.args([name, source]);
    }
    command
}

fn remedy() -> String {
    format!(
        "install it there with `pip install stageflow-core=={}` (Python 3.11 or newer), or let \
         `cargo xtask lab` set one up",
        known()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_the_driver_is_part_of_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/stageflow");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut on_disk: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|it| it == "py"))
            .filter_map(|path| path.file_stem().map(|stem| stem.to_str().unwrap().to_owned()))
            .filter(|name| name != "boot")
            .collect();
        let mut built_in: Vec<_> = DRIVER.iter().map(|(name, _)| (*name).to_owned()).collect();
        on_disk.sort();
        built_in.sort();
        assert_eq!(on_disk, built_in);
    }

    #[test]
    fn the_known_version_is_the_one_that_is_installed() {
        assert!(known().split('.').count() == 3, "{:?}", known());
    }

    #[cfg(unix)]
    #[test]
    fn a_python_that_says_nothing_or_nonsense_is_named_with_what_it_did() {
        let folder = tempfile::TempDir::new().unwrap();
        for (does, said) in [
            ("while :; do :; done", "had not said within 50ms what it has"),
            ("echo 1.2.0", "does not answer as a Python does, but with \"1.2.0\""),
            ("echo hello; echo world", "does not answer as a Python does, but with \"hello\""),
            ("exec yes", "does not answer as a Python does, but with \"y\""),
            ("exit 3", "no stageflow-core that it can use: it said nothing"),
        ] {
            let python = folder.path().join("python");
            // Written by a process that has ended, so that nobody holds it open who would be in its way.
            let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod +x \"$0\"";
            let mut shell = Command::new("sh");
            shell.args(["-c", write]).arg(&python).arg(does);
            assert!(shell.status().unwrap().success());
            let patience =
                Duration::from_millis(if does.starts_with("while") { 50 } else { 60_000 });
            let error = find_within(&python, patience).unwrap_err();
            assert!(error.contains(said), "no {said:?} in {error:?}");
        }
    }

    #[test]
    fn an_answer_ends_with_both_versions() {
        let found = under("a word from site.py\n1.2.0rc1\nCPython 3.11.7\n").unwrap();
        assert_eq!(found.to_string(), "stageflow-core 1.2.0rc1, CPython 3.11.7");
    }

    #[test]
    fn a_python_that_is_not_there_gets_a_remedy() {
        let error = find(Path::new("no-such-python")).unwrap_err();
        assert!(error.starts_with("cannot start no-such-python: "), "{error}");
        assert!(error.contains("pip install stageflow-core=="), "{error}");
    }
}
