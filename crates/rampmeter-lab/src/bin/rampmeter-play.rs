//! Plays what it is told on its standard input, and tells on its standard output what happened.

use std::process::ExitCode;

fn main() -> ExitCode {
    match rampmeter_lab::lab::play::serve(std::io::stdin(), std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
