//! Code that must not know certain things: the core nothing ambient, the providers that judge it
//! nothing of ours.

use super::Breach;
use super::code::identifiers;
use super::tree::{File, Tree, line_at};

const CORE: &str = "crates/rampmeter-core/src/";
const CORE_ROOT: &str = "crates/rampmeter-core/src/lib.rs";
const CORE_SAYS: &[&str] = &["#![no_std]", "#![forbid(unsafe_code)]"];
const NOT_IN_CORE: &[&str] = &["std", "HashMap", "HashSet", "rand", "SystemTime", "thread"];

/// The simulated one of the command, and the one over HTTP; each by how its files' paths begin, and
/// the file that must be there.
const PROVIDERS: &[(&str, &str)] = &[
    ("crates/rampmeter-cli/src/tools/provider", "crates/rampmeter-cli/src/tools/provider.rs"),
    ("crates/rampmeter-provider/", "crates/rampmeter-provider/src/lib.rs"),
];
const NOT_IN_PROVIDER: &[&str] = &["rampmeter", "rampmeter_core", "rampmeter_lab"];

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

/// The providers judge the engine, so they must not share its arithmetic.
pub(super) fn provider(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (folder, root) in PROVIDERS {
        if tree.get(root).is_none() {
            let what = "the provider is missing: if it has moved, tell xtask where to";
            breaches.push(Breach::new(root, 1, what));
        }
        for file in tree.under(folder, ".rs") {
            breaches.extend(words(file, NOT_IN_PROVIDER).map(|(line, word)| {
                let what = format!("a provider must not use `{word}`, which it judges");
                Breach::new(&file.path, line, what)
            }));
        }
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
    fn the_providers_must_be_there_and_share_nothing() {
        let [simulated, over_http] =
            ["rampmeter-cli/src/tools/provider.rs", "rampmeter-provider/src/lib.rs"]
                .map(|path| format!("crates/{path}"));
        let missing = provider(&Tree::of(&[]));
        let paths: Vec<_> = missing.iter().map(|breach| &breach.path).collect();
        assert_eq!(paths, [&simulated, &over_http]);
        let shared = "use tokio::sync::Mutex;\nuse rampmeter_core::Rate;\n";
        let alone = "// rampmeter\nuse rampmeter_provider::Meter;\n";
        for (its, the_others) in [(shared, alone), (alone, shared)] {
            let found = provider(&Tree::of(&[(&simulated, its), (&over_http, the_others)]));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].line, 2);
        }
        let deep = "crates/rampmeter-provider/tests/a.rs";
        let tree = Tree::of(&[(&simulated, alone), (&over_http, alone), (deep, shared)]);
        assert_eq!(provider(&tree)[0].path, deep);
    }
}
