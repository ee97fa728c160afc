//! The text files of the project, as they stand in the folder.

use std::path::Path;
use std::process::Command;

use super::code;
use crate::{Result, process};

pub(super) struct File {
    /// Relative to the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

pub(super) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads what git tracks, and what it would track next, so that a new file is checked before it
    /// is added. Files that are not text are left out.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root).args(["ls-files", "-z", "-co", "--exclude-standard"]);
        let mut files = Vec::new();
        for path in process::read(&mut git)?.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            // A tracked file that was deleted, or a link to nowhere, has no text to judge.
            if !full.is_file() {
                continue;
            }
            let bytes =
                std::fs::read(&full).map_err(|error| format!("cannot read {path}: {error}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(Self { files })
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    pub(super) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The files below a folder (named with its `/`) whose names end so.
    pub(super) fn under(&self, folder: &str, end: &str) -> impl Iterator<Item = &File> {
        self.files
            .iter()
            .filter(move |file| file.path.starts_with(folder) && file.path.ends_with(end))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.into(), text: text.into() };
        Self { files: files.iter().map(file).collect() }
    }
}

impl File {
    /// The text of a Rust file with comments and literals blanked; every byte keeps its place.
    pub(super) fn code(&self) -> String {
        code::blank(&self.text)
    }
}

/// The line, from 1, that a byte of a text is on.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(line_at("ab\ncd\n", 0), 1);
        assert_eq!(line_at("ab\ncd\n", 2), 1);
        assert_eq!(line_at("ab\ncd\n", 3), 2);
    }

    #[test]
    fn a_folder_does_not_hold_what_only_begins_like_it() {
        let tree = Tree::of(&[("a/b.rs", ""), ("a/b.md", ""), ("ab/c.rs", "")]);
        let found: Vec<_> = tree.under("a/", ".rs").map(|file| file.path.as_str()).collect();
        assert_eq!(found, ["a/b.rs"]);
    }
}
