//! A file is a room: past 400 lines it wants a wall, past 500 it gets one.

use super::Breach;
use super::tree::Tree;

const WANTS_A_WALL_LINES: usize = 400;
const AT_MOST_LINES: usize = 500;

/// Sources that are too long to keep.
pub(super) fn errors(tree: &Tree) -> Vec<Breach> {
    longer(tree, AT_MOST_LINES, usize::MAX, "put a wall in it")
}

/// Sources that are still kept but should be split.
pub(super) fn warnings(tree: &Tree) -> Vec<Breach> {
    longer(tree, WANTS_A_WALL_LINES, AT_MOST_LINES, "it wants a wall")
}

fn longer(tree: &Tree, above: usize, up_to: usize, advice: &str) -> Vec<Breach> {
    let sources =
        tree.files().filter(|file| file.path.ends_with(".rs") && file.path.contains("/src/"));
    sources
        .map(|file| (file, file.text.lines().count()))
        .filter(|&(_, lines)| lines > above && lines <= up_to)
        .map(|(file, lines)| {
            let what = format!("{lines} lines, more than {above}: {advice}");
            Breach::new(&file.path, lines, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_warned_of_and_a_longer_one_refused() {
        let text = |lines: usize| "\n".repeat(lines);
        let (fits, long, longer) = (text(400), text(500), text(501));
        let tree =
            Tree::of(&[("a/src/a.rs", &fits), ("a/src/b.rs", &long), ("a/src/c.rs", &longer)]);
        let paths = |found: Vec<Breach>| found.into_iter().map(|it| it.path).collect::<Vec<_>>();
        assert_eq!(paths(warnings(&tree)), ["a/src/b.rs"]);
        assert_eq!(paths(errors(&tree)), ["a/src/c.rs"]);
    }
}
