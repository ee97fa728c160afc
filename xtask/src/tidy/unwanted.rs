//! Words that must not be there: unfinished work in the crates, and other people's places anywhere.

use super::Breach;
use super::tree::{File, Tree, line_at};

const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "#[ignore", "thread::sleep"];

/// The same in Python; a test may be left out where it cannot run, with a condition.
const UNFINISHED_IN_PYTHON: &[&str] = &["# TODO", "# FIXME", "mark.skip(", "mark.xfail"];

/// Pieces, so that this file does not name them itself.
const FOREIGN: &[(&str, &str)] =
    &[("crates", ".io"), ("docs", ".rs"), ("pypi", ".org"), ("npmjs", ".com"), ("/wo", "rk/")];

/// The lock file is cargo's own and cannot do without the name of its registry.
const LOCK: &str = "Cargo.lock";

/// Nothing in the crates is left to do, left out of the tests, or waits by the clock.
pub(super) fn unfinished(tree: &Tree) -> Vec<Breach> {
    let say = |word: &str| format!("`{word}` must not stay: finish it or take it out");
    let report = |file: &File| found(&file.path, &file.code(), UNFINISHED.iter().copied(), say);
    let rust = tree.under("crates/", ".rs").flat_map(report);
    // Comments count here: in Python they are where unfinished work is marked.
    let report =
        |file: &File| found(&file.path, &file.text, UNFINISHED_IN_PYTHON.iter().copied(), say);
    rust.chain(tree.under("", ".py").flat_map(report)).collect()
}

/// No text names a package registry, or a folder of the machine it was written on.
pub(super) fn foreign(tree: &Tree) -> Vec<Breach> {
    let words: Vec<String> = FOREIGN.iter().map(|(a, b)| format!("{a}{b}")).collect();
    let report = |file: &File| {
        let say = |word: &str| format!("`{word}` must not be named here");
        found(&file.path, &file.text, words.iter().map(String::as_str), say)
    };
    tree.files().filter(|file| file.path != LOCK).flat_map(report).collect()
}

fn found<'a>(
    path: &str,
    text: &str,
    words: impl Iterator<Item = &'a str>,
    say: impl Fn(&str) -> String,
) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for word in words {
        for (offset, _) in text.match_indices(word) {
            breaches.push(Breach::new(path, line_at(text, offset), say(word)));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_reported_and_talk_of_it_is_not() {
        let text =
            "// todo!() was here\nfn f() {\n    todo!()\n}\n#[ignore = \"slow\"]\nfn g() {}\n";
        let lines: Vec<_> = unfinished(&Tree::of(&[("crates/a/tests/a.rs", text)]))
            .into_iter()
            .map(|breach| breach.line)
            .collect();
        assert_eq!(lines, [3, 5]);
    }

    #[test]
    fn a_test_in_python_may_be_left_out_for_a_reason_only() {
        let text = "@pytest.mark.skipif(OLD, reason=\"needs 3.11\")\n# TODO\n@pytest.mark.skip()\n";
        let found = unfinished(&Tree::of(&[("crates/a/tests/test_a.py", text)]));
        let mut lines: Vec<_> = found.into_iter().map(|breach| breach.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [2, 3]);
    }

    #[test]
    fn a_registry_is_reported_anywhere_but_in_the_lock_file() {
        let text = format!("see\nhttps://{}{}/x\n", "docs", ".rs");
        let tree = Tree::of(&[("README.md", &text), ("Cargo.lock", &text)]);
        let found = foreign(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("README.md", 2));
    }
}
