//! What the README states must be what the manifests say.

use toml_edit::{Document, Item};

use super::Breach;
use super::tree::{Tree, line_at};

const README: &str = "README.md";
/// How to start it, and how to test it.
const COMMANDS: &[&str] = &["cargo run", "cargo xtask test"];

/// The oldest Rust that the README promises is the one the workspace asks for.
pub(super) fn rust_version(tree: &Tree) -> Vec<Breach> {
    let Some(wanted) = manifest_version(tree) else {
        let what = "`rust-version` is missing in [workspace.package]";
        return vec![Breach::new("Cargo.toml", 1, what)];
    };
    let Some(readme) = tree.get(README) else { return missing() };
    let stated = stated_versions(&readme.text);
    if stated.is_empty() {
        return vec![Breach::new(README, 1, format!("does not say that it needs Rust {wanted}"))];
    }
    let wrong = stated.into_iter().filter(|&(_, version)| version != wanted);
    wrong
        .map(|(offset, version)| {
            let what = format!("says Rust {version}, Cargo.toml says {wanted}");
            Breach::new(README, line_at(&readme.text, offset), what)
        })
        .collect()
}

/// The README shows the commands that a newcomer needs.
pub(super) fn commands(tree: &Tree) -> Vec<Breach> {
    let Some(readme) = tree.get(README) else { return missing() };
    let unseen = COMMANDS.iter().filter(|command| !readme.text.contains(**command));
    unseen.map(|command| Breach::new(README, 1, format!("does not show `{command}`"))).collect()
}

fn missing() -> Vec<Breach> {
    vec![Breach::new(README, 1, "is missing")]
}

fn manifest_version(tree: &Tree) -> Option<String> {
    let manifest = Document::parse(tree.get("Cargo.toml")?.text.as_str()).ok()?;
    let package = manifest.as_table().get("workspace")?.get("package")?;
    package.get("rust-version").and_then(Item::as_str).map(str::to_owned)
}

/// Every `Rust <x.y>` of a text, with where it stands.
fn stated_versions(text: &str) -> Vec<(usize, &str)> {
    let versions = text.match_indices("Rust ").filter_map(|(offset, word)| {
        let after = text.get(offset + word.len()..)?;
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        let version = after.get(..end)?.trim_end_matches('.');
        version.contains('.').then_some((offset, version))
    });
    versions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("Cargo.toml", "[workspace.package]\nrust-version = \"1.95\"\n");

    fn versions(readme: &str) -> Vec<Breach> {
        rust_version(&Tree::of(&[MANIFEST, (README, readme)]))
    }

    #[test]
    fn the_same_version_in_both_is_well() {
        assert_eq!(versions("It needs Rust 1.95. Rust is fine.\n"), []);
    }

    #[test]
    fn another_version_is_reported_where_it_stands() {
        let found = versions("Rust 1.95 here,\nRust 1.88 there.\n");
        assert_eq!(found, [Breach::new(README, 2, "says Rust 1.88, Cargo.toml says 1.95")]);
    }

    #[test]
    fn silence_is_reported() {
        assert_eq!(versions("Rust.\n").len(), 1);
        assert_eq!(rust_version(&Tree::of(&[MANIFEST])).len(), 1);
    }

    #[test]
    fn each_command_that_is_not_shown_is_reported() {
        let found = commands(&Tree::of(&[(README, "cargo run -- check\n")]));
        assert_eq!(found, [Breach::new(README, 1, "does not show `cargo xtask test`")]);
    }
}
