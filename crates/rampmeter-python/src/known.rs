//! The gate's policy, and what was found in it once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use pyo3::prelude::*;
use rampmeter::{Access, Policy};

use crate::errors;

/// Both under one lock, so that what was found is never of another policy. Nothing of Python's is
/// touched while it is held.
pub(crate) struct Known(Mutex<Inside>);

struct Inside {
    policy: Arc<Policy>,
    /// Tools that the policy names, and whether their keys follow from arguments.
    tools: HashMap<Box<str>, bool, RandomState>,
}

impl Known {
    pub(crate) fn new(policy: Arc<Policy>) -> Known {
        Known(Mutex::new(Inside { policy, tools: HashMap::default() }))
    }

    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.0.lock().policy.clone()
    }

    /// The gate's policy may be another one. Whoever comes last of several finds the one that stands: it is
    /// asked for with the lock held, which is no harm since the gate wakes nobody for that.
    pub(crate) fn look_again(&self, gate: &rampmeter::Gate) {
        let mut inside = self.0.lock();
        inside.policy = gate.policy();
        inside.tools.clear();
    }

    /// How long calls of this tool may run.
    pub(crate) fn timeout(&self, tool: &str) -> Option<Duration> {
        Some(self.policy().tool(tool)?.timeout)
    }

    /// Whether its calls of one turn run one after the other, since they may write and name no keys.
    pub(crate) fn runs_in_order(&self, tool: &str) -> bool {
        let policy = self.policy();
        policy.tool(tool).is_some_and(|declared| {
            let access = declared.declared_access().unwrap_or(policy.undeclared);
            access == Access::Write && declared.writes.is_empty()
        })
    }

    /// Whether keys of the tool's calls follow from their arguments.
    ///
    /// # Errors
    /// The policy says nothing of the tool.
    #[inline]
    pub(crate) fn has_open_keys(&self, py: Python<'_>, tool: &str) -> PyResult<bool> {
        let mut inside = self.0.lock();
        if let Some(open) = inside.tools.get(tool) {
            return Ok(*open);
        }
        match inside.look_up(tool) {
            Some(open) => Ok(open),
            None => {
                let policy = inside.policy.clone();
                drop(inside);
                Err(errors::unknown_tool(py, &policy, tool))
            }
        }
    }
}

impl Inside {
    #[cold]
    fn look_up(&mut self, tool: &str) -> Option<bool> {
        const KEPT: usize = 4096;
        let open = self.policy.tool(tool)?.names_keys_by_arguments();
        // A pattern fits any number of names.
        if self.tools.len() >= KEPT {
            self.tools.clear();
        }
        self.tools.insert(tool.into(), open);
        Some(open)
    }
}
