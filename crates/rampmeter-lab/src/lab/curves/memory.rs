//! Memory against calls in flight.

use super::point::holds_memory;
use crate::lab::figures::Figure;
use crate::lab::regime::Job;
use crate::lab::study::{Entry, Study};

/// One playing of a scenario whose tools hold memory.
#[derive(Clone, PartialEq, Debug)]
pub struct Memory {
    /// What was played.
    pub job: Job,
    /// The most calls inside tools at once.
    pub in_flight: f64,
    /// The most bytes held at once.
    pub bytes: f64,
}

/// Memory of all playings in which tools hold any, in the order of the study.
pub fn memory(study: &Study) -> Vec<Memory> {
    let figure = |name: &str| Figure::parse(name).ok();
    let (Some(peak), Some(bytes)) = (figure("peak"), figure("memory")) else { return Vec::new() };
    let entries = study.entries.iter().filter(|entry| entry.is_whole() && holds_memory(&[entry]));
    let one = |entry: &Entry| {
        let job = entry.played.job.clone();
        Some(Memory { job, in_flight: peak.of(entry)?, bytes: bytes.of(entry)? })
    };
    entries.filter_map(one).collect()
}
