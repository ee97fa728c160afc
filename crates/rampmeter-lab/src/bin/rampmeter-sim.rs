//! Plays seeds and prints what the judges say: `--seed N`, `--seeds A..B` or `--seconds S`, each
//! with `--steps N` inputs before everything is healed, on `--threads N`. Rows for a record are
//! lines that begin with `{`.
#![allow(clippy::print_stdout, reason = "a command line tool says what it does")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rampmeter_lab::sim::{
    COUNTS, Count, Mix, Run, Totals, play, play_claims, play_keys, play_shares,
};

const HELP: &str = "usage: rampmeter-sim [--seed N | --seeds A..B | --seconds S] [--steps N] \
                    [--threads N] [--tell N] [--without nested,edits,…]";

/// What to play.
struct Options {
    seeds: std::ops::Range<u64>,
    seconds: Option<u64>,
    steps: u64,
    threads: u64,
    mix: Mix,
    /// So many of the last inputs and answers of a seed with a violation are printed.
    tell: usize,
}

fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--help" || word == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match parse(std::env::args().skip(1)) {
        Ok(options) => run(&options),
        Err(error) => {
            eprintln!("error: {error}\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options =
        Options { seeds: 0..200, seconds: None, steps: 10_000, threads: 2, mix: Mix::ALL, tell: 0 };
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("`{value}` is no number"));
        match flag.as_str() {
            "--seed" => {
                let seed = number()?;
                let after = seed.checked_add(1).ok_or("the last seed cannot be played")?;
                options.seeds = seed..after;
                options.tell = options.tell.max(60);
            }
            "--seeds" => {
                let ends = value
                    .split_once("..")
                    .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
                let (from, to) = ends.ok_or_else(|| format!("`{value}` is not like 0..100"))?;
                options.seeds = from..to;
                if options.seeds.is_empty() {
                    return Err(format!("`{value}` has no seed in it: write the lesser end first"));
                }
            }
            "--seconds" => {
                options.seconds = Some(at_least_one(number()?, &flag)?);
                options.seeds = 0..u64::MAX;
            }
            "--steps" => options.steps = number()?,
            "--without" => {
                let without = |mix: Mix, name| mix.without(name);
                options.mix = value.split(',').try_fold(options.mix, without)?;
            }
            "--threads" => options.threads = at_least_one(number()?, &flag)?.min(64),
            "--tell" => options.tell = usize::try_from(number()?).unwrap_or(usize::MAX),
            _ => return Err(format!("there is no `{flag}`")),
        }
    }
    Ok(options)
}

fn at_least_one(number: u64, flag: &str) -> Result<u64, String> {
    if number == 0 { Err(format!("`{flag}` must be at least 1")) } else { Ok(number) }
}

/// What all threads have found.
#[derive(Default)]
struct Found {
    totals: Totals,
    seeds: u64,
    violations: u64,
    /// Scenes of shares and of claims, and how near the worst of each came to its bound.
    scenes: u64,
    closest_share: f64,
    heavy_calls: u64,
    closest_wait: f64,
    /// Calls that started in scenes of keys, and the most writers at one key at once.
    keyed_calls: u64,
    writers: u64,
    /// A fingerprint of all fingerprints, in whatever order the seeds came.
    hash: u64,
}

fn run(options: &Options) -> ExitCode {
    let (from, to) = (options.seeds.start, options.seeds.end);
    println!("seeds from {from}, {} steps each and then healed", options.steps);
    let next = AtomicU64::new(from);
    let found = Mutex::new(Found::default());
    let begun = Instant::now();
    let ends = options.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..options.threads.min(to - from) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to || ends.is_some_and(|ends| Instant::now() >= ends) {
                        break;
                    }
                    let run = play_twice_now_and_then(seed, options.steps, options.mix);
                    report(&run, options, begun, &found);
                    if seed.is_multiple_of(10) {
                        scenes_beside(seed, &found);
                    }
                }
            });
        }
    });
    let Ok(found) = found.into_inner() else { return ExitCode::from(2) };
    let seconds = begun.elapsed().as_secs_f64();
    println!("{}", row(&found, options, seconds));
    let steps = found.totals.of(Count::Steps);
    println!(
        "{} seeds, {steps} steps in {seconds:.1} s ({:.0} a second), {} violations",
        found.seeds,
        steps as f64 / seconds,
        found.violations
    );
    if found.seeds == 0 {
        eprintln!("error: no seed was played; give it more time");
        return ExitCode::FAILURE;
    }
    if found.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every sixteenth seed is played a second time and must go the same way.
fn play_twice_now_and_then(seed: u64, steps: u64, mix: Mix) -> Run {
    let mut run = play(seed, steps, mix, 0);
    if seed.is_multiple_of(16) && run.violation.is_none() {
        let again = play(seed, steps, mix, 0);
        run.violation = run.differs_from(&again);
    }
    run
}

/// Every tenth seed makes a scene of shares, one of claims and one of keys, too.
fn scenes_beside(seed: u64, found: &Mutex<Found>) {
    let (shares, claims, keys) = (play_shares(seed), play_claims(seed), play_keys(seed));
    let Ok(mut found) = found.lock() else { return };
    found.scenes += 1;
    found.closest_share = found.closest_share.max(shares.closest);
    found.heavy_calls += claims.judged;
    found.closest_wait = found.closest_wait.max(claims.closest);
    found.keyed_calls += keys.started;
    found.writers = found.writers.max(keys.peaks.1);
    for violation in [shares.violation, claims.violation, keys.violation].into_iter().flatten() {
        found.violations += 1;
        println!("{violation}");
    }
}

fn report(run: &Run, options: &Options, begun: Instant, found: &Mutex<Found>) {
    let Ok(mut found) = found.lock() else { return };
    found.totals += &run.totals;
    found.seeds += 1;
    found.hash ^= run.hash.rotate_left(u32::try_from(run.seed % 64).unwrap_or(0));
    if let Some(violation) = &run.violation {
        found.violations += 1;
        if options.tell > 0 {
            for line in play(run.seed, options.steps, options.mix, options.tell).tail {
                println!("{line}");
            }
        }
        println!("{violation}");
    }
    if found.seeds.is_multiple_of(500) {
        let steps = found.totals.of(Count::Steps);
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{} seeds, {steps} steps, {:.0} a second, {} violations",
            found.seeds,
            steps as f64 / seconds,
            found.violations
        );
    }
}

/// The row of a record.
fn row(found: &Found, options: &Options, seconds: f64) -> String {
    let (from, to) = (options.seeds.start, options.seeds.start + found.seeds);
    let mut row = format!(
        "{{\"row\":\"sim\",\"seeds\":\"{from}..{to}\",\"steps_per_seed\":{},\"threads\":{},\
         \"seconds\":{seconds:.1},\"violations\":{},\"hash\":\"{:016x}\"",
        options.steps, options.threads, found.violations, found.hash
    );
    row.push_str(&format!(
        ",\"scenes_of_shares_and_claims\":{},\"greatest_share_difference_of_bound\":{:.3},\
         \"heavy_calls\":{},\"longest_wait_of_bound\":{:.3},\"keyed_calls\":{},\
         \"most_writers_at_a_key\":{}",
        found.scenes,
        found.closest_share,
        found.heavy_calls,
        found.closest_wait,
        found.keyed_calls,
        found.writers
    ));
    for (count, name) in COUNTS {
        row.push_str(&format!(",\"{name}\":{}", found.totals.of(count)));
    }
    row.push('}');
    row
}
