//! Callgrind, a part of valgrind: counts what one function executes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Count;
use crate::{Result, process};

/// Sees to it that valgrind is installed.
pub(super) fn is_there() -> Result<()> {
    if works() {
        return Ok(());
    }
    // Where there is nobody else to do it, as in a container.
    let is_root = process::read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    if is_root {
        println!("instructions: installing valgrind");
        let installed = process::read(Command::new("apt-get").args(["install", "-y", "valgrind"]));
        if installed.is_ok() && works() {
            return Ok(());
        }
    }
    Err("there is no valgrind to count instructions with: install it (apt-get install valgrind)"
        .into())
}

fn works() -> bool {
    process::read(Command::new("valgrind").arg("--version")).is_ok()
}

/// Runs one case of the program and counts what its function `measured` executes.
pub(super) fn count(program: &Path, case: &str) -> Result<Count> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    command.arg("--toggle-collect=*measured*").arg(program).arg(case);
    let output = command.output().map_err(|error| format!("cannot start valgrind: {error}"))?;
    let (told, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("case {case} ended with {}: {log}", output.status));
    }
    parsed(case, &told, &log).ok_or_else(|| format!("case {case} was not counted: {log}"))
}

/// The program says per how many things to count, callgrind how many instructions there were.
fn parsed(case: &str, told: &str, log: &str) -> Option<Count> {
    let collected = log.lines().find_map(|line| line.split_once("Collected :"))?.1;
    let collected: f64 = collected.trim().parse().ok()?;
    let lines: Vec<Value> =
        told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = |name: &str| lines.iter().rev().find_map(|line| line[name].as_u64());
    Some(Count {
        case: case.to_owned(),
        instructions: collected / last("per")? as f64,
        allocations: last("allocations")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_things_counts() {
        let told = "{\"per\": 4, \"allocations\": 0}\n{\"per\": 10}\n";
        let log = "==1== Events    : Ir\n==1== Collected : 250\n==1==\n";
        let count = parsed("a", told, log).unwrap();
        assert_eq!((count.instructions, count.allocations), (25.0, 0));
        assert!(parsed("a", "", log).is_none() && parsed("a", told, "").is_none());
    }
}
