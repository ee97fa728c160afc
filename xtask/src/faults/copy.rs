//! A copy of the core to break, built apart from the workspace so that no fault can leak into it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use toml_edit::{Document, Item};

use super::fault::Suite;
use super::verdict::{self, Verdict};
use crate::{Result, place, process};

const CORE: &str = "crates/rampmeter-core";
const LAB: &str = "crates/rampmeter-lab";

/// A broken engine may run for ever; the property tests themselves take seconds.
const LONGEST_TEST: Duration = Duration::from_secs(300);

pub(super) struct Copied {
    core: PathBuf,
    /// The simulator, which tests the copy of the core.
    lab: PathBuf,
    target: PathBuf,
}

impl Copied {
    /// Brings `scratch/core` in line with the core as it is now.
    pub(super) fn lay_out(root: &Path, scratch: &Path) -> Result<Self> {
        let [core, lab, target] = ["core", "lab", "target"].map(|folder| scratch.join(folder));
        let copied = Self { core, lab, target };
        let manifest = place::read(&root.join("Cargo.toml"))?;
        let core = standalone(&manifest, "rampmeter-core", "[profile.dev]\ndebug = false\n")?;
        put_if_new(&copied.core.join("Cargo.toml"), &core)?;
        let lab = standalone(&manifest, "rampmeter-lab", ON_CORE)?;
        put_if_new(&copied.lab.join("Cargo.toml"), &lab)?;
        for folder in ["src", "tests"] {
            mirror(&root.join(CORE).join(folder), &copied.core.join(folder))?;
        }
        mirror(&root.join(LAB).join("src/sim"), &copied.lab.join("src/sim"))?;
        put_if_new(&copied.lab.join("src/lib.rs"), ONLY_SIM)?;
        for file in ["tests/simulator.rs", "seeds.txt"] {
            put_if_new(&copied.lab.join(file), &place::read(&root.join(LAB).join(file))?)?;
        }
        Ok(copied)
    }

    pub(super) fn source(&self, file: &str) -> Result<String> {
        place::read(&self.core.join(file))
    }

    pub(super) fn put(&self, file: &str, text: &str) -> Result<()> {
        place::write(&self.core.join(file), text)
    }

    /// The names of a suite's tests, all of which must pass while nothing is broken.
    pub(super) fn unbroken_tests(&self, suite: Suite) -> Result<Vec<String>> {
        let ended = self.run(suite, &self.build(suite)?, "")?;
        let tests = verdict::passed(&ended.output);
        match ended.status {
            Some(status) if status.success() && !tests.is_empty() => Ok(tests),
            Some(status) if status.success() => {
                Err(format!("{} has no tests to catch a fault with", suite.tests()))
            }
            _ => {
                let shown = ended.output.join("\n");
                Err(format!("the tests fail on the unbroken engine:\n{shown}"))
            }
        }
    }

    /// Builds the copy as it is now and runs the tests that should notice.
    pub(super) fn judge(&self, suite: Suite, test: &str) -> Result<Verdict> {
        let ended = self.run(suite, &self.build(suite)?, test)?;
        match ended.status {
            Some(status) => Ok(verdict::of(status.code(), &ended.output)),
            None => {
                let limit = LONGEST_TEST.as_secs();
                Err(format!("`{test}` did not end in {limit} s: give it a bound on its steps"))
            }
        }
    }

    /// The path of a suite's built tests. Built first and run by ourselves, because a fault that
    /// does not compile must not count as caught, and because a test that hangs must be stopped.
    fn build(&self, suite: Suite) -> Result<PathBuf> {
        let mut cargo = Command::new(place::cargo());
        cargo
            .args(["test", "--quiet", "--no-run", "--test", suite.binary()])
            .arg("--message-format=json-render-diagnostics")
            .arg("--manifest-path")
            .arg(self.home(suite).join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&self.target)
            // A patch may leave something unused, which is no reason for it not to build.
            .env("RUSTFLAGS", "--cap-lints=warn");
        let output = cargo
            .output()
            .map_err(|error| format!("cannot start {}: {error}", process::shown(&cargo)))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let errors: Vec<_> = said.lines().skip_while(|it| !it.starts_with("error")).collect();
            return Err(format!("does not build:\n{}", errors.join("\n")));
        }
        let messages = String::from_utf8_lossy(&output.stdout);
        let ours = |message| executable(message, suite.binary());
        let executable = messages.lines().filter_map(ours).next_back();
        executable.ok_or_else(|| format!("cargo built no tests of {}", suite.tests()))
    }

    fn run(&self, suite: Suite, executable: &Path, filter: &str) -> Result<process::Ended> {
        let mut tests = Command::new(executable);
        tests.current_dir(self.home(suite)).env("CARGO_MANIFEST_DIR", self.home(suite));
        tests.env("RUST_BACKTRACE", "0").args((!filter.is_empty()).then_some(filter));
        process::within(&mut tests, LONGEST_TEST)
    }

    fn home(&self, suite: Suite) -> &Path {
        match suite {
            Suite::Properties | Suite::Histories => &self.core,
            Suite::Sim => &self.lab,
        }
    }
}

/// The executable that one of cargo's messages announces for these tests.
fn executable(message: &str, tests: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_ours = message.pointer("/target/name").and_then(Value::as_str) == Some(tests);
    message.get("executable").and_then(Value::as_str).filter(|_| is_ours).map(PathBuf::from)
}

/// The simulator plays many steps, so it and the core are built for speed.
const ON_CORE: &str = "[dependencies]\nrampmeter-core = { path = \"../core\" }\n\n\
                       [profile.dev]\ndebug = false\nopt-level = 1\n";

/// Of the lab only the simulator is needed.
const ONLY_SIM: &str = "//! The simulator alone.\npub mod sim;\n";

/// A manifest for one crate alone, with what else it has to say.
fn standalone(workspace: &str, name: &str, more: &str) -> Result<String> {
    let document = Document::parse(workspace).map_err(|error| format!("Cargo.toml: {error}"))?;
    let package = document.as_table().get("workspace").and_then(|it| it.get("package"));
    let value = |key: &str| {
        let value = package.and_then(|it| it.get(key)).and_then(Item::as_str);
        value.ok_or_else(|| format!("Cargo.toml: [workspace.package] has no `{key}`"))
    };
    Ok(format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"{}\"\n\
         rust-version = \"{}\"\npublish = false\n\n{more}\n[workspace]\n",
        value("edition")?,
        value("rust-version")?,
    ))
}

/// Makes `to` hold what `from` holds. What is the same is not written, so that it is not rebuilt.
fn mirror(from: &Path, to: &Path) -> Result<()> {
    let names = names_in(from)?;
    let stale: Vec<_> = if to.is_dir() { names_in(to)? } else { BTreeSet::new() }
        .into_iter()
        .filter(|name| !names.contains(name))
        .map(|name| to.join(name))
        .collect();
    for path in stale {
        let gone = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        gone.map_err(|error| format!("cannot remove {}: {error}", path.display()))?;
    }
    for name in names {
        let (source, copy) = (from.join(&name), to.join(&name));
        if source.is_dir() {
            mirror(&source, &copy)?;
        } else {
            put_if_new(&copy, &place::read(&source)?)?;
        }
    }
    Ok(())
}

fn put_if_new(path: &Path, text: &str) -> Result<()> {
    match std::fs::read(path) {
        Ok(there) if there == text.as_bytes() => Ok(()),
        _ => place::write(path, text),
    }
}

fn names_in(folder: &Path) -> Result<BTreeSet<std::ffi::OsString>> {
    let cannot = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let entries = std::fs::read_dir(folder).map_err(cannot)?;
    entries.map(|entry| entry.map(|entry| entry.file_name()).map_err(cannot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_a_workspace_of_its_own_with_our_edition() {
        let text = "[workspace.package]\nedition = \"2024\"\nrust-version = \"1.95\"\n";
        let manifest = standalone(text, "a", "").unwrap();
        assert!(manifest.contains("edition = \"2024\"\nrust-version = \"1.95\""));
        assert!(manifest.ends_with("[workspace]\n"));
        assert!(standalone("[workspace]\n", "a", "").unwrap_err().contains("`edition`"));
    }

    #[test]
    fn the_executable_of_the_property_tests_is_told_from_the_others() {
        let ours = r#"{"target":{"name":"properties"},"executable":"/t/properties-1"}"#;
        let other = r#"{"target":{"name":"rampmeter_core"},"executable":null}"#;
        assert_eq!(executable(ours, "properties"), Some(PathBuf::from("/t/properties-1")));
        assert_eq!(executable(other, "properties"), None);
        assert_eq!(executable("not json", "properties"), None);
    }
}
