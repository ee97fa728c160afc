//! How many things passed and how many failed.

use std::fmt;
use std::ops::AddAssign;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    pub(crate) fn is_well(self) -> bool {
        self.failed == 0
    }

    pub(crate) fn count(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Reads a result line of Rust's test harness, `test result: ok. 3 passed; 0 failed; …`.
    pub(crate) fn of_result_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::default();
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => tally.passed = number.parse().ok()?,
                Some((number, "failed")) => tally.failed = number.parse().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }

    /// Reads the closing line of pytest, `1 failed, 3 passed, 2 skipped in 0.41s`. An error in what a test
    /// needs is a failure.
    pub(crate) fn of_pytest_line(line: &str) -> Option<Self> {
        let (counts, time) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
        if !time.starts_with(|c: char| c.is_ascii_digit()) || !time.contains('s') {
            return None;
        }
        let mut tally = Self::default();
        if counts == "no tests ran" {
            return Some(tally);
        }
        for part in counts.split(", ") {
            let (number, what) = part.split_once(' ')?;
            let number: usize = number.parse().ok()?;
            match what {
                "passed" | "xfailed" => tally.passed += number,
                "failed" | "error" | "errors" | "xpassed" => tally.failed += number,
                "skipped" | "deselected" | "warning" | "warnings" => {}
                _ => return None,
            }
        }
        Some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_read_whether_it_is_good_or_bad() {
        let good = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; \
                    finished in 0.03s";
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Tally::of_result_line(good), Some(Tally { passed: 12, failed: 0 }));
        assert_eq!(Tally::of_result_line(bad), Some(Tally { passed: 1, failed: 2 }));
    }

    #[test]
    fn any_other_line_counts_for_nothing() {
        assert_eq!(Tally::of_result_line("test one ... ok"), None);
        assert_eq!(Tally::of_result_line("a test result: ok. 1 passed; 0 failed"), None);
    }

    #[test]
    fn the_closing_line_of_pytest_is_read_whether_it_is_good_or_bad() {
        let good = Tally { passed: 120, failed: 0 };
        assert_eq!(Tally::of_pytest_line("120 passed, 3 skipped in 75.31s (0:01:15)"), Some(good));
        let bad = Tally { passed: 5, failed: 3 };
        let line = "== 2 failed, 5 passed, 1 warning, 1 error in 0.41s ==";
        assert_eq!(Tally::of_pytest_line(line), Some(bad));
        assert_eq!(Tally::of_pytest_line("no tests ran in 0.00s"), Some(Tally::default()));
    }

    #[test]
    fn what_a_test_says_is_no_closing_line() {
        for line in
            ["SKIPPED [1] tests/test_a.py:3: needs 3.11", "5 passed", "5 calls in 2s", "", " in s"]
        {
            assert_eq!(Tally::of_pytest_line(line), None, "{line}");
        }
    }

    #[test]
    fn sums_are_shown_as_the_last_line_of_a_run() {
        let mut sum = Tally { passed: 1, failed: 0 };
        sum += Tally { passed: 2, failed: 3 };
        assert_eq!(sum.to_string(), "3 passed, 3 failed");
    }
}
