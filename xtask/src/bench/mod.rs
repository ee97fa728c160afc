//! `cargo xtask bench`: the measurements, kept with the machine, the commit, the command and every
//! raw row, because a number alone says nothing.

mod date;
mod facts;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::args::BenchOptions;
use crate::python::{Profile, Room};
use crate::{Result, instructions, place, process};
use facts::Commit;

/// In this order; the counts of instructions come last.
const BENCHES: &[&str] = &["pair", "waiting", "paced", "million", "turns"];

/// Runs the benchmark and keeps the rows it prints; whether it ended well.
pub(crate) fn run(root: &Path, options: &BenchOptions) -> Result<bool> {
    if options.of_python {
        return python(root, options);
    }
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(["bench", "-p", "rampmeter"]);
    BENCHES.iter().for_each(|bench| {
        command.args(["--bench", bench]);
    });
    command.arg("--");
    command.args(&options.args);
    measure(root, command, options.record.then_some(""), instructions::rows)
}

/// The folder is a program, which has the wheel that users would have.
fn python(root: &Path, options: &BenchOptions) -> Result<bool> {
    let room = Room::open(root, None)?;
    let venv = room.venv("bench", |name| name == "bench.txt")?;
    if !room.install(&venv, Profile::Release)? {
        return Ok(false);
    }
    let mut command = venv.command();
    command.current_dir(root).arg("crates/rampmeter-python/bench").args(&options.args);
    measure(root, command, options.record.then_some("-python"), |_| Ok(Vec::new()))
}

/// Runs a command and keeps the rows it prints, and `more` of them, in a record of this ending, if
/// one is given; whether the command ended well.
pub(crate) fn measure(
    root: &Path,
    command: Command,
    ending: Option<&str>,
    more: impl FnOnce(&Path) -> Result<Vec<Value>>,
) -> Result<bool> {
    // Read before the run, which may outlast a change of the sources.
    let commit = Commit::of(root)?;
    let facts = facts::facts(root, &commit, &process::shown(&command))?;
    let mut rows = vec![facts.to_string()];
    let status = process::stream(command, |line| {
        if line.starts_with('{') {
            rows.push(line.to_owned());
        }
    })?;
    if !status.success() {
        println!("failed: {status}; nothing is recorded");
        return Ok(false);
    }
    rows.extend(more(root)?.iter().map(Value::to_string));
    if let Some(ending) = ending {
        let stem = format!("{}{ending}", commit.file_stem(&date::today()?));
        let path = free_path(&root.join("bench/runs"), &stem);
        place::write(&path, &recorded(&rows)?)?;
        println!("recorded {} rows in {}", rows.len() - 1, path.display());
    }
    Ok(true)
}

/// The text of a record. Only whole JSON rows are kept, and at least one.
fn recorded(rows: &[String]) -> Result<String> {
    if rows.len() < 2 {
        return Err("the command printed no rows (lines that begin with `{`)".into());
    }
    for row in rows {
        serde_json::from_str::<Value>(row).map_err(|error| format!("not a row: {error}: {row}"))?;
    }
    Ok(rows.join("\n") + "\n")
}

/// A record is never overwritten, and its first row is always the machine's, so a second run on one
/// day gets a file of its own.
fn free_path(folder: &Path, stem: &str) -> PathBuf {
    let mut path = folder.join(format!("{stem}.jsonl"));
    let mut run = 2;
    while path.exists() {
        path = folder.join(format!("{stem}-{run}.jsonl"));
        run += 1;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&str]) -> Vec<String> {
        rows.iter().map(|row| (*row).to_owned()).collect()
    }

    #[test]
    fn a_record_is_the_facts_and_the_rows_a_line_each() {
        let text = recorded(&rows(&["{\"cpu\":\"x\"}", "{\"ns\":47}"])).unwrap();
        assert_eq!(text, "{\"cpu\":\"x\"}\n{\"ns\":47}\n");
    }

    #[test]
    fn a_run_without_rows_or_with_half_a_row_is_not_kept() {
        assert!(recorded(&rows(&["{}"])).unwrap_err().contains("no rows"));
        assert!(recorded(&rows(&["{}", "{\"ns\":"])).unwrap_err().contains("not a row"));
    }
}
