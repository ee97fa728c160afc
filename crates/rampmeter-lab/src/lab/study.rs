//! All that was played, with what it was played from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::record::Played;
use super::scenario::{self, Scenario};
use super::script::Script;
use super::source::Source;
use super::store::{Flaw, Kept, Store, StoreError};

/// One playing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was played.
    pub scenario: Arc<Scenario>,
    /// With all that chance had to say.
    pub script: Arc<Script>,
    /// What happened.
    pub played: Played,
}

/// Playings, in the order of their families, scenarios and jobs.
#[derive(Clone, Default, Debug)]
pub struct Study {
    /// All of them.
    pub entries: Vec<Entry>,
}

/// A file of a store that is left out of its study.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

impl Study {
    /// All that is kept in a store and can be believed, and what cannot. Which program played it is
    /// no matter.
    ///
    /// # Errors
    ///
    /// If its folder cannot be read.
    pub fn read(store: &Store) -> Result<(Study, Vec<LeftOut>), StoreError> {
        let mut reading = Reading::default();
        for (name, text) in store.scenarios()? {
            reading.take(name, &text);
        }
        let mut study = Study::default();
        let mut left_out = Vec::new();
        for path in store.files()? {
            match reading.entry(store.read(&path)) {
                Ok(entry) => study.entries.push(entry),
                Err(why) => left_out.push(LeftOut { path, why }),
            }
        }
        study.entries.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok((study, left_out))
    }
}

fn order(entry: &Entry) -> impl Ord + '_ {
    let job = &entry.played.job;
    (entry.scenario.family, &job.scenario, job.clock, job.regime, job.size, job.seed)
}

/// What playings are read against.
#[derive(Default)]
struct Reading {
    scenarios: BTreeMap<String, Result<Arc<Scenario>, String>>,
    sources: BTreeMap<(String, u64), Source>,
}

impl Reading {
    fn take(&mut self, name: String, text: &str) {
        let read = scenario::read(&format!("{name}.toml"), text);
        let read = read.map(Arc::new).map_err(|_| "its scenario is none to this version".into());
        self.scenarios.insert(name, read);
    }

    /// A file's playing, if it is one of what it would be made from now.
    fn entry(&mut self, kept: Kept) -> Result<Entry, String> {
        let played = kept.played.map_err(|flaw| flaw.to_string())?;
        let name = &played.job.scenario;
        let unknown = || Err("its scenario's text is missing".into());
        let scenario = self.scenarios.get(name).cloned().unwrap_or_else(unknown)?;
        let source = self
            .sources
            .entry((name.clone(), played.job.seed))
            .or_insert_with(|| Source::new(scenario.clone(), played.job.seed));
        if kept.from != Some(source.print().of_job(&played.job)) {
            return Err(Flaw::Outdated.to_string());
        }
        Ok(Entry { scenario, script: source.script().clone(), played })
    }
}
