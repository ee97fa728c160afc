//! `rampmeter lab`: measure what limits do, and find the right ones.

mod build;
mod compare;
mod finding;
mod list;
mod pick;
mod play;
mod progress;
mod report;
mod run;
mod stageflow;
mod stop;
mod tune;
mod work;

use crate::args::{FindingCommand, LabArgs, LabCommand};
use crate::exit::Exit;
use crate::say::say;

pub(crate) fn lab(args: &LabArgs) -> Exit {
    let done = match &args.command {
        LabCommand::Run(args) => run::run(args),
        LabCommand::List(args) => list::list(args),
        LabCommand::Report(args) => report::report(args),
        LabCommand::Compare(args) => compare::compare(args),
        LabCommand::Tune(args) => tune::tune(args),
        LabCommand::Finding(FindingCommand::Add(args)) => finding::add(args),
        LabCommand::Finding(FindingCommand::List(args)) => finding::list(args),
        LabCommand::Play => play::play(),
    };
    done.unwrap_or_else(|message| {
        // What is wrong with a file says so itself.
        let prefix = if message.starts_with("error: ") { "" } else { "error: " };
        say(format_args!("{prefix}{message}"));
        Exit::Refused
    })
}
