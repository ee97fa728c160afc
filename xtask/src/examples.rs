//! The examples of the library: each is built, run, and must end well.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::tally::Tally;
use crate::test::FEATURES;
use crate::{Result, place, process};

const FOLDER: &str = "crates/rampmeter/examples";

/// An example shows something in a moment; one that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Builds and runs every example. One that fails is shown with all it said.
pub(crate) fn run(root: &Path) -> Result<Tally> {
    let names = names(&root.join(FOLDER))?;
    let mut build = Command::new(place::cargo());
    // As the tests are built, so that nothing but the examples is left to build.
    build.current_dir(root).args(["build", "--workspace", "--examples"]);
    build.args(FEATURES.split(' '));
    if !process::stream(build, |_| {})?.success() {
        return Ok(Tally { passed: 0, failed: names.len() });
    }
    let built = place::target(root).join("debug/examples");
    let mut tally = Tally::default();
    for name in &names {
        let ended = process::within(Command::new(built.join(name)).current_dir(root), LIMIT)?;
        tally.count(ended.is_well());
        if ended.is_well() {
            println!("example {name} ... ok");
            continue;
        }
        println!("{}\nexample {name} ... FAILED: {}", ended.output.join("\n"), ended.how(LIMIT));
        println!("again, only this: cargo run -p rampmeter --all-features --example {name}");
    }
    Ok(tally)
}

/// The names of the examples in a folder: each is a file, or a folder with a `main.rs`.
fn names(folder: &Path) -> Result<Vec<String>> {
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_example =
            path.extension().is_some_and(|it| it == "rs") || path.join("main.rs").is_file();
        let name = path.file_stem().and_then(|name| name.to_str());
        names.extend(name.filter(|_| is_example).map(str::to_owned));
    }
    names.sort();
    match names.is_empty() {
        true => Err(format!("there is no example in {}", folder.display())),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_the_library_is_found() {
        let folder = place::root().unwrap().join(FOLDER);
        let names = names(&folder).unwrap();
        assert!(names.iter().any(|name| name == "tool_loop"), "{names:?}");
        assert!(names.is_sorted());
    }

    #[test]
    fn a_folder_without_examples_is_an_error() {
        let error = names(&place::root().unwrap().join("docs")).unwrap_err();
        assert!(error.starts_with("there is no example in "), "{error}");
    }
}
