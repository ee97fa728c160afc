//! `cargo xtask test`: everything that must hold before a change is kept, cheapest first.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::args::PythonOptions;
use crate::python::stageflow;
use crate::tally::Tally;
use crate::{Result, examples, faults, instructions, look, place, process, python, tidy};

/// With all that is optional; a plain build is what the measurements and `cargo run` are of.
pub(crate) const FEATURES: &str =
    "--features rampmeter/tracing,rampmeter/prometheus,rampmeter/otel";

const CARGO_STEPS: &[(&str, &str)] = &[
    ("format", "fmt --all --check"),
    ("lints", "clippy --workspace --all-targets FEATURES -- -D warnings"),
    ("tests", "test --workspace --all-targets FEATURES"),
    ("doc tests", "test --workspace --doc FEATURES"),
];

/// How one step went.
struct Step {
    tally: Tally,
    /// What failed and how to run just that again; `None` if nothing did.
    failure: Option<String>,
}

/// Runs the steps in order and stops at the first that fails. The last line printed is the sum.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let mut sum = Tally::default();
    let mut failure = None;
    for (name, step) in steps(root) {
        println!("── {name}");
        let start = Instant::now();
        // A step that could not be run at all has failed: the sum must still be printed.
        let step = step().unwrap_or_else(|error| Step::broken(&error, name));
        println!("── {name}: {:.1} s\n", start.elapsed().as_secs_f64());
        sum += step.tally;
        failure = step.failure;
        if failure.is_some() {
            // Lints and compile errors are no tests, but a sum of no failures would be a lie.
            sum.failed = sum.failed.max(1);
            break;
        }
    }
    if let Some(failure) = &failure {
        println!("{failure}");
    }
    println!("{sum}");
    Ok(failure.is_none())
}

type Steps<'a> = Vec<(&'a str, Box<dyn Fn() -> Result<Step> + 'a>)>;

fn steps(root: &Path) -> Steps<'_> {
    let mut steps: Steps<'_> = Vec::new();
    for &(name, words) in CARGO_STEPS {
        let words = words.replace("FEATURES", FEATURES);
        steps.push((name, Box::new(move || cargo(root, name, &words))));
    }
    steps.push(("examples", Box::new(|| Ok(Step::ours("examples", examples::run(root)?)))));
    let python = || Ok(Step::ours("python", python::run(root, &PythonOptions::default())?));
    steps.push(("python", Box::new(python)));
    steps.push(("look", Box::new(|| Ok(Step::ours("look", look::run(root, None)?)))));
    steps.push(("tidy", Box::new(|| Ok(Step::ours("tidy", tidy::run(root)?)))));
    steps.push((
        "instructions",
        Box::new(|| Ok(Step::ours("instructions", instructions::check(root)?))),
    ));
    steps.push(("faults", Box::new(|| Ok(Step::ours("faults", faults::run(root, &[])?)))));
    steps
}

impl Step {
    fn ours(command: &str, tally: Tally) -> Self {
        let failure = (!tally.is_well())
            .then(|| format!("{command} failed; again, only this: cargo xtask {command}"));
        Self { tally, failure }
    }

    fn broken(error: &str, name: &str) -> Self {
        Self { tally: Tally::default(), failure: Some(format!("{name} failed: {error}")) }
    }
}

fn cargo(root: &Path, name: &str, words: &str) -> Result<Step> {
    let mut command = Command::new(place::cargo());
    command.current_dir(root).args(words.split(' '));
    if name == "tests" {
        // The real Stageflow is always tested here.
        command.env(stageflow::PYTHON, stageflow::python(root)?);
    }
    let mut tally = Tally::default();
    let mut first_failed = None;
    let status = process::stream(command, |line| {
        tally += Tally::of_result_line(line).unwrap_or_default();
        if first_failed.is_none() {
            first_failed = failed_test(line).map(str::to_owned);
        }
    })?;
    let failure = (!status.success() || !tally.is_well()).then(|| {
        let first = first_failed.map(|test| format!(", first at `{test}`")).unwrap_or_default();
        let fix = if name == "format" { " (cargo fmt --all repairs it)" } else { "" };
        format!("{name} failed{first}: {status}; again, only this: cargo {words}{fix}")
    });
    Ok(Step { tally, failure })
}

/// The name in a line `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_test_is_named() {
        assert_eq!(failed_test("test a::no_call_waits ... FAILED"), Some("a::no_call_waits"));
        assert_eq!(failed_test("test a::no_call_waits ... ok"), None);
        assert_eq!(failed_test("test result: FAILED. 0 passed; 1 failed"), None);
    }

    #[test]
    fn a_failed_step_says_how_to_run_it_again() {
        let step = Step::ours("tidy", Tally { passed: 8, failed: 1 });
        assert!(step.failure.is_some_and(|failure| failure.contains("cargo xtask tidy")));
        assert!(Step::ours("tidy", Tally { passed: 9, failed: 0 }).failure.is_none());
    }
}
