//! `cargo xtask sim`: seeds for the simulator, in release; `cargo xtask study`: limiters before the
//! mock provider.

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

/// Plays a study as the options say; whether it came to its end.
pub(crate) fn study(root: &Path, options: &SimOptions) -> Result<bool> {
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(["run", "--release", "--quiet", "-p", "rampmeter-lab"]);
    command.args(["--bin", "rampmeter-study", "--"]).args(&options.args);
    let which = options.args.first().map_or("", String::as_str);
    let ending = format!("-{which}");
    bench::measure(root, command, options.record.then_some(&ending), |_| Ok(Vec::new()))
}
