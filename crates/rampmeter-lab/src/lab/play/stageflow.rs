//! The real `stageflow-core`, in a Python of its own. Its driver is part of this binary: a Python with
//! the package is all that has to be there.

use std::fmt;
use std::path::Path;
use std::process::Command;

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
/// There is no such Python, or no `stageflow-core` in it: with what to do about it.
pub fn find(python: &Path) -> Result<Under, String> {
    let place = python.display();
    let asked = Command::new(python).args(["-c", ASK]).output();
    let answer = asked.map_err(|error| format!("cannot start {place}: {error}; {}", remedy()))?;
    let said = String::from_utf8_lossy(&answer.stdout);
    let mut lines = said.lines().map(str::trim);
    match (lines.next(), lines.next()) {
        (Some(stageflow), Some(python)) if answer.status.success() => {
            Ok(Under { stageflow: stageflow.to_owned(), python: python.to_owned() })
        }
        _ => {
            let why = String::from_utf8_lossy(&answer.stderr);
            let why = why.lines().last().unwrap_or("it said nothing");
            Err(format!("{place} has no stageflow-core that it can use: {why}; {}", remedy()))
        }
    }
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

    #[test]
    fn a_python_that_is_not_there_gets_a_remedy() {
        let error = find(Path::new("no-such-python")).unwrap_err();
        assert!(error.starts_with("cannot start no-such-python: "), "{error}");
        assert!(error.contains("pip install stageflow-core=="), "{error}");
    }
}
