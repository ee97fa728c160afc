//! Where settings are tried: each on the same seeds, each once, several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::goal::{Bound, Outcome, Score};

/// One value for each knob.
pub(crate) type Setting = Vec<u64>;

/// Plays a setting with a seed.
pub(crate) type Play<'a> = dyn Fn(&[u64], u64) -> Result<Outcome, String> + Sync + 'a;

/// Settings and what they came to.
pub(crate) struct Bench<'a> {
    play: &'a Play<'a>,
    threads: usize,
    /// It tries no more settings than this.
    most: usize,
    /// Is told how many have been tried.
    told: &'a (dyn Fn(usize) + Sync),
    known: BTreeMap<Setting, BTreeMap<u64, Outcome>>,
    /// In the order in which they were first tried.
    order: Vec<Setting>,
    /// Those that could not be played with some seed, and why.
    broken: BTreeMap<Setting, String>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(
        play: &'a Play<'a>,
        threads: usize,
        most: usize,
        told: &'a (dyn Fn(usize) + Sync),
    ) -> Bench<'a> {
        let (known, order, broken) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Bench { play, threads, most, told, known, order, broken }
    }

    /// Tries these on all seeds, but for what is known of them. Those beyond the most that it tries
    /// are left out, and one that cannot be played is passed over from then on.
    ///
    /// # Errors
    ///
    /// None that was tried so far can be played; why the first cannot.
    pub(crate) fn measure(&mut self, settings: &[Setting], seeds: &[u64]) -> Result<(), String> {
        let mut jobs = Vec::new();
        let mut asked = BTreeSet::new();
        let playable = settings.iter().filter(|it| !self.broken.contains_key(*it));
        for setting in playable.filter(|it| asked.insert(*it)) {
            if !self.known.contains_key(setting) {
                if self.order.len() >= self.most {
                    continue;
                }
                self.order.push(setting.clone());
                self.known.insert(setting.clone(), BTreeMap::new());
            }
            let known = &self.known[setting];
            let missing = seeds.iter().filter(|seed| !known.contains_key(seed));
            jobs.extend(missing.map(|seed| (setting.clone(), *seed)));
        }
        for ((setting, seed), outcome) in jobs.iter().zip(self.play_all(&jobs)) {
            match outcome {
                Ok(outcome) => {
                    self.known.entry(setting.clone()).or_default().insert(*seed, outcome);
                }
                Err(why) => drop(self.broken.entry(setting.clone()).or_insert(why)),
            }
        }
        (self.told)(self.order.len());
        match self.broken() {
            Some((count, why)) if count == self.order.len() => Err(why.to_owned()),
            _ => Ok(()),
        }
    }

    /// How many settings could not be played, and why the first could not.
    pub(crate) fn broken(&self) -> Option<(usize, &str)> {
        let first = self.order.iter().find_map(|setting| self.broken.get(setting))?;
        Some((self.broken.len(), first))
    }

    /// In the order of the jobs, whoever was done first.
    fn play_all(&self, jobs: &[(Setting, u64)]) -> Vec<Result<Outcome, String>> {
        let (next, play) = (AtomicUsize::new(0), self.play);
        let found = Mutex::new(BTreeMap::new());
        let work = || {
            while let Some((setting, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = play(setting, *seed);
                if let Ok(mut found) = found.lock() {
                    found.insert((setting.clone(), *seed), outcome);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(jobs.len()) {
                scope.spawn(work);
            }
            work();
        });
        let mut found = found.into_inner().unwrap_or_default();
        let lost = || Err("a playing came to no end; try again with one thread".to_owned());
        jobs.iter().map(|job| found.remove(job).unwrap_or_else(lost)).collect()
    }

    /// What a setting is worth, if it was tried on all these seeds.
    pub(crate) fn score(&self, setting: &[u64], seeds: &[u64], goal: &[Bound]) -> Option<Score> {
        Score::of(&self.outcomes(setting, seeds)?, goal)
    }

    /// What a setting came to, seed by seed, if it was tried on all of them.
    pub(crate) fn outcomes(&self, setting: &[u64], seeds: &[u64]) -> Option<Vec<&Outcome>> {
        let known = self.known.get(setting)?;
        seeds.iter().map(|seed| known.get(seed)).collect()
    }

    /// All that was tried, in order.
    pub(crate) fn tried(&self) -> &[Setting] {
        &self.order
    }

    /// It may try so many more.
    pub(crate) fn grant(&mut self, more: usize) {
        self.most = self.order.len().max(self.most) + more;
    }

    /// Whether it tries no new settings any more.
    pub(crate) fn is_spent(&self) -> bool {
        self.order.len() >= self.most
    }

    /// The best of what was tried on these seeds; the first of those that are equal.
    pub(crate) fn best(&self, seeds: &[u64], goal: &[Bound]) -> Option<(Setting, Score)> {
        let mut best: Option<(&Setting, Score)> = None;
        for setting in &self.order {
            let Some(score) = self.score(setting, seeds, goal) else { continue };
            if best.as_ref().is_none_or(|(_, known)| score.is_better(known)) {
                best = Some((setting, score));
            }
        }
        best.map(|(setting, score)| (setting.clone(), score))
    }
}
