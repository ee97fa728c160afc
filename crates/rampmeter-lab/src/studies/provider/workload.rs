//! Who calls what, when: a batch that is there from the first moment, and people who come while it
//! is worked off.

use std::time::Duration;

use super::scene::{MINUTE_MS, Scene, TOKENS, Variation, WINDOWS};
use crate::sim::rng::Rng;

/// More than the windows that are judged can hold, so that somebody always waits.
const OVERHANG: f64 = 1.25;

/// Where calls come evenly.
const STEADY: f64 = 0.95;

/// One call of the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) tool: &'static str,
    pub(super) path: &'static str,
    pub(super) flow: String,
    pub(super) priority: &'static str,
    /// What it really takes.
    pub(super) tokens: u64,
    /// After so long.
    pub(super) comes: Duration,
}

/// A tool, where it is, what its calls take in the mean, and its share of the calls in percent.
pub(super) type Tool = (&'static str, &'static str, u64, u64);

pub(super) const TOOLS: [Tool; 4] = [
    ("look_up", "/tool", 200, 40),
    ("classify", "/v1/chat/completions", 200, 20),
    ("summarise", "/v1/chat/completions", 800, 30),
    ("report", "/v1/chat/completions", 3_000, 10),
];

/// A priority, how many flows are of it, and its share of the calls in percent.
const PRIORITIES: [(&str, u64, u64); 4] =
    [("critical", 2, 4), ("high", 3, 12), ("normal", 4, 30), ("low", 3, 54)];

pub(super) fn jobs(scene: &Scene) -> Vec<Job> {
    let mut rng = Rng::new(scene.seed);
    let steady = scene.variation == Variation::OtherUserSteady;
    let wanted = (TOKENS * WINDOWS) as f64 * if steady { STEADY } else { OVERHANG };
    let mut jobs = Vec::new();
    let mut sum = 0;
    while (sum as f64) < wanted {
        let (tool, path, mean) = tool(&mut rng);
        let (priority, flows) = priority(&mut rng);
        let flow = format!("{priority}-{}", rng.below(flows));
        let tokens = match scene.variation {
            variation if variation.is_estimated() => rng.range(mean * 6 / 10, mean * 14 / 10),
            _ => mean,
        };
        let people = matches!(priority, "critical" | "high") || steady;
        let until_ms = if people { WINDOWS * MINUTE_MS } else { 0 };
        let comes = Duration::from_millis(rng.below(until_ms + 1));
        sum += tokens;
        jobs.push(Job { id: jobs.len() as u64, tool, path, flow, priority, tokens, comes });
    }
    jobs
}

fn tool(rng: &mut Rng) -> (&'static str, &'static str, u64) {
    let mut at = rng.below(100);
    for (name, path, tokens, share) in TOOLS {
        if at < share {
            return (name, path, tokens);
        }
        at -= share;
    }
    let (name, path, tokens, _) = TOOLS[0];
    (name, path, tokens)
}

fn priority(rng: &mut Rng) -> (&'static str, u64) {
    let mut at = rng.below(100);
    for (name, flows, share) in PRIORITIES {
        if at < share {
            return (name, flows);
        }
        at -= share;
    }
    ("low", 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studies::provider::{Kind, Regime};

    #[test]
    fn every_regime_has_the_same_calls_and_there_are_more_than_the_windows_hold() {
        for variation in Variation::ALL {
            let jobs_of = |regime| jobs(&Scene::of(Kind::Sliding, variation, regime, 3));
            let ours = jobs_of(Regime::Rampmeter);
            assert_eq!(ours, jobs_of(Regime::Semaphore));
            let sum = ours.iter().map(|job| job.tokens).sum::<u64>();
            assert_eq!(sum > TOKENS * (WINDOWS + 1), variation != Variation::OtherUserSteady);
            for (tool, _, mean, _) in TOOLS {
                let its: Vec<_> = ours.iter().filter(|job| job.tool == tool).collect();
                let sum: u64 = its.iter().map(|job| job.tokens).sum();
                let off = (sum as f64 / its.len() as f64 / mean as f64 - 1.0).abs();
                assert!(its.len() > 100 && off < 0.05, "{tool}: {off}");
            }
        }
    }
}
