//! The `rampmeter` command: run a model's tool calls under limits, check policies, and mock a
//! provider to try them against.

mod args;
mod check;
mod exit;
mod explain;
mod interrupt;
mod lab;
mod mock_provider;
mod object;
mod run;
mod say;
mod tools;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Cli::parse();
    let exit = match args.command {
        args::Command::Run(args) => run::run(&args),
        args::Command::Check(args) => check::check(&args),
        args::Command::Explain(args) => explain::explain(&args),
        args::Command::MockProvider(args) => mock_provider::run(&args),
        args::Command::Lab(args) => lab::lab(&args),
    };
    exit.into()
}
