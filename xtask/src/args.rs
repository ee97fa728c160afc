//! The command line of `cargo xtask`.

use crate::Result;

pub(crate) const HELP: &str = "\
usage: cargo xtask <command>

  test            format, lints, tests, doc tests, house rules and faults; stops at the first failure
  tidy            the house rules, each a named check over the tracked files
  faults [NAME…]  kept patches that break the engine; the property tests must catch each of them
  sim [ARGS…]     the simulator: --seed N, --seeds A..B or --seconds S, and --steps N, --threads N,
                  --tell N; a row goes to bench/runs with --record
  study [ARGS…]   limiters before the mock provider, in real time: provider, and --regimes, --kinds,
                  --variations, --seed N; rows go to bench/runs with --record
  instructions    count the instructions of a decision (valgrind); with --write, keep the figures
  bench [ARGS…]   measure the gate beside its rivals; rows go to bench/runs, not with --no-record
  help            this text";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Test,
    Tidy,
    /// Only the faults of these names; all of them if there are none.
    Faults(Vec<String>),
    Sim(SimOptions),
    Study(SimOptions),
    Instructions(InstructionOptions),
    Bench(BenchOptions),
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum InstructionOptions {
    Compare,
    Write,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SimOptions {
    /// Whether what the run found is kept in `bench/runs`.
    pub(crate) record: bool,
    /// What the simulator, or the study, itself is given.
    pub(crate) args: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BenchOptions {
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
        "faults" => match rest.iter().find(|word| word.starts_with('-')) {
            Some(flag) => Err(format!("`faults` has no flag `{flag}`: give names of faults only")),
            None => Ok(Command::Faults(rest)),
        },
        "sim" => Ok(Command::Sim(sim_options(rest))),
        "study" if rest.first().is_some_and(|word| word == "provider") => {
            Ok(Command::Study(sim_options(rest)))
        }
        "study" => Err("say which study: `cargo xtask study provider`".to_owned()),
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

fn sim_options(words: Vec<String>) -> SimOptions {
    let (ours, args): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word == "--record");
    SimOptions { record: !ours.is_empty(), args }
}

fn bench_options(words: Vec<String>) -> BenchOptions {
    let (ours, args): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| word == "--no-record");
    BenchOptions { record: ours.is_empty(), args }
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
    fn the_benchmark_gets_every_word_but_ours() {
        let options = BenchOptions { record: false, args: vec!["--quick".into(), "six".into()] };
        assert_eq!(parsed("bench --quick --no-record six"), Ok(Command::Bench(options)));
    }

    #[test]
    fn a_simulation_is_kept_only_if_that_is_asked_for() {
        let args = vec!["--seed".into(), "7".into()];
        let options = SimOptions { record: true, args: args.clone() };
        assert_eq!(parsed("sim --seed 7 --record"), Ok(Command::Sim(options)));
        assert_eq!(parsed("sim --seed 7"), Ok(Command::Sim(SimOptions { record: false, args })));
    }

    #[test]
    fn a_study_is_named_and_gets_every_word_but_ours() {
        let args = ["provider", "--seed", "7"].map(str::to_owned).into();
        let options = SimOptions { record: true, args };
        assert_eq!(parsed("study provider --record --seed 7"), Ok(Command::Study(options)));
        assert!(parsed("study").unwrap_err().contains("study provider"));
    }

    #[test]
    fn an_argument_that_would_be_ignored_is_refused() {
        assert!(parsed("test core").unwrap_err().contains("leave out `core`"));
        assert!(parsed("faults --all").unwrap_err().contains("`--all`"));
        assert!(parsed("tset").unwrap_err().contains("no command `tset`"));
    }
}
