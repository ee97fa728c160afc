//! `cargo xtask tidy`: the house rules, each a named check over the files as they are now. All
//! breaches are reported at once, each with its file and line.

mod arrows;
mod code;
mod faults;
mod flags;
mod length;
mod purity;
mod readme;
mod tree;
mod unwanted;

use std::path::Path;

use crate::Result;
use crate::tally::Tally;
use tree::Tree;

/// A place where a rule is broken, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Breach {
    path: String,
    line: usize,
    what: String,
}

impl Breach {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Breach>,
}

const RULES: &[Rule] = &[
    Rule { name: "arrows-point-inward", check: arrows::check },
    Rule { name: "core-is-pure", check: purity::core },
    Rule { name: "provider-shares-no-code", check: purity::provider },
    Rule { name: "files-are-small", check: length::errors },
    Rule { name: "one-rust-version", check: readme::rust_version },
    Rule { name: "readme-shows-the-commands", check: readme::commands },
    Rule { name: "flags-exist", check: flags::check },
    Rule { name: "nothing-unfinished", check: unwanted::unfinished },
    Rule { name: "nothing-foreign", check: unwanted::foreign },
    Rule { name: "faults-name-properties", check: faults::check },
];

/// Checks every rule, prints what it finds, and counts the rules that hold.
pub(crate) fn run(root: &Path) -> Result<Tally> {
    let tree = Tree::load(root)?;
    let mut tally = Tally::default();
    for Breach { path, line, what } in length::warnings(&tree) {
        println!("{path}:{line}: warning: {what}");
    }
    for rule in RULES {
        let mut breaches = (rule.check)(&tree);
        breaches.sort();
        tally.count(breaches.is_empty());
        for Breach { path, line, what } in &breaches {
            println!("{path}:{line}: {}: {what}", rule.name);
        }
    }
    println!("tidy: {} rules hold, {} are broken", tally.passed, tally.failed);
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_name() {
        let mut names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RULES.len());
    }
}
