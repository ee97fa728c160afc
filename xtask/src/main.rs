//! `cargo xtask`: one command for the tests, one for the house rules, one for the kept faults, one
//! for the measurements. Each returns whether all was well; an error means it could not be told.
#![allow(clippy::print_stdout, reason = "a command line tool says what it does")]

mod args;
mod bench;
mod examples;
mod faults;
mod instructions;
mod look;
mod place;
mod process;
mod python;
mod sim;
mod study;
mod tally;
mod test;
mod tidy;

use std::process::ExitCode;

use args::Command;
use python::stageflow;

/// What went wrong, in lower case, with the place and the remedy.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let command = args::parse(std::env::args().skip(1))?;
    let root = place::root()?;
    match command {
        Command::Help => {
            println!("{}", args::HELP);
            Ok(true)
        }
        Command::Test => test::run(&root),
        Command::Tidy => Ok(tidy::run(&root)?.is_well()),
        Command::Examples => Ok(examples::run(&root)?.is_well()),
        Command::Faults(names) => Ok(faults::run(&root, &names)?.is_well()),
        Command::Sim(options) => sim::run(&root, &options),
        Command::Study(options) => study::run(&root, &options),
        Command::Look(file) => Ok(look::run(&root, file.as_deref())?.is_well()),
        Command::Lab(args) => stageflow::lab(&root, &args),
        Command::Stageflow => {
            println!("{}", stageflow::python(&root)?.display());
            Ok(true)
        }
        Command::Python(options) => Ok(python::run(&root, &options)?.is_well()),
        Command::Instructions(options) => instructions::run(&root, options),
        Command::Bench(options) => bench::run(&root, &options),
    }
}
