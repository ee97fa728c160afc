//! `cargo xtask lab`: the lab with the real Stageflow beside the rest, in a Python of its own under the
//! build folder; the tests get the same one.

use std::path::{Path, PathBuf};
use std::process::Command;

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

/// A Python with the Stageflow that the lab knows. It is made once, and again when another version is
/// asked for.
pub(crate) fn python(root: &Path) -> Result<PathBuf> {
    let folder = place::target(root).join("stageflow-venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = place::read(&root.join(REQUIREMENTS))?;
    // Written last, so that what was left half done is done again.
    let stamp = folder.join("installed.txt");
    if python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
        return Ok(python);
    }
    eprintln!("installing stageflow-core into {}", folder.display());
    let remedy = |error| {
        format!("{error}\nthe lab needs Python 3.11 or newer with venv, and a package index")
    };
    let mut make = Command::new(if cfg!(windows) { "python" } else { "python3" });
    process::read(make.args(["-m", "venv", "--clear"]).arg(&folder)).map_err(remedy)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::read(install.arg("--requirement").arg(root.join(REQUIREMENTS))).map_err(remedy)?;
    place::write(&stamp, &wanted)?;
    Ok(python)
}
