//! Which of a turn's calls must wait for which.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Access, TurnCall};

/// For each call, how many must end before it may be asked for, and the later calls that wait
/// for it.
pub(super) fn order(calls: &[TurnCall]) -> (Vec<u32>, Vec<Vec<usize>>) {
    let mut waits_for = Vec::with_capacity(calls.len());
    let mut followers: Vec<Vec<usize>> = calls.iter().map(|_| Vec::new()).collect();
    // For each tool: its last write, and the reads since.
    let mut last: BTreeMap<u32, (Option<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        let (write, reads) = last.entry(call.tool).or_default();
        let before: Vec<usize> = match call.access {
            Access::Read => write.iter().copied().collect(),
            Access::Write if reads.is_empty() => write.iter().copied().collect(),
            Access::Write => core::mem::take(reads),
        };
        match call.access {
            Access::Read => reads.push(index),
            Access::Write => *write = Some(index),
        }
        waits_for.push(u32::try_from(before.len()).unwrap_or(u32::MAX));
        for earlier in before {
            followers[earlier].push(index);
        }
    }
    (waits_for, followers)
}
