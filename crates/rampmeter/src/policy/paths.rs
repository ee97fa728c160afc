//! `{path|clean}` and `{path|folders}`: keys for calls on a tree of files.
//!
//! A key is one name; `file:/a` says nothing of `file:/a/b`. A call that names the folders above
//! what it works on meets whoever has one of them to itself. Paths are taken as they are written:
//! no disk is asked, so a link is another path than what it points to.

/// The most folders above a path: a call names at most so many keys.
const MAX_FOLDERS: usize = 48;

/// What may be made of an argument that is a path.
pub(super) const FILTERS: [&str; 2] = ["clean", "folders"];

/// The texts that a filter makes of a path; `folders` makes one for each.
///
/// # Errors
/// What is wrong with the path, and the remedy, to follow the words "needs a path".
pub(super) fn filtered(filter: &str, path: &str) -> Result<Vec<String>, String> {
    let parts = parts(path)?;
    let root = if path.starts_with('/') { "/" } else { "" };
    let first = |count: usize| match (root, count) {
        ("", 0) => ".".to_owned(),
        (root, count) => format!("{root}{}", parts[..count].join("/")),
    };
    if filter == "clean" {
        return Ok(vec![first(parts.len())]);
    }
    if parts.len() > MAX_FOLDERS {
        let depth = parts.len();
        return Err(format!("of at most {MAX_FOLDERS} steps, and this one has {depth}"));
    }
    // The root is in itself, so that whatever uses a tree meets whoever has all of it.
    Ok((0..parts.len().max(1)).map(first).collect())
}

/// The steps of a path, without those that lead nowhere.
fn parts(path: &str) -> Result<Vec<&str>, String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Above the root there is the root.
            ".." if parts.pop().is_some() || path.starts_with('/') => {}
            ".." => {
                return Err("without a `..` that leads out of where it begins".to_owned());
            }
            part => parts.push(part),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(path: &str) -> String {
        filtered("clean", path).unwrap().remove(0)
    }

    #[test]
    fn however_a_path_is_written_it_comes_to_one_text() {
        for path in ["a/b", "./a/b", "a//b/", "a/x/../b", "a/./b/."] {
            assert_eq!(clean(path), "a/b", "{path}");
        }
        for (path, expected) in
            [("", "."), (".", "."), ("a/..", "."), ("/", "/"), ("/../a", "/a"), ("//", "/")]
        {
            assert_eq!(clean(path), expected, "{path}");
        }
    }

    #[test]
    fn the_folders_of_a_path_are_all_that_it_is_in_and_the_root_is_in_itself() {
        assert_eq!(filtered("folders", "./a/b//c").unwrap(), [".", "a", "a/b"]);
        assert_eq!(filtered("folders", "/a/b").unwrap(), ["/", "/a"]);
        assert_eq!(filtered("folders", "a/..").unwrap(), ["."]);
        assert_eq!(filtered("folders", "/").unwrap(), ["/"]);
    }

    #[test]
    fn a_path_that_leads_out_or_is_too_deep_is_told_what_it_must_be() {
        for path in ["..", "a/../../b"] {
            assert!(filtered("clean", path).unwrap_err().contains("leads out"), "{path}");
        }
        let deep = "a/".repeat(MAX_FOLDERS + 1);
        assert!(filtered("folders", &deep).unwrap_err().contains("at most 48 steps"));
        assert!(filtered("clean", &deep).is_ok());
    }
}
