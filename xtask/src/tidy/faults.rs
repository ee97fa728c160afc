//! Every kept fault names a property that its tests list, and a test that exists.

use super::Breach;
use super::code::{identifiers, leading_identifier};
use super::tree::{File, Tree};
use crate::faults::{Fault, Suite};

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let suites = Suite::ALL.map(|suite| {
        let files = || tree.under(suite.tests(), ".rs");
        let listed: Vec<String> = files().flat_map(|file| plain_words(&file.text)).collect();
        (suite, listed, files().flat_map(functions).collect::<Vec<String>>())
    });
    let mut breaches = Vec::new();
    for file in tree.under("faults/", ".toml") {
        let fault = match Fault::parse(&file.text) {
            Ok(fault) => fault,
            Err(error) => {
                breaches.push(Breach::new(&file.path, 1, error));
                continue;
            }
        };
        let Some((_, listed, tests)) = suites.iter().find(|(suite, ..)| *suite == fault.suite)
        else {
            continue;
        };
        let place = fault.suite.tests();
        let property = plain_words(&fault.property);
        if !listed.windows(property.len()).any(|words| words == property) {
            let what = format!("no test in {place} lists the property `{}`", fault.property);
            breaches.push(Breach::new(&file.path, line_of_key(file, "property"), what));
        }
        let test = fault.test.rsplit("::").next().unwrap_or(&fault.test);
        if !tests.iter().any(|name| name.contains(test)) {
            let what = format!("no test in {place} is called `{}`", fault.test);
            breaches.push(Breach::new(&file.path, line_of_key(file, "test"), what));
        }
    }
    breaches
}

/// The words of a text without its punctuation, so that a sentence is found across the lines and
/// marks of a comment.
fn plain_words(text: &str) -> Vec<String> {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    text.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect()
}

fn functions(file: &File) -> Vec<String> {
    let code = file.code();
    let after_fn = identifiers(&code).filter(|&(_, word)| word == "fn").filter_map(|(at, word)| {
        code.get(at + word.len()..).map(|rest| leading_identifier(rest.trim_start()))
    });
    after_fn.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn line_of_key(file: &File, key: &str) -> usize {
    1 + file.text.lines().position(|line| line.starts_with(key)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "//! 1. Nothing is admitted above a limit:\n//!    not at any instant.\n\
                        #[test]\nfn no_limit_is_exceeded() {}\n";

    fn breaches(property: &str, test: &str) -> Vec<Breach> {
        let fault = format!(
            "name = \"n\"\nproperty = \"{property}\"\nfile = \"src/a.rs\"\nfind = \"a\"\n\
             replace = \"b\"\ntest = \"{test}\"\n"
        );
        let list = format!("{}properties.rs", Suite::Properties.tests());
        check(&Tree::of(&[(&list, LIST), ("faults/n.toml", &fault)]))
    }

    #[test]
    fn a_listed_property_is_found_across_lines_and_marks() {
        assert_eq!(breaches("1. Nothing is admitted above a limit: not at any", "no_limit"), []);
    }

    #[test]
    fn a_property_under_another_number_is_not_listed() {
        let found = breaches("2. Nothing is admitted above a limit", "no_limit");
        assert_eq!((found.len(), found[0].line), (1, 2));
    }

    #[test]
    fn a_test_that_is_not_there_is_reported() {
        let found = breaches("1. Nothing is admitted", "properties::no_such_test");
        assert_eq!((found.len(), found[0].line), (1, 6));
    }

    #[test]
    fn a_fault_that_cannot_be_read_is_reported() {
        let found = check(&Tree::of(&[("faults/n.toml", "name = 1\n")]));
        assert_eq!(found.len(), 1);
    }
}
