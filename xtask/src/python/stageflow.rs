//! `cargo xtask lab`: the lab with the real Stageflow beside the rest, in a Python of its own under the
//! build folder; the tests get the same one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::interpreter::Interpreter;
use super::venv::Venv;
use crate::{Result, place, process};

/// What tells the tests which Python to play under.
pub(crate) const PYTHON: &str = "RAMPMETER_STAGEFLOW_PYTHON";

/// The one home of the version that is installed.
const REQUIREMENTS: &str = "crates/rampmeter-lab/stageflow/requirements.txt";

/// `rampmeter lab run` with that Python, and whatever else it is told.
pub(crate) fn lab(root: &Path, args: &[String]) -> Result<bool> {
    let python = python(root)?;
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(["run", "--release", "--quiet", "--", "lab", "run"]);
    command.arg("--python").arg(python).args(args);
    // Its bars want the terminal for themselves.
    let status = command.status().map_err(|error| {
        format!("cannot start {}: {error}; is cargo installed?", process::shown(&command))
    })?;
    Ok(status.success())
}

/// A Python with the Stageflow that the lab knows.
pub(crate) fn python(root: &Path) -> Result<PathBuf> {
    let interpreter = Interpreter::find(None, (3, 11))
        .map_err(|error| format!("{error}: the lab plays the real Stageflow, which needs it"))?;
    let folder = place::target(root).join("stageflow-venv");
    let venv = Venv::with(&folder, &interpreter, &[root.join(REQUIREMENTS)])?;
    Ok(venv.python().to_owned())
}
