//! `--state FILE`: the quotas of a run carry on where the last one's ended.

use std::path::{Path, PathBuf};

use rampmeter::policy::Policy;
use rampmeter::{Durability, Gate, Restored};

use super::source::Paths;
use crate::args::{RunArgs, Written};
use crate::say::say;

/// Parts of a state without a place that are named one by one.
const MOST_NAMED: usize = 5;

/// Where a run keeps what its rates have used.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    durability: Durability,
}

impl StateFile {
    /// What the command line says, else the policy, whose file is looked for beside it.
    pub(crate) fn of(args: &RunArgs, policy: &Policy, paths: &Paths) -> Option<StateFile> {
        if args.unlimited {
            return None;
        }
        let beside = |name: &String| paths.policy.with_file_name(name);
        let path = args.state.clone().or_else(|| policy.run.state.as_ref().map(beside))?;
        let durability = args.durability.map_or(policy.run.durability, Written::durability);
        Some(StateFile { path, durability })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes in what the file says, and keeps it from here on.
    pub(crate) fn open(&self, gate: &Gate) -> Result<(), String> {
        let restored = gate.persist(&self.path, self.durability);
        tell(&self.path, &restored.map_err(|error| format!("{error}; nothing was run"))?);
        Ok(())
    }

    /// The run is over: says whether all that was used is on the disk.
    pub(crate) fn close(gate: &Gate) -> bool {
        match gate.save() {
            Ok(()) => true,
            Err(error) => {
                say(format_args!("error: {error}\n  help: what this run used may be forgotten"));
                false
            }
        }
    }
}

/// What a user should know of what was found. Nothing, if all is well.
fn tell(path: &Path, restored: &Restored) {
    if let Some(set_aside) = &restored.set_aside {
        say(format_args!("warning: {set_aside}"));
    }
    let path = path.display();
    if let Some(ahead) = restored.ahead {
        say(format_args!(
            "warning: {path} is {ahead:.0?} from the future: the clock was set back since\n  help: \
             set it right; until then quotas may come back later than they should"
        ));
    }
    for left_out in restored.left_out.iter().take(MOST_NAMED) {
        say(format_args!("warning: {path}: {left_out}"));
    }
    if let Some(more) = restored.left_out.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        say(format_args!("warning: {path}: {more} more are left out"));
    }
}
