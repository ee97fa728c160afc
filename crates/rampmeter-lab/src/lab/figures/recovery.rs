//! How long after a fault answers come as they did before.
//!
//! The rate before is that of good answers from the first ask to the beginning of the first fault, of
//! which there must be 20 at least. A playing has recovered from a fault at the first moment, not before
//! the fault's end, from which on a window holds 90 % of the answers that it held before; the window is
//! one in which 20 were held, and a second at least.

use crate::sim::rng::whole;

use super::super::script::{FaultAt, Script, ScriptFault};
use super::super::study::Entry;
use super::calls::asked;
use super::figure::seconds;
use super::scope::Picked;

/// Fewer answers than this tell no rate.
const ANSWERS: usize = 20;
const LEAST_WINDOW_NANOS: u64 = 1_000_000_000;
const BACK_TO: f64 = 0.9;

/// What came after one fault.
#[derive(Clone, PartialEq, Debug)]
pub struct Recovery {
    /// Where it was: a tool's or a server's name, or `the process`.
    pub place: String,
    /// From when, in seconds.
    pub from: f64,
    /// Until when.
    pub until: f64,
    /// How many seconds after its end answers came as before: infinite for never, nothing if too few
    /// came before to tell.
    pub took: Option<f64>,
}

/// After each fault, in the order of the script.
pub fn recoveries(entry: &Entry) -> Vec<Recovery> {
    let answers = Answers::of(entry);
    let recovery = |fault: &ScriptFault| Recovery {
        place: place(&entry.script, fault.at).to_owned(),
        from: seconds(fault.from),
        until: seconds(fault.until),
        took: answers.as_ref().map(|answers| answers.back_after(fault.until)),
    };
    entry.script.faults.iter().map(recovery).collect()
}

/// The longest of them.
pub(super) fn worst(entry: &Entry) -> Option<f64> {
    let took = recoveries(entry).into_iter().map(|recovery| recovery.took);
    took.collect::<Option<Vec<f64>>>()?.into_iter().max_by(f64::total_cmp)
}

/// Good answers, and how many there were before anything went wrong.
struct Answers {
    at: Vec<u64>,
    /// So many of them in a window are as before.
    enough: usize,
    window: u64,
}

impl Answers {
    fn of(entry: &Entry) -> Option<Answers> {
        let good = asked(entry, &Picked::All).filter(|(record, _)| record.status.is_good());
        let mut at: Vec<u64> = good.filter_map(|(record, _)| record.answered).collect();
        at.sort_unstable();
        let first = asked(entry, &Picked::All).map(|(record, _)| record.asked).min()?;
        let fault = entry.script.faults.iter().map(|fault| fault.from).min()?;
        let before = at.partition_point(|answer| *answer < fault);
        if before < ANSWERS {
            return None;
        }
        let took = u128::from(fault.saturating_sub(first));
        let window = took * ANSWERS as u128 / before as u128;
        let window = u64::try_from(window).unwrap_or(u64::MAX).max(LEAST_WINDOW_NANOS);
        let held = before as f64 * window as f64 / took as f64;
        let enough = usize::try_from(whole((held * BACK_TO).ceil())).unwrap_or(usize::MAX).max(1);
        Some(Answers { at, enough, window })
    }

    /// Seconds from that moment until answers come as before.
    fn back_after(&self, until: u64) -> f64 {
        let after = &self.at[self.at.partition_point(|answer| *answer < until)..];
        let held =
            after.windows(self.enough).find(|held| held[held.len() - 1] - held[0] <= self.window);
        held.map_or(f64::INFINITY, |held| {
            let last = held[held.len() - 1];
            seconds(last.saturating_sub(self.window).max(until) - until)
        })
    }
}

fn place(script: &Script, at: FaultAt) -> &str {
    match at {
        FaultAt::Tool(tool) => script.tools.get(tool).map_or("a tool", |tool| &tool.name),
        FaultAt::Server(server) => script.servers.get(server).map_or("a server", |it| &it.name),
        FaultAt::Process => "the process",
    }
}
