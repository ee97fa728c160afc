//! Code that must not know certain things: the core nothing ambient, the simulated provider
//! nothing of ours.

use super::Breach;
use super::code::identifiers;
use super::tree::{File, Tree, line_at};

const CORE: &str = "crates/rampmeter-core/src/";
const CORE_ROOT: &str = "crates/rampmeter-core/src/lib.rs";
const CORE_SAYS: &[&str] = &["#![no_std]", "#![forbid(unsafe_code)]"];
const NOT_IN_CORE: &[&str] = &["std", "HashMap", "HashSet", "rand", "SystemTime", "thread"];

const PROVIDER: &str = "crates/rampmeter-cli/src/tools/provider";
const NOT_IN_PROVIDER: &[&str] = &["rampmeter", "rampmeter_core"];

/// The core has no clock, no threads, no randomness and no hash order.
pub(super) fn core(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    match tree.get(CORE_ROOT) {
        Some(root) => {
            let code = root.code();
            let missing = CORE_SAYS.iter().filter(|line| !code.contains(**line));
            breaches.extend(
                missing.map(|line| Breach::new(CORE_ROOT, 1, format!("must say `{line}`"))),
            );
        }
        None => breaches.push(Breach::new(CORE_ROOT, 1, "the core's root is missing")),
    }
    for file in tree.under(CORE, ".rs") {
        breaches.extend(words(file, NOT_IN_CORE).map(|(line, word)| {
            Breach::new(
                &file.path,
                line,
                format!("the core knows no `{word}`: pass it what it needs"),
            )
        }));
    }
    breaches
}

/// The simulated provider judges the engine, so it must not share the engine's arithmetic.
pub(super) fn provider(tree: &Tree) -> Vec<Breach> {
    let mut files = tree.under(PROVIDER, ".rs").peekable();
    if files.peek().is_none() {
        let what = "the simulated provider is missing: if it has moved, tell xtask where to";
        return vec![Breach::new(&format!("{PROVIDER}.rs"), 1, what)];
    }
    let mut breaches = Vec::new();
    for file in files {
        breaches.extend(words(file, NOT_IN_PROVIDER).map(|(line, word)| {
            let what = format!("the simulated provider must not use `{word}`, which it judges");
            Breach::new(&file.path, line, what)
        }));
    }
    breaches
}

/// Where a file's code uses one of these words.
fn words(file: &File, unwanted: &[&'static str]) -> impl Iterator<Item = (usize, &'static str)> {
    let code = file.code();
    let found: Vec<_> = identifiers(&code)
        .filter_map(|(offset, word)| {
            let word = unwanted.iter().find(|unwanted| **unwanted == word)?;
            Some((line_at(&code, offset), *word))
        })
        .collect();
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURE: &str = "//! Uses no std::time.\n#![no_std]\n#![forbid(unsafe_code)]\n";

    #[test]
    fn a_pure_core_may_talk_of_what_it_does_not_use() {
        assert_eq!(core(&Tree::of(&[(CORE_ROOT, PURE)])), []);
    }

    #[test]
    fn each_use_in_the_core_is_reported_with_its_line() {
        let other = "use alloc::vec::Vec;\nuse std::collections::HashMap;\n";
        let path = "crates/rampmeter-core/src/a/b.rs";
        let lines: Vec<_> = core(&Tree::of(&[(CORE_ROOT, PURE), (path, other)]))
            .into_iter()
            .map(|breach| (breach.path, breach.line))
            .collect();
        assert_eq!(lines, [(path.to_owned(), 2), (path.to_owned(), 2)]);
    }

    #[test]
    fn a_core_that_allows_std_is_reported() {
        let text = "#![cfg_attr(not(test), no_std)]\n#![forbid(unsafe_code)]\n";
        assert_eq!(core(&Tree::of(&[(CORE_ROOT, text)])).len(), 1);
    }

    #[test]
    fn the_provider_must_be_there_and_share_nothing() {
        let path = "crates/rampmeter-cli/src/tools/provider.rs";
        let shared = "use tokio::sync::Mutex;\nuse rampmeter_core::Rate;\n";
        assert_eq!(provider(&Tree::of(&[]))[0].path, path);
        assert_eq!(provider(&Tree::of(&[(path, shared)]))[0].line, 2);
        assert_eq!(provider(&Tree::of(&[(path, "// rampmeter\nfn f() {}\n")])), []);
    }
}
