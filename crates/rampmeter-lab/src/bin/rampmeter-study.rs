//! Plays a study by name and prints its rows: `rampmeter-study adaptive`, or in real time
//! `rampmeter-study provider`, with `--regimes rampmeter,governor,…`, `--kinds bucket,…`,
//! `--variations exact,…` and `--seed N`, or `rampmeter-study clocks`, virtual time beside the wall clock. Rows for a record are lines that begin with `{`.
#![allow(clippy::print_stdout, reason = "a command line tool says what it does")]

use std::process::{Command, ExitCode};

use rampmeter_lab::lab::play;
use rampmeter_lab::studies::provider::{Kind, Options, Regime, Variation, run};
use rampmeter_lab::studies::{adaptive, clocks};

const HELP: &str = "usage: rampmeter-study adaptive
       rampmeter-study provider [--regimes rampmeter,governor,semaphore,unlimited]
                                [--kinds bucket,sliding,calendar]
                                [--variations exact,unheard,estimated,estimated-unheard,other-user,\
                                              other-user-steady] [--seed N] [--logs FOLDER]
       rampmeter-study clocks";

/// The word by which the study of clocks starts itself for each playing in real time.
const CHILD: &str = "clocks-child";

/// Seeds that the adaptive limits are played with.
const SEEDS: std::ops::Range<u64> = 0..5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let mut words = words.into_iter();
    let played = match words.next().as_deref() {
        Some("adaptive") => match words.next() {
            None => Ok(adaptive_study()),
            Some(word) => Err(format!("`adaptive` takes no `{word}`")),
        },
        Some("provider") => options(words).map(|options| provider_study(&options)),
        Some("clocks") => match words.next() {
            None => clocks_study(),
            Some(word) => Err(format!("`clocks` takes no `{word}`")),
        },
        Some(CHILD) => play::serve(std::io::stdin().lock(), std::io::stdout())
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| error.to_string()),
        Some(other) => Err(format!("there is no study `{other}`")),
        None => Err("it needs the name of a study".into()),
    };
    played.unwrap_or_else(|error| {
        eprintln!("error: {error}\n{HELP}");
        ExitCode::from(2)
    })
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

fn provider_study(options: &Options) -> ExitCode {
    match run(options, |row| println!("{row}")) {
        Ok(true) => println!("every aim is met"),
        // A figure that falls short is a finding to be kept, not a failure of the measurement.
        Ok(false) => println!("aims were missed; each row says which"),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn clocks_study() -> Result<ExitCode, String> {
    let here = std::env::current_exe().map_err(|error| format!("cannot start itself: {error}"))?;
    let command = || {
        let mut command = Command::new(&here);
        command.arg(CHILD);
        command
    };
    let rows = clocks::run(1, command, |row| println!("{}", row.json()))?;
    clocks::sum_up(&rows).iter().for_each(|line| println!("{line}"));
    Ok(ExitCode::SUCCESS)
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
        match flag.as_str() {
            "--regimes" => options.regimes = listed(&value, &Regime::ALL, Regime::name)?,
            "--kinds" => options.kinds = listed(&value, &Kind::ALL, Kind::name)?,
            "--variations" => {
                options.variations = listed(&value, &Variation::ALL, Variation::name)?;
            }
            "--logs" => options.logs = Some(value.into()),
            "--seed" => {
                options.seed = value.parse().map_err(|_| format!("`{value}` is no number"))?;
            }
            _ => return Err(format!("there is no `{flag}`")),
        }
    }
    Ok(options)
}

fn listed<T: Copy>(value: &str, all: &[T], name: fn(T) -> &'static str) -> Result<Vec<T>, String> {
    let find = |word: &str| {
        let found = all.iter().copied().find(|it| name(*it) == word);
        found.ok_or_else(|| format!("there is no `{word}`"))
    };
    value.split(',').map(find).collect()
}
