//! `cargo xtask python`: the Python package as its users have it. Its wheel is built and installed in an
//! environment of its own under the build folder, and there it must pass everything: format, lints, tests,
//! doc tests, stubs, types and examples.

mod checks;
mod examples;
mod interpreter;
pub(crate) mod stageflow;
mod venv;
mod wheel;

use std::path::{Path, PathBuf};

use crate::args::PythonOptions;
use crate::tally::Tally;
use crate::{Result, place, process};
use checks::Check;
use interpreter::Interpreter;
pub(crate) use venv::Venv;
pub(crate) use wheel::Profile;

/// The package, relative to the workspace.
const PACKAGE: &str = "crates/rampmeter-python";

/// One file for what builds, one for what tests, one for what is measured beside the gate, and one for each
/// adapter.
const REQUIREMENTS: &str = "crates/rampmeter-python/requirements";

/// The oldest Python that the package works on.
const OLDEST: (u32, u32) = (3, 10);

/// The package and an interpreter, with a folder for the two.
pub(crate) struct Room {
    root: PathBuf,
    folder: PathBuf,
    interpreter: Interpreter,
}

/// Checks all that must hold of the package, or only the tests that are named; counts what does.
pub(crate) fn run(root: &Path, options: &PythonOptions) -> Result<Tally> {
    let room = Room::open(root, options.python.as_deref())?;
    let venv = room.venv("venv", |name| !matches!(name, "build.txt" | "bench.txt"))?;
    let only = checks::only(&options.tests);
    let (before, after) = match &only {
        Some(_) => (Vec::new(), Vec::new()),
        None => (checks::of_sources(), checks::of_wheel(room.interpreter.version)),
    };
    let mut tally = Tally::default();
    for check in &before {
        tally += room.check(&venv, check)?;
    }
    if room.install(&venv, Profile::Dev)? {
        for check in only.iter().chain(&after) {
            tally += room.check(&venv, check)?;
        }
        if only.is_none() {
            tally += examples::run(root, &venv, room.interpreter.version)?;
        }
    } else {
        tally.count(false);
    }
    println!("python: {tally}");
    Ok(tally)
}

impl Room {
    /// With the Python that is named, or else the one that is first in the path.
    pub(crate) fn open(root: &Path, python: Option<&Path>) -> Result<Self> {
        let interpreter = Interpreter::find(python, OLDEST)
            .map_err(|error| format!("{error}, or name one: cargo xtask python --python PATH"))?;
        let folder = place::target(root).join("python").join(&interpreter.name);
        Ok(Self { root: root.to_owned(), folder, interpreter })
    }

    /// The environment of that name with the requirements of these files.
    pub(crate) fn venv(&self, name: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Venv> {
        let mut files = place::files(&self.root.join(REQUIREMENTS), "txt")?;
        files.retain(|file| file.file_name().and_then(|it| it.to_str()).is_some_and(&is_wanted));
        Venv::with(&self.folder.join(name), &self.interpreter, &files)
    }

    /// Builds the wheel and installs it there; whether it could be built.
    pub(crate) fn install(&self, venv: &Venv, profile: Profile) -> Result<bool> {
        let tools = self.venv("build", |name| name == "build.txt")?;
        match wheel::build(self, &tools, profile)? {
            Some(wheel) => venv.install(&wheel).map(|()| true),
            None => Ok(false),
        }
    }

    fn check(&self, venv: &Venv, check: &Check) -> Result<Tally> {
        let mut command = venv.module(check.program);
        command.current_dir(self.root.join(PACKAGE)).args(&check.args);
        check.caches.iter().for_each(|(flag, name)| {
            command.arg(format!("{flag}{}", self.folder.join(name).display()));
        });
        let words = process::shown(&command);
        let words = words.split_once(' ').map_or("", |(_, words)| words);
        let again = format!("{} {words}", venv.python().display());
        let mut counted = None;
        let status = process::stream(command, |line| {
            counted = Tally::of_pytest_line(line).or(counted);
        })?;
        let tally = check.tally(status.success(), counted);
        if tally.is_well() {
            println!("python {} ... ok\n", check.name);
        } else {
            println!("python {} ... FAILED: {status}", check.name);
            println!("again, only this, in {PACKAGE}: {again}\n");
        }
        Ok(tally)
    }
}
