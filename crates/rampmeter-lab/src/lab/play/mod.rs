//! A script played under a regime.
//!
//! Whoever asks for calls, the servers and the faults stand outside of the process that runs the calls:
//! that may die and come back. Everything runs on one thread, on virtual time or on tokio.

mod check;
pub mod child;
mod clock;
mod gated;
mod hook;
mod kept;
mod plain;
mod process;
mod real;
mod serve;
mod sessions;
mod stage;
pub mod stageflow;
mod terms;
#[cfg(test)]
mod tests;
pub mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::record::{CallRecord, Facts, Played};
use super::regime::Job;
use super::scenario::Scenario;
use super::script::Script;
use super::tools::{Tracker, locked};
pub use serve::serve;
use stage::Stage;
pub use terms::Terms;

/// Plays a script of a scenario in this process. What keeps it from being played to its end is in
/// [`Facts::broken`].
pub fn play(scenario: &Scenario, script: &Script, job: &Job) -> Played {
    let played = Terms::of(scenario, job).map(|terms| play_on(&terms, script, job));
    played.unwrap_or_else(|broken| Played {
        job: job.clone(),
        records: Vec::new(),
        facts: Facts { broken: Some(broken), ..Facts::default() },
    })
}

/// [`play`], on these terms.
pub fn play_on(terms: &Terms, script: &Script, job: &Job) -> Played {
    play_telling(terms, script, job, None)
}

/// Who hears of each call's record as soon as it is answered; of some more than once, and then the
/// last word counts.
type Telling = Box<dyn Fn(&CallRecord) + Send + Sync>;

fn play_telling(terms: &Terms, script: &Script, job: &Job, telling: Option<Telling>) -> Played {
    let known: Mutex<Option<Arc<Tracker>>> = Mutex::default();
    let played = catch_unwind(AssertUnwindSafe(|| {
        check::check(script)?;
        Stage::new(terms, script, job, telling, |tracker| {
            *locked(&known) = Some(tracker.clone());
        })?
        .play()
    }));
    let (records, facts) = match played {
        Ok(Ok(played)) => played,
        Ok(Err(broken)) => (Vec::new(), Facts { broken: Some(broken), ..Facts::default() }),
        Err(panic) => {
            let known = locked(&known).take();
            // Whoever is told may be who panicked.
            let finish = || known.map(|tracker| tracker.finish()).unwrap_or_default();
            let (records, facts) = catch_unwind(AssertUnwindSafe(finish)).unwrap_or_default();
            let broken = Some(format!("it panicked: {}", said(panic.as_ref())));
            (records, Facts { broken, ..facts })
        }
    };
    Played { job: job.clone(), records, facts }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}
