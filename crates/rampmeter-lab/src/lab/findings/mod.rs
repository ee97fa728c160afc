//! What was found: `findings.json`, never two of one id.

mod from_study;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::regime::Regime;

pub use from_study::from_study;

/// Something that was found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Finding {
    /// Its id, which no other has: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What kind of finding.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, in a sentence.
    pub title: String,
    /// What shows it.
    pub evidence: String,
    /// What it is about, such as `stageflow-core 1.2.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The scenario that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Under which regime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regime: Option<Regime>,
    /// With which seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The command that shows it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
    /// What here provides what is missing: a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Who found it.
    #[serde(default)]
    pub by: By,
}

/// What kind of finding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It does not do what it should.
    Bug,
    /// It may go wrong.
    Risk,
    /// It does well.
    Strength,
    /// It could do better.
    Improvement,
    /// It is harder to use than it has to be.
    DeveloperExperience,
    /// There is no way to say it.
    MissingApi,
    /// Something that should be built.
    Component,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] = [
        Kind::Bug,
        Kind::Risk,
        Kind::Strength,
        Kind::Improvement,
        Kind::DeveloperExperience,
        Kind::MissingApi,
        Kind::Component,
    ];

    /// Its name in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Bug => "bug",
            Kind::Risk => "risk",
            Kind::Strength => "strength",
            Kind::Improvement => "improvement",
            Kind::DeveloperExperience => "developer-experience",
            Kind::MissingApi => "missing-api",
            Kind::Component => "component",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad a finding is; the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nobody should go on with it.
    Critical,
    /// It is to be mended first.
    High,
    /// It is to be mended.
    Medium,
    /// It may wait.
    Low,
    /// It is not bad at all.
    Info,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Severity; 5] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

    /// Its name in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
            Severity::Info => "info",
        }
    }

    /// The severity of that name.
    pub fn named(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == name)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who found something.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A fold over a study: made again whenever its report is.
    Study,
    /// Somebody, who wrote it down.
    #[default]
    Hand,
}

/// Findings in the order in which they were added, never two of one id.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Reads `findings.json`; `file_name` is what errors call it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where: it is no list of findings, a field is unknown, or two have one
    /// id.
    pub fn read(file_name: &str, text: &str) -> Result<Findings, String> {
        let read: Vec<Finding> = serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = error.to_string();
            let what =
                what.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&what);
            format!("{file_name}:{line}:{column}: {what}")
        })?;
        let mut findings = Findings::default();
        for finding in read {
            findings.add(finding).map_err(|error| format!("{file_name}: {error}"))?;
        }
        Ok(findings)
    }

    /// As it is written: the same findings are the same bytes.
    pub fn to_json(&self) -> String {
        // Text and numbers under fixed names can always be written.
        serde_json::to_string_pretty(&self.0).unwrap_or_default() + "\n"
    }

    /// Adds one.
    ///
    /// # Errors
    ///
    /// Another has its id, or it is no id; nothing is added.
    pub fn add(&mut self, finding: Finding) -> Result<(), String> {
        let id = &finding.id;
        if id.is_empty() || !id.chars().all(is_of_id) {
            return Err(format!("`{id}` is no id: write letters, digits, `-`, `_` and `.`"));
        }
        if let Some(first) = self.get(id) {
            return Err(format!(
                "there is a finding `{id}` already: \"{}\"; give the other another id",
                first.title
            ));
        }
        self.0.push(finding);
        Ok(())
    }

    /// Those of `before` that somebody wrote down follow those of this study.
    ///
    /// # Errors
    ///
    /// One of them has an id that a finding of this study has.
    pub fn keep(&mut self, before: &Findings) -> Result<(), String> {
        let by_hand = before.iter().filter(|finding| finding.by == By::Hand);
        by_hand.cloned().try_for_each(|finding| self.add(finding))
    }

    /// The one of that id.
    pub fn get(&self, id: &str) -> Option<&Finding> {
        self.0.iter().find(|finding| finding.id == id)
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
