//! A file is a room: past 400 lines it wants a wall, past 500 it gets one; 300 and 400 in Python, which says
//! more in a line, but for the stub of a compiled module, which can have no walls.

use super::Breach;
use super::tree::{File, Tree};

/// How long a source may be.
struct Length {
    wants_a_wall_lines: usize,
    at_most_lines: usize,
}

const RUST: Length = Length { wants_a_wall_lines: 400, at_most_lines: 500 };
const PYTHON: Length = Length { wants_a_wall_lines: 300, at_most_lines: 400 };

const STUB: Length = RUST;

/// Sources that are too long to keep.
pub(super) fn errors(tree: &Tree) -> Vec<Breach> {
    longer(tree, |length| (length.at_most_lines, usize::MAX), "put a wall in it")
}

/// Sources that are still kept but should be split.
pub(super) fn warnings(tree: &Tree) -> Vec<Breach> {
    longer(tree, |length| (length.wants_a_wall_lines, length.at_most_lines), "it wants a wall")
}

fn longer(tree: &Tree, between: fn(&Length) -> (usize, usize), advice: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for file in tree.files() {
        let Some((above, up_to)) = allowed(file).map(between) else { continue };
        let lines = file.text.lines().count();
        if lines > above && lines <= up_to {
            let what = format!("{lines} lines, more than {above}: {advice}");
            breaches.push(Breach::new(&file.path, lines, what));
        }
    }
    breaches
}

/// `None` for what is no source: tests are as long as their list of cases.
fn allowed(File { path, .. }: &File) -> Option<&'static Length> {
    match path.contains("/src/") {
        true if path.ends_with(".rs") => Some(&RUST),
        false if path.ends_with(".pyi") => Some(&STUB),
        false if path.ends_with(".py") && path.contains("/python/") => Some(&PYTHON),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_warned_of_and_a_longer_one_refused() {
        let text = |lines: usize| "\n".repeat(lines);
        let paths = |found: Vec<Breach>| found.into_iter().map(|it| it.path).collect::<Vec<_>>();
        for (name, wants_a_wall, at_most) in
            [("a/src/#.rs", 400, 500), ("a/python/b/#.py", 300, 400), ("a/python/#.pyi", 400, 500)]
        {
            let [fits, long, longer] =
                ["fits", "long", "longer"].map(|file| name.replace('#', file));
            let tree = Tree::of(&[
                (&fits, &text(wants_a_wall)),
                (&long, &text(at_most)),
                (&longer, &text(at_most + 1)),
                ("a/tests/test_a.py", &text(1_000)),
            ]);
            assert_eq!(paths(warnings(&tree)), [long]);
            assert_eq!(paths(errors(&tree)), [longer]);
        }
    }
}
