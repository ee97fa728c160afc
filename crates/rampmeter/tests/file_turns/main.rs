//! Turns of file calls on a real folder: run side by side as far as their keys allow, they end in
//! the tree and the outputs of running one call at a time.
//!
//! `cargo test -p rampmeter --test file_turns -- --nocapture` prints how much ran side by side.

// These tests are a crate of their own, in which clippy does not see all of it as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod files;
mod play;
#[path = "../behaviours/support/seed.rs"]
mod seed;

use corpus::Turn;
use play::{End, Stage, one_at_a_time};
use rampmeter::Policy;

/// What each call has to itself it writes, what it only needs to stay it reads: a call on a path
/// reads all folders above it, so that whoever takes such a folder as a whole waits for it.
const DECLARED: &str = r#"
    [limits.host]
    concurrency = 8
    [tools.cat]
    limits = ["host"]
    reads = ["file:{path|clean}", "file:{path|folders}"]
    [tools.grep]
    limits = ["host"]
    reads = ["file:{path|folders}"]
    writes = ["file:{path|clean}"]
    [tools.append]
    limits = ["host"]
    reads = ["file:{path|folders}"]
    writes = ["file:{path|clean}"]
    [tools.mkdir]
    limits = ["host"]
    reads = ["file:{path|folders}"]
    writes = ["file:{path|clean}"]
    [tools.rm]
    limits = ["host"]
    reads = ["file:{path|folders}"]
    writes = ["file:{path|clean}"]
    [tools.cp]
    limits = ["host"]
    reads = ["file:{from|clean}", "file:{from|folders}", "file:{to|folders}"]
    writes = ["file:{to|clean}"]
    [tools.mv]
    limits = ["host"]
    reads = ["file:{from|folders}", "file:{to|folders}"]
    writes = ["file:{from|clean}", "file:{to|clean}"]
"#;

const RUNS: u64 = 100;
const RUNS_TO_FAIL: u64 = 5;

#[test]
fn a_hundred_runs_of_a_hundred_turns_end_as_one_call_at_a_time_does() {
    let turns = corpus::corpus();
    let calls: usize = turns.iter().map(|turn| turn.calls.len()).sum();
    assert!(turns.len() >= 100, "{} turns", turns.len());
    let expected = one_at_a_time(&turns);
    let answered = expected.outputs.iter().filter(|it| !it.starts_with("error: ")).count();
    println!("{} turns of {calls} calls, of which {answered} succeed", turns.len());
    assert!(answered * 3 > calls * 2, "too few calls do anything");
    let stage = Stage::new(policy(DECLARED), &turns);
    let mut beside = Vec::new();
    for run in 0..RUNS {
        let end = stage.play(run);
        assert!(end == expected, "run {run}: {}", difference(&turns, &end, &expected));
        beside.push(end.beside);
    }
    beside.sort_unstable();
    let percent = |count: usize| 100.0 * count as f64 / calls as f64;
    let [least, median, most] =
        [0, beside.len() / 2, beside.len() - 1].map(|at| percent(beside[at]));
    println!(
        "{RUNS} of {RUNS} runs alike; beside another call of their turn ran {median:.0} % of the \
         calls ({least:.0} to {most:.0} %)"
    );
    assert!(beside[0] > 0);
}

#[test]
fn with_the_declarations_ignored_runs_end_otherwise_so_the_hundred_prove_something() {
    let turns = corpus::corpus();
    let expected = one_at_a_time(&turns);
    let silent = |line: &&str| !line.contains("reads = ") && !line.contains("writes = ");
    let silent: String = DECLARED.lines().filter(silent).map(|line| format!("{line}\n")).collect();
    for undeclared in ["read", "write"] {
        let policy = policy(&format!("undeclared = \"{undeclared}\"\n{silent}"));
        let stage = Stage::new(policy, &turns);
        let runs = (0..RUNS_TO_FAIL).map(|run| stage.play(run));
        let other = runs.filter(|end| *end != expected).count();
        println!(
            "{other} of {RUNS_TO_FAIL} runs end otherwise where all tools count as {undeclared}"
        );
        assert!(other > 0);
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse("test.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The first call whose output is another, and the first place where the trees differ.
fn difference(turns: &[Turn], end: &End, expected: &End) -> String {
    let calls = turns.iter().flat_map(|turn| &turn.calls);
    let outputs = calls.zip(end.outputs.iter().zip(&expected.outputs));
    let output = outputs.into_iter().find(|(_, (it, expected))| it != expected);
    let places = end.tree.iter().zip(&expected.tree).find(|(it, expected)| it != expected);
    format!("{output:?}; {places:?}")
}
