//! Dependencies point inward: what each crate of ours may depend on, read from the manifests.

use toml_edit::{Document, Item, TableLike};

use super::Breach;
use super::tree::{File, Tree, line_at};

/// A crate of ours, and what it may depend on in any way: build, tests and examples too.
struct Crate {
    name: &'static str,
    ours: &'static [&'static str],
    /// Whether it may depend on crates that are not ours.
    others: bool,
}

const CRATES: &[Crate] = &[
    Crate { name: "rampmeter-core", ours: &[], others: false },
    Crate { name: "rampmeter", ours: &["rampmeter-core"], others: true },
    Crate { name: "rampmeter-python", ours: &["rampmeter", "rampmeter-core"], others: true },
    Crate {
        name: "rampmeter-cli",
        ours: &["rampmeter", "rampmeter-core", "rampmeter-lab", "rampmeter-provider"],
        others: true,
    },
    Crate {
        name: "rampmeter-lab",
        ours: &["rampmeter", "rampmeter-core", "rampmeter-provider"],
        others: true,
    },
    // It is a witness against the others.
    Crate { name: "rampmeter-provider", ours: &[], others: true },
    // It includes the sources that it checks, and depends on none of our crates.
    Crate { name: "rampmeter-model", ours: &[], others: true },
    Crate { name: "xtask", ours: &[], others: true },
];

pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let manifests =
        tree.files().filter(|file| file.path.ends_with("/Cargo.toml") || file.path == "Cargo.toml");
    manifests.flat_map(manifest).collect()
}

fn manifest(file: &File) -> Vec<Breach> {
    let document = match Document::parse(file.text.as_str()) {
        Ok(document) => document,
        Err(error) => return vec![Breach::new(&file.path, 1, error.to_string())],
    };
    let root = document.as_table();
    let Some(name) = root.get("package").and_then(|it| it.get("name")).and_then(Item::as_str)
    else {
        return Vec::new();
    };
    let Some(rule) = CRATES.iter().find(|rule| rule.name == name) else {
        let what = format!("`{name}` has no arrows yet: say in xtask what it may depend on");
        return vec![Breach::new(&file.path, 1, what)];
    };
    let mut breaches = Vec::new();
    dependencies(root, &mut |dependency, offset| {
        if let Some(what) = refused(rule, dependency) {
            breaches.push(Breach::new(&file.path, line_at(&file.text, offset), what));
        }
    });
    breaches
}

fn refused(rule: &Crate, dependency: &str) -> Option<String> {
    let is_ours = CRATES.iter().any(|other| other.name == dependency);
    if is_ours && !rule.ours.contains(&dependency) {
        Some(format!("`{}` must not depend on `{dependency}`: arrows point inward", rule.name))
    } else if !is_ours && !rule.others {
        Some(format!("`{}` must have no dependencies: leave out `{dependency}`", rule.name))
    } else {
        None
    }
}

/// Shows `each` the real name of every dependency of a manifest, and where it stands.
fn dependencies(table: &dyn TableLike, each: &mut dyn FnMut(&str, usize)) {
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(list) = table.get(kind).and_then(Item::as_table_like) else { continue };
        for (key, item) in list.iter() {
            let name = item.get("package").and_then(Item::as_str).unwrap_or(key);
            let span = list.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
            each(name, span.map_or(0, |span| span.start));
        }
    }
    if let Some(targets) = table.get("target").and_then(Item::as_table_like) {
        for (_, target) in targets.iter() {
            if let Some(target) = target.as_table_like() {
                dependencies(target, each);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(path: &str, text: &str) -> Vec<(usize, String)> {
        let found = check(&Tree::of(&[(path, text)]));
        found.into_iter().map(|breach| (breach.line, breach.what)).collect()
    }

    #[test]
    fn the_core_depends_on_nothing_not_even_in_its_tests() {
        let text = "[package]\nname = \"rampmeter-core\"\n[dev-dependencies]\nserde = \"1\"\n";
        let found = breaches("crates/rampmeter-core/Cargo.toml", text);
        assert_eq!(
            found,
            [(4, "`rampmeter-core` must have no dependencies: leave out `serde`".into())]
        );
    }

    #[test]
    fn an_arrow_outward_is_seen_under_another_name_and_for_one_platform() {
        let text = "[package]\nname = \"rampmeter\"\n[dependencies]\nrampmeter-core = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\ncli = { package = \"rampmeter-cli\" }\n";
        let found = breaches("Cargo.toml", text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 6);
        assert!(found[0].1.contains("must not depend on `rampmeter-cli`"));
    }

    #[test]
    fn a_dependency_with_a_table_of_its_own_is_seen() {
        let text = "[package]\nname = \"rampmeter-cli\"\n\n[dependencies.xtask]\npath = \"x\"\n";
        assert_eq!(breaches("Cargo.toml", text)[0].0, 4);
    }

    #[test]
    fn a_new_crate_must_say_where_its_arrows_go() {
        let found = breaches("crates/new/Cargo.toml", "[package]\nname = \"new\"\n");
        assert!(found[0].1.contains("`new` has no arrows yet"));
    }

    #[test]
    fn the_mock_provider_depends_on_nothing_that_it_is_a_witness_against() {
        let text = "[package]\nname = \"rampmeter-provider\"\n[dependencies]\naxum = \"0.8\"\n\
                    [dev-dependencies]\nrampmeter = \"0.1\"\n";
        let found = breaches("crates/rampmeter-provider/Cargo.toml", text);
        assert_eq!(found.len(), 1);
        assert!(found[0].1.contains("must not depend on `rampmeter`"));
    }

    #[test]
    fn the_workspace_itself_has_no_arrows() {
        assert_eq!(breaches("Cargo.toml", "[workspace]\n"), []);
    }
}
