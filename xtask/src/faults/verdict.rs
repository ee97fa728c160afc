//! Whether a test run has caught a fault, read from how Rust's test harness ends and what it says.

use super::fault::Kept;

/// How the harness exits when a test has failed.
const TESTS_FAILED: i32 = 101;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A test failed, and said this first.
    Caught(String),
    Missed,
    /// It could not be told: the fault is stale, does not build, or the run did not end well.
    Broken(String),
}

/// Judges the run of a filtered test on the broken engine.
pub(super) fn of(code: Option<i32>, output: &[String]) -> Verdict {
    let failed = output.iter().any(|line| line.starts_with("test result: FAILED"));
    match code {
        Some(TESTS_FAILED) if failed => Verdict::Caught(first_failure(output)),
        Some(0) => Verdict::Missed,
        _ => {
            let last = output.iter().rev().find(|line| !line.trim().is_empty());
            let last = last.map_or("nothing", String::as_str);
            Verdict::Broken(format!("the tests died instead of failing; they last said: {last}"))
        }
    }
}

/// The names of the tests that passed.
pub(super) fn passed(output: &[String]) -> Vec<String> {
    let name =
        |line: &String| Some(line.strip_prefix("test ")?.strip_suffix(" ... ok")?.to_owned());
    output.iter().filter_map(name).collect()
}

impl Verdict {
    pub(super) fn is_caught(&self) -> bool {
        matches!(self, Self::Caught(_))
    }

    /// What is printed for a fault.
    pub(super) fn line(&self, kept: &Kept) -> String {
        let name = &kept.name;
        let about = match &kept.fault {
            Ok(fault) => format!("{name}: {} (by {})", fault.property, fault.test),
            Err(_) => name.clone(),
        };
        let again = format!("again, only this: cargo xtask faults {name}");
        match self {
            Self::Caught(said) => format!("caught  {about}\n        {said}"),
            Self::Missed => format!("MISSED  {about}\n        {again}"),
            Self::Broken(why) => format!("BROKEN  {about}\n        {why}\n        {again}"),
        }
    }
}

/// The first thing a failing test said, with the last seed before it unless it names one itself.
fn first_failure(output: &[String]) -> String {
    let Some(panic) = output.iter().position(|line| line.contains(" panicked at ")) else {
        return "said nothing".to_owned();
    };
    // What `assert_eq!` compares stands on lines of its own.
    let is_more = |line: &str| line.starts_with("left:") || line.starts_with("right:");
    let mut said = output.iter().skip(panic + 1).map(|line| line.trim());
    let mut message = said.find(|line| !line.is_empty()).unwrap_or_default().to_owned();
    for line in said.take_while(|line| is_more(line)) {
        message = format!("{message} {line}");
    }
    let has_seed = |line: &str| line.to_lowercase().contains("seed");
    match output.iter().take(panic).rev().find(|line| has_seed(line)) {
        Some(seed) if !has_seed(&message) => format!("{}: {message}", seed.trim()),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "\nrunning 1 test\ntest slots ... FAILED\n\nfailures:\n\n\
        ---- slots stdout ----\nseed 1\nseed 2\n\n\
        thread 'slots' (7) panicked at tests/properties.rs:9:5:\n5 held of 4\n\
        note: run with `RUST_BACKTRACE=1`\n\nfailures:\n    slots\n\n\
        test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_failed_test_catches_and_its_seed_and_message_are_shown() {
        assert_eq!(of(Some(101), &lines(FAILED)), Verdict::Caught("seed 2: 5 held of 4".into()));
    }

    #[test]
    fn a_message_that_names_its_seed_is_shown_alone() {
        let text = FAILED.replace("5 held of 4", "seed 2, step 8: 5 held of 4");
        let caught = Verdict::Caught("seed 2, step 8: 5 held of 4".into());
        assert_eq!(of(Some(101), &lines(&text)), caught);
    }

    #[test]
    fn what_was_compared_is_shown_too() {
        let text = FAILED.replace("5 held of 4", "held: seed 2\n  left: 5\n right: 4");
        assert_eq!(
            of(Some(101), &lines(&text)),
            Verdict::Caught("held: seed 2 left: 5 right: 4".into())
        );
    }

    #[test]
    fn a_pass_is_a_miss() {
        let output = lines("test slots ... ok\ntest result: ok. 1 passed; 0 failed");
        assert_eq!(of(Some(0), &output), Verdict::Missed);
        assert_eq!(passed(&output), ["slots"]);
    }

    #[test]
    fn a_run_that_dies_has_caught_nothing() {
        assert!(matches!(of(None, &lines("stack overflow")), Verdict::Broken(_)));
        assert!(matches!(of(Some(101), &lines("no tests ran")), Verdict::Broken(_)));
    }
}
