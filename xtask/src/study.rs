//! `cargo xtask study NAME`: a study of the lab, in release, and its rows.

use std::path::Path;
use std::process::Command;

use crate::args::StudyOptions;
use crate::{Result, bench, place};

/// Plays the study of that name; whether what must hold does.
pub(crate) fn run(root: &Path, options: &StudyOptions) -> Result<bool> {
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(["run", "--release", "--quiet", "-p", "rampmeter-lab"]);
    command.args(["--bin", "rampmeter-study", "--", &options.name]).args(&options.args);
    let ending = format!("-{}", options.name);
    bench::measure(root, command, options.record.then_some(&ending), |_| Ok(Vec::new()))
}
