//! Plays a study by name and prints its rows, one line of JSON each; fails if a threshold does not
//! hold.
#![allow(clippy::print_stdout, reason = "a command line tool says what it does")]

use std::process::ExitCode;

use rampmeter_lab::study::adaptive;

const HELP: &str = "usage: rampmeter-study adaptive";

/// Seeds that a study is played with.
const SEEDS: std::ops::Range<u64> = 0..5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["adaptive"] => adaptive_study(),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        [] => wrong("it needs the name of a study"),
        [other, ..] => wrong(&format!("there is no study `{other}`")),
    }
}

fn adaptive_study() -> ExitCode {
    let mut failed = 0;
    for scene in adaptive::scenes() {
        for seed in SEEDS {
            for row in adaptive::run(&scene, seed) {
                println!("{}", row.json());
                failed += u64::from(scene.must_hold && !row.holds());
            }
        }
    }
    if failed > 0 {
        eprintln!("{failed} rows do not hold");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn wrong(error: &str) -> ExitCode {
    eprintln!("error: {error}\n{HELP}");
    ExitCode::from(2)
}
