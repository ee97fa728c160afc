//! `cargo xtask faults`: kept patches that break the engine. A property test that lets one of them
//! pass proves nothing, so each must be caught.

mod copy;
mod fault;
mod verdict;

use std::path::Path;

pub(crate) use fault::{Fault, Suite};

use crate::tally::Tally;
use crate::{Result, place};
use copy::Copied;
use fault::Kept;
use verdict::Verdict;

/// Tries the faults of these names, or all of them, each against its own test. A fault that is
/// stale or does not build counts as failed, like one that is missed.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<Tally> {
    let kept = chosen(fault::load(&root.join("faults"))?, names)?;
    let top = Copied::lay_out(root, &place::target(root).join("faults"))?;
    println!("faults: building the unbroken engine and its tests");
    let mut tests = Vec::new();
    for suite in Suite::ALL {
        let named = |kept: &Kept| kept.fault.as_ref().is_ok_and(|fault| fault.suite == suite);
        if kept.iter().any(named) {
            tests.extend(top.unbroken_tests(suite)?.into_iter().map(|test| (suite, test)));
        }
    }
    let mut tally = Tally::default();
    for fault in &kept {
        let verdict = try_one(&top, &tests, fault).unwrap_or_else(Verdict::Broken);
        println!("{}", verdict.line(fault));
        tally.count(verdict.is_caught());
    }
    if names.is_empty() {
        let without = fault::unbroken_properties(&kept);
        if !without.is_empty() {
            println!("faults: none yet breaks property {}", without.join(", "));
        }
    }
    println!("faults: {} caught, {} not", tally.passed, tally.failed);
    Ok(tally)
}

/// Breaks the copy, judges it, and mends it again, whatever happened in between.
fn try_one(top: &Copied, tests: &[(Suite, String)], kept: &Kept) -> Result<Verdict> {
    let fault = kept.fault.as_ref().map_err(Clone::clone)?;
    if !tests.iter().any(|(suite, test)| *suite == fault.suite && test.contains(&fault.test)) {
        return Err(format!("no test in {} is called `{}`", fault.suite.tests(), fault.test));
    }
    let sound = top.source(&fault.file)?;
    let broken = fault.apply(&sound)?;
    top.put(&fault.file, &broken)?;
    let verdict = top.judge(fault.suite, &fault.test);
    top.put(&fault.file, &sound)?;
    verdict
}

fn chosen(all: Vec<Kept>, names: &[String]) -> Result<Vec<Kept>> {
    if all.is_empty() {
        return Err(
            "there are no faults in faults/*.toml: keep at least one, see its README".into()
        );
    }
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|kept| kept.name == **name)) {
        let known: Vec<_> = all.iter().map(|kept| kept.name.as_str()).collect();
        return Err(format!("there is no fault `{unknown}`; there are {}", known.join(", ")));
    }
    Ok(all.into_iter().filter(|kept| names.is_empty() || names.contains(&kept.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str) -> Kept {
        Kept { name: name.into(), fault: Err("unread".into()) }
    }

    #[test]
    fn no_faults_at_all_is_an_error() {
        assert!(chosen(Vec::new(), &[]).is_err());
    }

    #[test]
    fn a_name_that_no_fault_has_is_an_error_that_lists_the_names() {
        let error = chosen(vec![kept("a"), kept("b")], &["c".into()]).err();
        assert_eq!(error.as_deref(), Some("there is no fault `c`; there are a, b"));
    }

    #[test]
    fn the_named_faults_are_chosen_or_else_all() {
        let names = |names: &[String]| {
            let found = chosen(vec![kept("a"), kept("b")], names).unwrap();
            found.into_iter().map(|kept| kept.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["a", "b"]);
        assert_eq!(names(&["b".into()]), ["b"]);
    }
}
