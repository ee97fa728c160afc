//! Hypotheses as they are written.

use serde::Deserialize;

use super::super::figures::{Aim, Figure};
use super::super::findings::{Kind, Severity};
use super::super::regime::Clock;
use super::{About, Hypothesis};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    hypothesis: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    name: String,
    claim: String,
    scenarios: Vec<String>,
    clock: Option<Clock>,
    figures: Vec<String>,
    shown: Vec<String>,
    refuted: Vec<String>,
    why: String,
    note: Option<String>,
    finding: WrittenAbout,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAbout {
    title: String,
    kind: Kind,
    severity: Severity,
    strength: String,
    component: String,
}

/// Reads them.
pub(super) fn read(text: &str) -> Result<Vec<Hypothesis>, String> {
    let file: File = toml_edit::de::from_str(text).map_err(|error| error.to_string())?;
    let mut all: Vec<Hypothesis> = Vec::new();
    for written in file.hypothesis {
        if all.iter().any(|other| other.id == written.id) {
            return Err(format!("there are two hypotheses `{}`", written.id));
        }
        let id = written.id.clone();
        all.push(written.legal().map_err(|error| format!("{id}: {error}"))?);
    }
    Ok(all)
}

impl Written {
    fn legal(self) -> Result<Hypothesis, String> {
        if self.scenarios.is_empty() {
            return Err("no scenario speaks of it: name one in `scenarios`".to_owned());
        }
        Ok(Hypothesis {
            figures: each("figures", &self.figures, Figure::parse)?,
            shown: each("shown", &self.shown, Aim::parse)?,
            refuted: each("refuted", &self.refuted, Aim::parse)?,
            id: self.id,
            name: self.name,
            claim: self.claim,
            scenarios: self.scenarios,
            clock: self.clock,
            why: self.why,
            note: self.note,
            finding: About {
                title: self.finding.title,
                kind: self.finding.kind,
                severity: self.finding.severity,
                strength: self.finding.strength,
                component: self.finding.component,
            },
        })
    }
}

/// Of none at all, all would hold.
fn each<T>(
    key: &str,
    texts: &[String],
    parse: fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    if texts.is_empty() {
        return Err(format!("`{key}` has nothing in it"));
    }
    texts.iter().map(|text| parse(text).map_err(|error| format!("{key}: {error}"))).collect()
}
