//! The command line of `cargo xtask`.

use std::path::PathBuf;

use crate::Result;

pub(crate) const HELP: &str = "\
usage: cargo xtask <command>

  test            format, lints, tests, doc tests, examples, house rules and faults; stops at the first
                  failure
  tidy            the house rules, each a named check over the tracked files
  examples        build and run every example of the library
  python [ARGS…]  build and install the Python package, then its format, lints, tests, doc tests, stubs, types
                  and examples; with --python PATH, under that Python; with words for pytest, only those tests
  faults [NAME…]  kept patches that break the engine; the property tests must catch each of them
  sim [ARGS…]     the simulator: --seed N, --seeds A..B or --seconds S, and --steps N, --threads N,
                  --tell N; a row goes to bench/runs with --record
  study NAME      a study of the lab: adaptive; clocks, which is virtual time beside the wall clock; or
                  provider, in real time, with --regimes, --kinds, --variations, --seed N, --logs; rows go
                  to bench/runs with --record
  look [FILE]     a report in a real browser, wide and narrow, light and dark; pictures of it stay in
                  target/look; without a file, the one that the lab's tests made
  lab [ARGS…]     what limits do: `rampmeter lab run ARGS`, beside the real Stageflow, which is installed
                  under the build folder
  stageflow       only install it, for the tests of the lab, and print its Python
  instructions    count the instructions of a decision (valgrind); with --write, keep the figures
  bench [ARGS…]   measure the gate beside its rivals; rows go to bench/runs, not with --no-record
  bench python [ARGS…]
                  the same of the Python package
  help            this text";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Test,
    Tidy,
    Examples,
    Python(PythonOptions),
    /// Only the faults of these names; all of them if there are none.
    Faults(Vec<String>),
    Sim(SimOptions),
    Study(StudyOptions),
    /// This file, or the one that the tests made.
    Look(Option<PathBuf>),
    /// What the lab itself is given.
    Lab(Vec<String>),
    Stageflow,
    Instructions(InstructionOptions),
    Bench(BenchOptions),
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum InstructionOptions {
    Compare,
    Write,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PythonOptions {
    /// Not the one that is first in the path.
    pub(crate) python: Option<PathBuf>,
    /// What pytest is told; with nothing, all that must hold is checked.
    pub(crate) tests: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SimOptions {
    /// Whether what the run found is kept in `bench/runs`.
    pub(crate) record: bool,
    /// What the simulator, or the study, itself is given.
    pub(crate) args: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StudyOptions {
    /// Which study.
    pub(crate) name: String,
    /// Whether its rows are kept in `bench/runs`.
    pub(crate) record: bool,
    /// What the study itself is given.
    pub(crate) args: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    /// Whether the Python package is measured, and not the gate in Rust.
    pub(crate) of_python: bool,
    /// Whether the rows are kept in `bench/runs`.
    pub(crate) record: bool,
    /// What the benchmark itself is given.
    pub(crate) args: Vec<String>,
}

/// Reads the words after `cargo xtask`.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command> {
    let mut words = words.into_iter();
    let command = words.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = words.collect();
    match command.as_str() {
        "help" | "--help" | "-h" => Ok(Command::Help),
        "test" => no_arguments(&command, &rest).map(|()| Command::Test),
        "tidy" => no_arguments(&command, &rest).map(|()| Command::Tidy),
        "examples" => no_arguments(&command, &rest).map(|()| Command::Examples),
        "python" => python_options(rest).map(Command::Python),
        "faults" => match rest.iter().find(|word| word.starts_with('-')) {
            Some(flag) => Err(format!("`faults` has no flag `{flag}`: give names of faults only")),
            None => Ok(Command::Faults(rest)),
        },
        "sim" => Ok(Command::Sim(sim_options(rest))),
        "study" => study_options(rest).map(Command::Study),
        "look" => match rest.as_slice() {
            [] => Ok(Command::Look(None)),
            [file] if !file.starts_with('-') => Ok(Command::Look(Some(file.into()))),
            [.., other] => Err(format!("`look` takes one file: leave out `{other}`")),
        },
        "lab" => Ok(Command::Lab(rest)),
        "stageflow" => no_arguments(&command, &rest).map(|()| Command::Stageflow),
        "instructions" => match rest.as_slice() {
            [] => Ok(Command::Instructions(InstructionOptions::Compare)),
            [flag] if flag == "--write" => Ok(Command::Instructions(InstructionOptions::Write)),
            [other, ..] => Err(format!("`instructions` takes `--write` only: leave out `{other}`")),
        },
        "bench" => Ok(Command::Bench(bench_options(rest))),
        _ => Err(format!("there is no command `{command}`\n\n{HELP}")),
    }
}

fn no_arguments(command: &str, rest: &[String]) -> Result<()> {
    match rest.first() {
        Some(word) => Err(format!("`{command}` takes no arguments: leave out `{word}`")),
        None => Ok(()),
    }
}

fn python_options(mut words: Vec<String>) -> Result<PythonOptions> {
    let Some(at) = words.iter().position(|word| word == "--python") else {
        return Ok(PythonOptions { python: None, tests: words });
    };
    if at + 1 == words.len() {
        return Err(
            "`--python` needs the path of an interpreter: python --python python3.13".into()
        );
    }
    let python = words.drain(at..at + 2).next_back().map(PathBuf::from);
    Ok(PythonOptions { python, tests: words })
}

fn sim_options(words: Vec<String>) -> SimOptions {
    let (ours, args): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word == "--record");
    SimOptions { record: !ours.is_empty(), args }
}

fn study_options(words: Vec<String>) -> Result<StudyOptions> {
    let (ours, mut args): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word == "--record");
    if args.first().is_none_or(|name| name.starts_with('-')) {
        return Err("`study` needs the name of a study: study adaptive".into());
    }
    Ok(StudyOptions { name: args.remove(0), record: !ours.is_empty(), args })
}

fn bench_options(words: Vec<String>) -> BenchOptions {
    let (ours, mut args): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word == "--no-record");
    let of_python = args.first().is_some_and(|word| word == "python");
    if of_python {
        args.remove(0);
    }
    BenchOptions { of_python, record: ours.is_empty(), args }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn no_word_at_all_asks_for_help() {
        assert_eq!(parsed(""), Ok(Command::Help));
    }

    #[test]
    fn faults_may_be_named() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(parsed("faults a b"), Ok(Command::Faults(names)));
    }

    #[test]
    fn another_python_may_be_named_and_the_rest_is_pytest_s() {
        assert_eq!(parsed("python"), Ok(Command::Python(PythonOptions::default())));
        let options = PythonOptions {
            python: Some("python3.13".into()),
            tests: vec!["-k".into(), "cap".into()],
        };
        assert_eq!(parsed("python -k --python python3.13 cap"), Ok(Command::Python(options)));
        assert!(parsed("python --python").unwrap_err().contains("needs the path"));
    }

    #[test]
    fn the_benchmark_gets_every_word_but_ours() {
        let args = vec!["--quick".into(), "six".into()];
        let options = BenchOptions { of_python: false, record: false, args };
        assert_eq!(parsed("bench --quick --no-record six"), Ok(Command::Bench(options)));
        let options = BenchOptions { of_python: true, record: true, args: vec!["waiting".into()] };
        assert_eq!(parsed("bench python waiting"), Ok(Command::Bench(options)));
    }

    #[test]
    fn a_simulation_is_kept_only_if_that_is_asked_for() {
        let args = vec!["--seed".into(), "7".into()];
        let options = SimOptions { record: true, args: args.clone() };
        assert_eq!(parsed("sim --seed 7 --record"), Ok(Command::Sim(options)));
        assert_eq!(parsed("sim --seed 7"), Ok(Command::Sim(SimOptions { record: false, args })));
    }

    #[test]
    fn a_study_has_a_name_and_is_kept_only_if_that_is_asked_for() {
        let options = |record| StudyOptions { name: "adaptive".into(), record, args: Vec::new() };
        assert_eq!(parsed("study adaptive"), Ok(Command::Study(options(false))));
        assert_eq!(parsed("study adaptive --record"), Ok(Command::Study(options(true))));
        assert!(parsed("study --record").unwrap_err().contains("needs the name"));
    }

    #[test]
    fn one_page_may_be_named_to_be_looked_at() {
        assert_eq!(parsed("look"), Ok(Command::Look(None)));
        assert_eq!(parsed("look a.html"), Ok(Command::Look(Some("a.html".into()))));
        assert!(parsed("look a.html b.html").unwrap_err().contains("leave out `b.html`"));
        assert!(parsed("look --wide").unwrap_err().contains("leave out `--wide`"));
    }

    #[test]
    fn the_lab_gets_every_word() {
        let args = vec!["stress".to_owned(), "--real".to_owned()];
        assert_eq!(parsed("lab stress --real"), Ok(Command::Lab(args)));
    }

    #[test]
    fn an_argument_that_would_be_ignored_is_refused() {
        assert!(parsed("test core").unwrap_err().contains("leave out `core`"));
        assert!(parsed("faults --all").unwrap_err().contains("`--all`"));
        assert!(parsed("tset").unwrap_err().contains("no command `tset`"));
    }
}
