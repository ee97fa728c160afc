//! All that was played, with what it was played from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::record::Played;
use super::regime::Regime;
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

impl Entry {
    /// Whether it was played to its end: of a part no figure tells what the whole would.
    pub fn is_whole(&self) -> bool {
        self.played.facts.broken.is_none()
    }

    /// Whether it was played as its scenario's text says: by the clock that it needs, and with the size that
    /// its own policy has, not with another of its sweep. Only of such a playing what must hold is asked.
    pub fn is_as_written(&self) -> bool {
        let job = &self.played.job;
        let its_size = |size: u64| {
            let limits = &self.scenario.policy.limits;
            let swept = self.scenario.sweep.as_ref().map(|sweep| &sweep.limit);
            match job.regime {
                Regime::Semaphore => size == u64::from(self.scenario.semaphore),
                _ => {
                    limits.iter().any(|it| Some(&it.name) == swept && it.concurrency == Some(size))
                }
            }
        };
        let clock = self.scenario.only.is_none_or(|only| only == job.clock);
        clock && job.size.is_none_or(its_size)
    }
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

/// What a store holds.
#[derive(Debug, Default)]
pub struct Shelf {
    /// All that can be believed.
    pub study: Study,
    /// What cannot.
    pub left_out: Vec<LeftOut>,
    /// The names of those who played it: of more than one if builds have changed meanwhile.
    pub players: BTreeSet<String>,
}

impl Shelf {
    /// All that is kept in a store, whichever build played it.
    ///
    /// # Errors
    ///
    /// If its folder cannot be read.
    pub fn read(store: &Store) -> Result<Shelf, StoreError> {
        let mut reading = Reading::default();
        for (name, text) in store.scenarios()? {
            reading.take(name, &text);
        }
        let mut shelf = Shelf::default();
        for path in store.files()? {
            let kept = store.read(&path);
            let by = kept.by.clone();
            match reading.entry(kept) {
                Ok(entry) => {
                    shelf.study.entries.push(entry);
                    shelf.players.extend(by);
                }
                Err(why) => shelf.left_out.push(LeftOut { path, why }),
            }
        }
        shelf.study.entries.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(shelf)
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
