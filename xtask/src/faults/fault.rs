//! A kept fault: one file of `faults/`, which says what to break and which test must notice.

use std::path::{Component, Path};

use toml_edit::Document;

use crate::{Result, place};

const KEYS: &[&str] = &["name", "property", "file", "find", "replace", "test", "suite"];

/// Which tests must notice a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// The core's own, which is what a fault that does not say otherwise means.
    Properties,
    /// The core's short histories.
    Histories,
    /// The simulator's.
    Sim,
}

impl Suite {
    pub(crate) const ALL: [Suite; 3] = [Suite::Properties, Suite::Histories, Suite::Sim];

    /// The folder of its tests.
    pub(crate) fn tests(self) -> &'static str {
        match self {
            Suite::Properties | Suite::Histories => "crates/rampmeter-core/tests/",
            Suite::Sim => "crates/rampmeter-lab/tests/",
        }
    }

    /// The name of its test binary.
    pub(crate) fn binary(self) -> &'static str {
        match self {
            Suite::Properties => "properties",
            Suite::Histories => "histories",
            Suite::Sim => "simulator",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) name: String,
    /// The number and the sentence of the property it breaks.
    pub(crate) property: String,
    /// The source to patch, relative to the core.
    pub(crate) file: String,
    find: String,
    replace: String,
    /// The filter for the test that must fail, and where it is.
    pub(crate) test: String,
    pub(crate) suite: Suite,
}

/// A file of `faults/`: the name it goes by, and the fault or why it is none.
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) fault: Result<Fault>,
}

/// Reads all faults of a folder, in order of their file names.
pub(super) fn load(folder: &Path) -> Result<Vec<Kept>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut kept: Vec<Kept> = Vec::new();
    for entry in entries {
        let path =
            entry.map_err(|error| format!("cannot read {}: {error}", folder.display()))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fault = match file.strip_suffix(".toml") {
            Some(_) => place::read(&path).and_then(|text| Fault::parse(&text)),
            None if file == "README.md" => continue,
            // A misspelt ending must not take a fault out of the tests.
            None => {
                Err("is neither a fault (*.toml) nor the README: rename or remove it".to_owned())
            }
        };
        let name = fault.as_ref().map_or(file, |fault| fault.name.clone());
        kept.push(Kept { name, fault });
    }
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    match kept.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(format!("two faults are called `{}`: rename one", pair[0].name)),
        None => Ok(kept),
    }
}

/// The numbers of the properties, of the ten that must always hold, that no fault breaks.
pub(super) fn unbroken_properties(kept: &[Kept]) -> Vec<String> {
    let broken: Vec<_> =
        kept.iter().filter_map(|kept| kept.fault.as_ref().ok()?.number().ok()).collect();
    (1..=10).filter(|number| !broken.contains(number)).map(|number| number.to_string()).collect()
}

impl Fault {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let document = Document::parse(text).map_err(|error| error.to_string())?;
        let table = document.as_table();
        if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(key)) {
            return Err(format!("unknown key `{key}`: a fault has {}", KEYS.join(", ")));
        }
        let text = |key: &str| match table.get(key).and_then(toml_edit::Item::as_str) {
            Some(text) if key == "replace" || !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(format!("`{key}` is missing: give it as a string")),
        };
        let suite = match table.get("suite").map(toml_edit::Item::as_str) {
            None | Some(Some("properties")) => Suite::Properties,
            Some(Some("histories")) => Suite::Histories,
            Some(Some("sim")) => Suite::Sim,
            Some(_) => return Err("`suite` is \"properties\", \"histories\" or \"sim\"".into()),
        };
        let fault = Self {
            suite,
            name: text("name")?,
            property: text("property")?,
            file: text("file")?,
            find: text("find")?,
            replace: text("replace")?,
            test: text("test")?,
        };
        fault.number()?;
        fault.may_patch()?;
        Ok(fault)
    }

    /// The source as this fault breaks it.
    pub(super) fn apply(&self, sound: &str) -> Result<String> {
        match sound.matches(&self.find).count() {
            1 => Ok(sound.replacen(&self.find, &self.replace, 1)),
            0 => Err(format!("fault is stale: `find` does not occur in {}", self.file)),
            n => Err(format!("fault is stale: `find` occurs {n} times in {}", self.file)),
        }
    }

    fn number(&self) -> Result<u32> {
        let digits = self.property.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        match self.property.split_at(digits).0.parse() {
            Ok(number @ 1..=10) => Ok(number),
            _ => Err("`property` must begin with its number, 1 to 10, like `2. A call …`".into()),
        }
    }

    /// Only the engine may be broken: a fault in a test would prove nothing.
    fn may_patch(&self) -> Result<()> {
        let plain = Path::new(&self.file).components().all(|it| matches!(it, Component::Normal(_)));
        if !plain || !self.file.starts_with("src/") {
            return Err(format!("`file` must be below src/ of the core, not `{}`", self.file));
        }
        if self.find == self.replace {
            return Err("`replace` equals `find`, so nothing would break".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "forgets-to-count"
property = "1. Nothing is admitted above a limit"
file = "src/slots.rs"
find = '''
    self.held += weight;
'''
replace = ""
test = "nothing_is_admitted_above_a_limit"
"#;

    fn refused(from: &str, to: &str) -> String {
        Fault::parse(&GOOD.replace(from, to)).unwrap_err()
    }

    #[test]
    fn a_fault_replaces_the_one_text_it_names() {
        let fault = Fault::parse(GOOD).unwrap();
        let sound = "fn take() {\n    self.held += weight;\n}\n";
        assert_eq!(fault.apply(sound).unwrap(), "fn take() {\n}\n");
    }

    #[test]
    fn a_fault_may_name_the_simulator() {
        let fault = Fault::parse(&GOOD.replace("test =", "suite = \"sim\"\ntest =")).unwrap();
        assert_eq!(
            (fault.suite, Fault::parse(GOOD).unwrap().suite),
            (Suite::Sim, Suite::Properties)
        );
    }

    #[test]
    fn a_text_that_is_gone_or_not_alone_makes_the_fault_stale() {
        let fault = Fault::parse(GOOD).unwrap();
        assert!(fault.apply("fn take() {}").unwrap_err().starts_with("fault is stale: "));
        assert!(fault.apply(&fault.find.repeat(2)).unwrap_err().contains("2 times"));
    }

    #[test]
    fn a_fault_that_is_not_whole_is_refused_with_the_reason() {
        assert!(refused("test =", "tests =").contains("unknown key `tests`"));
        assert!(refused("property = \"1. ", "property = \"").contains("number"));
        assert!(refused("property = \"1. ", "property = \"11. ").contains("number"));
        assert!(refused("file = \"src/", "file = \"src/../tests/").contains("below src/"));
        assert!(refused("file = \"src/slots.rs\"", "").contains("`file` is missing"));
        assert!(refused("test =", "suite = \"all\"\ntest =").contains("`suite`"));
        assert!(refused("\"\"", "'''\n    self.held += weight;\n'''").contains("equals"));
    }

    #[test]
    fn the_properties_without_a_fault_are_known() {
        let kept = Kept { name: "n".into(), fault: Fault::parse(GOOD) };
        assert_eq!(unbroken_properties(&[kept]).join(" "), "2 3 4 5 6 7 8 9 10");
    }
}
