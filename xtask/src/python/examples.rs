//! The examples in Python: each is run as a script and must end well.

use std::path::Path;
use std::time::Duration;

use super::interpreter::{Version, version};
use super::venv::Venv;
use crate::tally::Tally;
use crate::{Result, place, process};

const FOLDER: &str = "examples/python";

/// An example shows something in a moment; one that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs every example that is for this Python. One that fails is shown with all it said.
pub(super) fn run(root: &Path, venv: &Venv, python: Version) -> Result<Tally> {
    let mut tally = Tally::default();
    for path in place::files(&root.join(FOLDER), "py")? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((major, minor)) = oldest(&place::read(&path)?).filter(|it| *it > python) {
            println!("example {name} ... skipped: it needs Python {major}.{minor}");
            continue;
        }
        let ended = process::within(venv.command().arg(&path).current_dir(root), LIMIT)?;
        tally.count(ended.is_well());
        if ended.is_well() {
            println!("example {name} ... ok");
        } else {
            println!(
                "{}\nexample {name} ... FAILED: {}",
                ended.output.join("\n"),
                ended.how(LIMIT)
            );
            println!("again, only this: {} {FOLDER}/{name}", venv.python().display());
        }
    }
    Ok(tally)
}

/// The oldest Python that a script says it is for, in the words that package managers read as well:
/// `# requires-python = ">=3.11"`.
fn oldest(script: &str) -> Option<Version> {
    let said = script.lines().find_map(|line| line.strip_prefix("# requires-python = \">="))?;
    version(said.split('"').next()?, '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_may_say_which_python_it_needs() {
        let script = "# /// script\n# requires-python = \">=3.11\"\n# ///\nimport asyncio\n";
        assert_eq!(oldest(script), Some((3, 11)));
        assert_eq!(oldest("import asyncio\n"), None);
    }
}
