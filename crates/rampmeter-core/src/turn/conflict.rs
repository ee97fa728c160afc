//! Which of a turn's calls must wait for which, and over what.
//!
//! Two calls of a turn conflict if one writes a key that the other reads or writes, whatever their
//! tools; and if they are of one tool and one of them writes without naming what. A call waits for
//! the earlier ones that it conflicts with, so those take effect in the order in which the model
//! wrote them.
//!
//! A call's tool is treated as one more thing that it uses: alone, if it writes without naming what,
//! and beside the others if not. Of each thing the last write and the reads since are remembered. A
//! read waits for that write; a write waits for those reads or, if there are none, for that write.
//! All other conflicts follow from these, so there are at most twice as many waits as there are uses
//! of things, and they are found in the time that it takes to look up each thing once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Access, TurnCall};
use crate::call::KeyAccess;

/// One call of a turn waits for an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Wait {
    /// The place of the earlier one.
    pub on: usize,
    /// What both of them use.
    pub over: Over,
    /// How the earlier one uses it.
    pub earlier: KeyAccess,
    /// How the later one does.
    pub later: KeyAccess,
}

/// What two calls have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Over {
    /// A key, by its number in [`TurnCall::keys`].
    Key(u32),
    /// Their tool, which a call has alone that writes without naming what.
    Tool(u32),
}

/// For each call the earlier ones that it waits for, in their order; one may stand there several
/// times, over several things. What follows from other waits is left out: of three calls that write
/// one key, the third waits for the second alone.
pub fn conflicts(calls: &[TurnCall]) -> Vec<Vec<Wait>> {
    let mut past: BTreeMap<Over, Past> = BTreeMap::new();
    let waits = calls.iter().enumerate().map(|(index, call)| {
        let mut waits = Vec::new();
        for (over, later) in uses(call) {
            past.entry(over).or_default().use_by(index, later, |on, earlier| {
                waits.push(Wait { on, over, earlier, later });
            });
        }
        waits.sort_unstable();
        waits
    });
    waits.collect()
}

/// For each call, how many must end before it may be asked for, and the later calls that wait
/// for it.
pub(super) fn order(calls: &[TurnCall]) -> (Vec<u32>, Vec<Vec<usize>>) {
    let mut waits_for = Vec::with_capacity(calls.len());
    let mut followers: Vec<Vec<usize>> = calls.iter().map(|_| Vec::new()).collect();
    for (index, waits) in conflicts(calls).iter().enumerate() {
        let mut before: Vec<usize> = waits.iter().map(|wait| wait.on).collect();
        before.dedup();
        waits_for.push(u32::try_from(before.len()).unwrap_or(u32::MAX));
        for earlier in before {
            followers[earlier].push(index);
        }
    }
    (waits_for, followers)
}

/// The things that a call uses, each once, as the stronger access says.
fn uses(call: &TurnCall) -> Vec<(Over, KeyAccess)> {
    let mut uses = Vec::with_capacity(call.keys.len() + 1);
    uses_of(call.tool, call.access, &call.keys, &mut uses);
    for it in &call.stand_ins {
        uses_of(it.tool, it.access, &it.keys, &mut uses);
    }
    uses.sort_unstable_by_key(|(over, access)| (*over, core::cmp::Reverse(*access)));
    uses.dedup_by_key(|(over, _)| *over);
    uses
}

/// What one tool uses: that it names what it writes says nothing of another one.
fn uses_of(
    tool: u32,
    access: Access,
    keys: &[(u32, KeyAccess)],
    uses: &mut Vec<(Over, KeyAccess)>,
) {
    let writes = keys.iter().any(|(_, access)| *access == KeyAccess::Exclusive);
    let alone = match access {
        Access::Write if !writes => KeyAccess::Exclusive,
        Access::Read | Access::Write => KeyAccess::Shared,
    };
    uses.extend(keys.iter().map(|(key, access)| (Over::Key(*key), *access)));
    uses.push((Over::Tool(tool), alone));
}

/// Who has used a thing so far, as far as it matters to the next one.
#[derive(Default)]
struct Past {
    write: Option<usize>,
    reads_since: Vec<usize>,
}

impl Past {
    fn use_by(&mut self, call: usize, access: KeyAccess, mut waits: impl FnMut(usize, KeyAccess)) {
        let past_write =
            self.write.filter(|_| access == KeyAccess::Shared || self.reads_since.is_empty());
        past_write.into_iter().for_each(|write| waits(write, KeyAccess::Exclusive));
        match access {
            KeyAccess::Shared => self.reads_since.push(call),
            KeyAccess::Exclusive => {
                self.write = Some(call);
                self.reads_since.drain(..).for_each(|read| waits(read, KeyAccess::Shared));
            }
        }
    }
}

#[cfg(test)]
mod tests;
