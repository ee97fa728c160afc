//! How long calls of each priority wait.

use super::super::study::Entry;
use super::calls;
use super::figure::Stat;
use super::scope::Picked;

/// How long the calls of one priority waited to start, in seconds.
#[derive(Clone, PartialEq, Debug)]
pub struct PriorityWaits {
    /// The priority.
    pub priority: String,
    /// How many of its calls were asked for.
    pub asked: usize,
    /// How many came as far as a tool; of these are the following.
    pub ran: usize,
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Of each priority of which calls were asked for, heaviest first.
pub fn waits_by_priority(entry: &Entry) -> Vec<PriorityWaits> {
    let priorities = entry.scenario.policy.priorities.iter();
    let waits = |priority: &str| {
        let of_it = entry.script.turns.iter().map(|turn| turn.priority == priority);
        let picked = Picked::Turns(of_it.collect());
        let waits = calls::waits(entry, &picked);
        let stat = |stat: Stat| stat.of(waits.clone()).unwrap_or(0.0);
        PriorityWaits {
            priority: priority.to_owned(),
            asked: calls::asked(entry, &picked).count(),
            ran: waits.len(),
            p50: stat(Stat::Rank(500)),
            p95: stat(Stat::Rank(950)),
            p99: stat(Stat::Rank(990)),
            max: stat(Stat::Max),
        }
    };
    let all = priorities.map(|priority| waits(&priority.name));
    all.filter(|waits| waits.asked > 0).collect()
}
