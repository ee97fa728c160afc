//! What must hold of the package, each by a program that its users know.

use super::interpreter::Version;
use crate::tally::Tally;

pub(super) struct Check {
    pub(super) name: &'static str,
    /// The module that is run, in the folder of the package.
    pub(super) program: &'static str,
    pub(super) args: Vec<String>,
    /// Flags that take a folder below the build folder.
    pub(super) caches: &'static [(&'static str, &'static str)],
}

/// The rules stand in the package's own file, also for what lies outside of its folder.
const CONFIG: &str = "pyproject.toml";
const EXAMPLES: &str = "../../examples/python";

const PYTEST_CACHE: &[(&str, &str)] = &[("--override-ini=cache_dir=", "pytest-cache")];
const MYPY_CACHE: &[(&str, &str)] = &[("--cache-dir=", "mypy-cache")];
const RUFF_CACHE: &[(&str, &str)] = &[("--cache-dir=", "ruff-cache")];

/// What can be told of the sources alone.
pub(super) fn of_sources() -> Vec<Check> {
    let ruff = |name, args: &str| Check::new(name, "ruff", args, RUFF_CACHE);
    vec![
        ruff("format", &format!("format --check --config {CONFIG} . {EXAMPLES}")),
        ruff("lints", &format!("check --config {CONFIG} . {EXAMPLES}")),
    ]
}

/// Some frameworks are for no older Python; types are told where all of them are.
const ALL_FRAMEWORKS: Version = (3, 11);

/// What needs the wheel, under a Python of this version.
pub(super) fn of_wheel(version: Version) -> Vec<Check> {
    let pytest =
        |name, args: &str| Check::new(name, "pytest", &format!("--color=no {args}"), PYTEST_CACHE);
    let mypy = |name, args: &str| {
        Check::new(name, "mypy", &format!("--strict --config-file {CONFIG} {args}"), MYPY_CACHE)
    };
    let mut checks = vec![
        pytest("tests", "--continue-on-collection-errors tests"),
        // An adapter whose framework is not for this Python cannot be read; that it can be elsewhere, its
        // tests show.
        pytest("doc tests", "--doctest-modules --doctest-ignore-import-errors --pyargs rampmeter"),
        Check::new(
            "stubs",
            "mypy.stubtest",
            &format!("rampmeter._native --mypy-config-file {CONFIG}"),
            &[],
        ),
    ];
    if version >= ALL_FRAMEWORKS {
        checks.push(mypy("types", "--package rampmeter"));
        // Each folder of tests may have one, and they cannot all be the module of that name.
        checks.push(mypy("types of the tests", "tests --exclude conftest[.]py$"));
        // What it measures beside the gate is not here.
        let bench = "bench --disable-error-code=import-not-found";
        checks.push(mypy("types of the measurements", bench));
        checks.push(mypy("types of the examples", EXAMPLES));
    }
    checks
}

/// Only the tests that these words for pytest name, if there are any.
pub(super) fn only(words: &[String]) -> Option<Check> {
    let mut check = Check::new("tests", "pytest", "--color=no", PYTEST_CACHE);
    check.args.extend_from_slice(words);
    (!words.is_empty()).then_some(check)
}

impl Check {
    fn new(
        name: &'static str,
        program: &'static str,
        args: &str,
        caches: &'static [(&'static str, &'static str)],
    ) -> Self {
        let args = args.split_whitespace().map(str::to_owned).collect();
        Self { name, program, args, caches }
    }

    /// What pytest counted, or one for the whole check. A program that fails has failed at something, also
    /// where it found no test or died.
    pub(super) fn tally(&self, is_well: bool, counted: Option<Tally>) -> Tally {
        let mut tally = match counted.filter(|_| self.program == "pytest") {
            Some(counted) => counted,
            None => Tally { passed: usize::from(is_well), failed: 0 },
        };
        if !is_well {
            tally.failed = tally.failed.max(1);
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytest_counts_tests_and_any_other_program_is_one() {
        let counted = Some(Tally { passed: 7, failed: 0 });
        let [mypy, pytest] = ["mypy", "pytest"].map(|name| Check::new(name, name, "", &[]));
        assert_eq!(pytest.tally(true, counted), Tally { passed: 7, failed: 0 });
        assert_eq!(mypy.tally(true, counted), Tally { passed: 1, failed: 0 });
        assert_eq!(mypy.tally(false, None), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn a_pytest_that_died_or_found_nothing_has_failed() {
        let pytest = Check::new("tests", "pytest", "", &[]);
        assert_eq!(pytest.tally(false, None), Tally { passed: 0, failed: 1 });
        let counted = Some(Tally { passed: 3, failed: 0 });
        assert_eq!(pytest.tally(false, counted), Tally { passed: 3, failed: 1 });
    }
}
