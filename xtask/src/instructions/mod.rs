//! `cargo xtask instructions`: how many instructions a decision takes, counted by callgrind and
//! compared with the committed figures. Unlike time, they are the same on a busy machine.

mod callgrind;
mod figures;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::args::InstructionOptions;
use crate::tally::Tally;
use crate::{Result, place, process};
use figures::Figures;

/// What is compared, in the order in which it is shown.
const CASES: &[&str] = &[
    "engine_prepared",
    "gate_by_handle",
    "gate_by_name",
    "gate_by_name_with_label",
    "gate_six_limits",
    "gate_10000_waiting",
    "engine_1000_waiting",
];

/// What no allocation may be on the way of.
const WITHOUT_ALLOCATION: &[&str] = &[
    "engine_prepared",
    "gate_by_handle",
    "gate_by_name",
    "gate_by_name_with_label",
    "gate_six_limits",
];

/// What takes too long for every test, or is not ours.
const MORE_CASES: &[&str] = &["pair", "engine_1000000_waiting"];

/// What was counted of one case.
pub(crate) struct Count {
    pub(crate) case: String,
    /// Instructions for each admission and release, or each decision.
    pub(crate) instructions: f64,
    pub(crate) allocations: u64,
}

/// Counts, and compares or writes the figures. Says whether all was well.
pub(crate) fn run(root: &Path, options: InstructionOptions) -> Result<bool> {
    let counts = count(root, &[CASES, MORE_CASES].concat())?;
    let file = figures::path(root);
    if options == InstructionOptions::Write {
        let figures = Figures::of(&counts, rustc(root)?, CASES);
        place::write(&file, &figures.text())?;
        println!("written to {}", file.display());
        return Ok(true);
    }
    Ok(compare(&counts, &Figures::read(&file)?, &rustc(root)?).is_well())
}

/// The part that belongs to every test.
pub(crate) fn check(root: &Path) -> Result<Tally> {
    let counts = count(root, CASES)?;
    Ok(compare(&counts, &Figures::read(&figures::path(root))?, &rustc(root)?))
}

/// The counts as rows of a record of measurements.
pub(crate) fn rows(root: &Path) -> Result<Vec<Value>> {
    let counts = count(root, &[CASES, MORE_CASES].concat())?;
    let row = |count: &Count| {
        json!({
            "case": format!("instructions, {}", count.case),
            "unit": "instructions, by callgrind",
            "median": (count.instructions * 10.0).round() / 10.0,
            "allocations": count.allocations,
        })
    };
    Ok(counts.iter().map(row).collect())
}

fn count(root: &Path, cases: &[&str]) -> Result<Vec<Count>> {
    callgrind::is_there()?;
    let program = built(root)?;
    cases
        .iter()
        .map(|case| {
            let count = callgrind::count(&program, case)?;
            println!("{:>10.1}  {case}", count.instructions);
            Ok(count)
        })
        .collect()
}

fn compare(counts: &[Count], figures: &Figures, rustc: &str) -> Tally {
    let mut tally = Tally::default();
    for count in counts.iter().filter(|count| CASES.contains(&count.case.as_str())) {
        let wrong = figures.compare(count).err().or_else(|| {
            (count.allocations > 0 && WITHOUT_ALLOCATION.contains(&count.case.as_str()))
                .then(|| format!("{}: {} allocations, none allowed", count.case, count.allocations))
        });
        tally.count(wrong.is_none());
        if let Some(wrong) = wrong {
            println!("instructions: {wrong}");
        }
    }
    if !tally.is_well() && figures.rustc != rustc {
        println!("instructions: the figures are of {}, and this is {rustc}", figures.rustc);
    }
    println!("instructions: {} within their figures, {} not", tally.passed, tally.failed);
    tally
}

/// Builds the program that is counted, with the profile that is released.
fn built(root: &Path) -> Result<PathBuf> {
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(["bench", "-p", "rampmeter", "--bench", "instructions"]);
    command.args(["--no-run", "--message-format", "json-render-diagnostics"]);
    let told = process::read(&mut command)?;
    let messages = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages
        .filter(|message| message["target"]["name"] == "instructions")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program.ok_or_else(|| "cargo built no program `instructions`: is the bench still there?".into())
}

fn rustc(root: &Path) -> Result<String> {
    process::read(Command::new("rustc").current_dir(root).arg("-V"))
}
