//! `cargo xtask sim`: seeds for the simulator, in release.

use std::path::Path;
use std::process::Command;

use crate::args::SimOptions;
use crate::{Result, bench, place};

/// Plays what the options say; whether no judge objected.
pub(crate) fn run(root: &Path, options: &SimOptions) -> Result<bool> {
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(["run", "--release", "--quiet", "-p", "rampmeter-lab"]);
    // The simulator needs the engine only, and is soon built.
    command.args(["--no-default-features", "--bin", "rampmeter-sim", "--"]).args(&options.args);
    bench::measure(root, command, options.record.then_some("-sim"), |_| Ok(Vec::new()))
}
