//! Plays seeds and prints what the judges say.
#![allow(clippy::print_stdout, reason = "a command line tool says what it does")]

use rampmeter_lab::sim::{Count, Mix, Totals, play};

fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let to: u64 = args.next().and_then(|it| it.parse().ok()).unwrap_or(from + 1);
    let steps: u64 = args.next().and_then(|it| it.parse().ok()).unwrap_or(10_000);
    let told: usize = args.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut totals = Totals::default();
    let begun = std::time::Instant::now();
    for seed in from..to {
        let run = play(seed, steps, Mix::ALL, told);
        for line in &run.tail {
            println!("{line}");
        }
        if let Some(violation) = &run.violation {
            println!("{violation}");
        }
        totals += &run.totals;
    }
    println!("{totals:?} {:.0}/s", totals.of(Count::Steps) as f64 / begun.elapsed().as_secs_f64());
}
