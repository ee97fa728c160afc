//! `rampmeter explain`: why calls waited, limit by limit, from the events of a run.

mod ahead;
mod fold;
mod line;
mod overview;
mod pick;
mod story;
mod told;

use std::io::Write;

use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::say::say;
use fold::Run;
use line::Gap;

pub(crate) fn explain(args: &ExplainArgs) -> Exit {
    match try_explain(args) {
        Ok(exit) => exit,
        Err(message) => {
            say(format_args!("error: {message}"));
            Exit::Refused
        }
    }
}

fn try_explain(args: &ExplainArgs) -> Result<Exit, String> {
    let mut run = Run::default();
    let gaps = line::each(&args.events, |line| run.take(line))?;
    let mut text = match &args.call {
        None => overview::overview(&run),
        Some(call) => {
            let picked = pick::pick(&run, call)?;
            let told = picked.into_iter().map(|at| told::told(&run, at));
            told.collect::<Vec<_>>().join("\n")
        }
    };
    if !gaps.is_empty() {
        text.push_str("\nThis is a part of the truth: ");
        let gaps: Vec<_> = gaps.iter().map(Gap::to_string).collect();
        text.push_str(&gaps.join("; "));
        text.push_str(".\n");
    }
    // A reader that has seen enough may close the pipe.
    let _ = write!(std::io::stdout().lock(), "{text}");
    Ok(if gaps.is_empty() { Exit::Done } else { Exit::Partly })
}
