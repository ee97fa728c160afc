//! Every flag that the README or the guides mention is one that the program has.

use std::collections::BTreeSet;

use super::Breach;
use super::code::{identifiers, is_identifier, leading_identifier};
use super::tree::{File, Tree};

const CLI: &str = "crates/rampmeter-cli/src/";
const XTASK: &str = "xtask/src/";

/// Programs whose flags are not ours to check.
const OTHERS: &[&str] =
    &["cargo", "curl", "docker", "git", "jq", "pip", "python", "python3", "rg", "rustup", "uv"];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let cli = flags_of(tree.under(CLI, ".rs"));
    let xtask = flags_of(tree.under(XTASK, ".rs"));
    let pages = tree.files().filter(|file| {
        file.path.ends_with("README.md")
            || file.path.starts_with("docs/") && file.path.ends_with(".md")
    });
    let mut breaches = Vec::new();
    for page in pages {
        for (index, line) in page.text.lines().enumerate() {
            for (flag, owner) in mentions(line) {
                let (known, program) = match owner {
                    Owner::Rampmeter => (cli.contains(flag), "rampmeter"),
                    Owner::Xtask => (xtask.contains(flag), "cargo xtask"),
                    Owner::Other => continue,
                };
                if !known {
                    let what = format!("`{program}` has no flag `--{flag}`");
                    breaches.push(Breach::new(&page.path, index + 1, what));
                }
            }
        }
    }
    breaches
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Rampmeter,
    Xtask,
    Other,
}

/// The flags of a line of Markdown, without their dashes, and whose they are.
fn mentions(line: &str) -> Vec<(&str, Owner)> {
    let mut found = Vec::new();
    for (offset, dashes) in line.match_indices("--") {
        let (before, after) = (&line[..offset], &line[offset + dashes.len()..]);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let flag = end.map_or(after, |end| &after[..end]);
        let begins =
            before.chars().next_back().is_none_or(|c| !is_identifier(c) && !"-!".contains(c));
        if begins && flag.starts_with(|c: char| c.is_ascii_lowercase()) {
            // A code span is one command; outside of one, the line is.
            let command = before.rsplit('`').next().unwrap_or(before);
            found.push((flag, owner(command)));
        }
    }
    found
}

/// Whose flag follows these words: the last program named, where what follows a lone `--` of
/// `cargo run` is ours.
fn owner(command: &str) -> Owner {
    let mut owner = Owner::Rampmeter;
    let mut after_cargo = false;
    for word in command.split_whitespace() {
        if word == "--" {
            if command.contains("cargo run") {
                owner = Owner::Rampmeter;
            }
            continue;
        }
        for part in word.split(|c: char| !is_identifier(c) && c != '-') {
            match part {
                "rampmeter" => owner = Owner::Rampmeter,
                "xtask" if after_cargo => owner = Owner::Xtask,
                _ if OTHERS.contains(&part) => owner = Owner::Other,
                _ => {}
            }
            after_cargo = part == "cargo";
        }
    }
    owner
}

/// The long flags that sources declare: to clap, by derive or by builder, or as a plain string.
fn flags_of<'a>(files: impl Iterator<Item = &'a File>) -> BTreeSet<String> {
    let mut flags = BTreeSet::from(["help".to_owned(), "version".to_owned()]);
    for file in files {
        derived(file, &mut flags);
        for opening in [".long(\"", "\"--"] {
            for (offset, _) in file.text.match_indices(opening) {
                let rest = &file.text[offset + opening.len()..];
                flags.extend(rest.split('"').next().map(str::to_owned));
            }
        }
    }
    flags
}

/// Reads `#[arg(… long …)] field_name:` and `#[arg(long = "name")]`.
fn derived(file: &File, flags: &mut BTreeSet<String>) {
    let code = file.code();
    for (offset, opening) in code.match_indices("#[arg(").chain(code.match_indices("#[clap(")) {
        let start = offset + opening.len();
        let Some(end) = code[start..].find(")]").map(|at| start + at) else { continue };
        for (at, word) in identifiers(&code[start..end]) {
            if word == "long" {
                let value = file.text[start + at + word.len()..].trim_start();
                let name = value.strip_prefix('=').and_then(|value| value.split('"').nth(1));
                flags.insert(match name {
                    Some(name) => name.to_owned(),
                    None => field(&code[end + 2..]).replace('_', "-"),
                });
            } else if matches!(word, "alias" | "visible_alias") {
                flags.extend(file.text[start + at..].split('"').nth(1).map(str::to_owned));
            }
        }
    }
}

/// The name of the field that the code after an attribute declares.
fn field(mut code: &str) -> &str {
    loop {
        code = code.trim_start();
        code = match code.strip_prefix("#[") {
            Some(attribute) => attribute.find(']').map_or("", |end| &attribute[end + 1..]),
            None => match code.strip_prefix("pub") {
                Some(rest) if rest.starts_with('(') => {
                    rest.find(')').map_or("", |end| &rest[end + 1..])
                }
                Some(rest) if rest.starts_with(' ') => rest,
                _ => return leading_identifier(code),
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "struct Run {\n    /// How many.\n    #[arg(short, long, default_value_t = 16)]\n    \
        pub(crate) turns_at_once: usize,\n    #[arg(long = \"dry\")]\n    #[allow(unused)]\n    d: bool,\n    \
        #[arg(value_name = \"long\")]\n    folder: PathBuf,\n}\n";

    fn breaches(line: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("crates/rampmeter-cli/src/args.rs", SOURCE),
            ("xtask/src/args.rs", "match word { \"--no-record\" => 1 }"),
            ("README.md", line),
        ]);
        check(&tree).into_iter().map(|breach| breach.what).collect()
    }

    #[test]
    fn flags_are_read_from_the_declarations() {
        let tree = Tree::of(&[("crates/rampmeter-cli/src/args.rs", SOURCE)]);
        let flags: Vec<_> = flags_of(tree.files()).into_iter().collect();
        assert_eq!(flags, ["dry", "help", "turns-at-once", "version"]);
    }

    #[test]
    fn a_flag_that_the_program_lacks_is_reported() {
        assert_eq!(breaches("`rampmeter run x --turns-at-once 4 --dry`, `--help`"), [""; 0]);
        assert_eq!(breaches("or `--folder`"), ["`rampmeter` has no flag `--folder`"]);
    }

    #[test]
    fn the_flags_of_other_programs_are_theirs() {
        assert_eq!(breaches("cargo run --release -- run x --dry"), [""; 0]);
        assert_eq!(breaches("cargo run -- run x --wet"), ["`rampmeter` has no flag `--wet`"]);
        assert_eq!(breaches("git clone --depth 1 x; `[\"rg\", \"--json\"]`"), [""; 0]);
        assert_eq!(breaches("rg --json | ./target/release/rampmeter run --dry"), [""; 0]);
        assert_eq!(breaches("cargo test -- --nocapture"), [""; 0]);
    }

    #[test]
    fn the_flags_of_this_tool_are_checked_too() {
        assert_eq!(breaches("`cargo xtask bench --no-record`"), [""; 0]);
        assert_eq!(breaches("cargo xtask test --fast"), ["`cargo xtask` has no flag `--fast`"]);
    }

    #[test]
    fn dashes_that_are_no_flags_are_left_alone() {
        assert_eq!(breaches("a -- b, a--b, <!--c-->, | --- |, ---x, --"), [""; 0]);
    }
}
