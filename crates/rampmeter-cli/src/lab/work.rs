//! A plan's jobs played, some at a time, and kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use rampmeter_lab::lab::plan::{Plan, Planned};
use rampmeter_lab::lab::store::{Flaw, Store, StoreError};
use rampmeter_lab::lab::{Job, Played};

use super::progress::Progress;
use super::stop::Stop;

/// How a plan's jobs are played.
pub(super) struct Work<'a, P> {
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    /// What plays a job, by name: another one may play it otherwise.
    pub(super) by: &'a (dyn Fn(&Job) -> String + Sync),
    /// Plays a job; nothing comes of one that was stopped.
    pub(super) play: P,
    /// Whether what was played before is played again.
    pub(super) fresh: bool,
    pub(super) threads: usize,
    pub(super) stop: &'a Stop,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Tally {
    /// Was played now.
    pub(super) kept: usize,
    /// Was there already.
    pub(super) found: usize,
    /// Was there and was not believed, by job.
    pub(super) again: Vec<(usize, Flaw)>,
    /// Broke off, by job.
    pub(super) broken: Vec<(usize, String)>,
    /// The first that could not be written. Nothing more was played after it.
    pub(super) unwritten: Option<StoreError>,
}

impl<P: Fn(&Planned) -> Option<Played> + Sync> Work<'_, P> {
    /// Plays all jobs that were not played yet, until it is stopped or something cannot be written.
    pub(super) fn all(&self) -> Tally {
        let tally = Mutex::new(Tally::default());
        let next = AtomicUsize::new(0);
        let progress = Progress::new(self.plan.jobs.len());
        let worker = || {
            while !self.stop.is_set() && lock(&tally).unwritten.is_none() {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(planned) = self.plan.jobs.get(at) else { return };
                self.one(at, planned, &tally, &progress);
                progress.done();
            }
        };
        thread::scope(|scope| {
            (1..self.threads).for_each(|_| drop(scope.spawn(worker)));
            worker();
        });
        let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        tally.again.sort_by_key(|(at, _)| *at);
        tally.broken.sort_by_key(|(at, _)| *at);
        tally
    }

    fn one(&self, at: usize, planned: &Planned, tally: &Mutex<Tally>, progress: &Progress) {
        let Planned { job, source } = planned;
        let by = (self.by)(job);
        let from = source.print().of_job(job);
        match self.store.has(job, &from, &by) {
            Ok(true) if !self.fresh => {
                lock(tally).found += 1;
                return;
            }
            Err(flaw) if !self.fresh => lock(tally).again.push((at, flaw)),
            _ => {}
        }
        progress.begin(format!("{} under {}", job.scenario, job.regime));
        let Some(played) = (self.play)(planned) else { return };
        let kept = self.store.keep(&played, &from, &by);
        let mut tally = lock(tally);
        match kept {
            Ok(()) => tally.kept += 1,
            Err(error) => drop(tally.unwritten.get_or_insert(error)),
        }
        if let Some(why) = played.facts.broken {
            tally.broken.push((at, why));
        }
    }
}

/// Nothing that is guarded here is left half done.
fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
